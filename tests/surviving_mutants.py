"""Wrong mutants that a check accepts: exercise -> mutant -> what the check does not try.

The list may only shrink.
"""


def _each(untried: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, untried)


SURVIVING = {
    "setup.baseline_score": {
        **_each(
            "training labels of which most do not occur in the test",
            "common = max(set(test_labels), key=train_labels.count)",
        ),
    },
    "cnn.conv_size": {
        **_each(
            "a kernel that fits exactly",
            "return 0 if room <= 0 else room // stride + 1",
            "return 0 if room < 1 else room // stride + 1",
        ),
    },
    "cnn.strided_convolution": {
        **_each(
            "a device other than the CPU",
            "output = torch.zeros(rows, columns, dtype=picture.dtype)",
        ),
        **_each(
            "a kernel of another dtype than the picture's",
            "output = torch.zeros(rows, columns, dtype=kernel.dtype, device=picture.device)",
        ),
    },
}
