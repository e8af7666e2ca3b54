"""Wrong mutants that a check accepts: exercise -> mutant -> what the check does not try.

The list may only shrink.
"""


def _each(untried: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, untried)


SURVIVING = {
    "logistic_regression.precision_and_recall": {
        **_each(
            "one patient flagged, rightly",
            "return (found / max(flagged.sum().item(), 2), found / max(ill.sum().item(), 1))",
        ),
        **_each(
            "one ill patient, found",
            "return (found / max(flagged.sum().item(), 1), found / max(ill.sum().item(), 2))",
        ),
    },
    "logistic_regression.cheapest_threshold": {
        **_each(
            "a single patient",
            "thresholds = torch.cat([probabilities, torch.full_like(probabilities[:-1], 2.0)])",
        ),
    },
    "datasets_and_dataloaders.worker_share": {
        **_each(
            "a range where a list is asked for",
            "return range(start + worker, stop, workers)",
        ),
    },
    "softmax_and_cross_entropy.temperature_for": {
        **_each(
            "a temperature near 0.01, the lowest that the text allows",
            "low, high = (0.02, 100.0)",
        ),
        **_each(
            "a temperature near 100, the highest that the text allows",
            "low, high = (0.01, 99.0)",
        ),
    },
    "feedforward_network.stopping_epoch": {
        **_each(
            "losses that are never below infinity",
            "best_loss, best_epoch = (math.inf, 1)",
            "best_loss, best_epoch = (math.inf, -1)",
        ),
    },
}
