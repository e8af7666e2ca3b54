"""Checks for the exercises of lesson 22, generative models."""

from typing import Any

import torch

from helpers.checks.attempt import Attempt, exercise
from helpers.checks.judge import Case, judge

_FLOAT32 = "the inputs are float64, but you computed in float32 on the way"


def _float64(attempt: Attempt, inputs: tuple, right: torch.Tensor) -> None:
    """Require float64's digits for inputs of float64."""
    got = attempt(*inputs)
    attempt.require(torch.allclose(got, right, rtol=1e-9, atol=1e-9), _FLOAT32)


@exercise
def clean_from_noise(attempt: Attempt) -> None:
    """Solve the jump for the clean picture, and clamp it."""
    cases: list[Case] = []
    for batch, pixels in [(6, 40), (30, 30), (1, 60), (50, 1), (4, 64), (12, 12), (3, 2)]:
        clean = 1.2 * attempt.randn(batch, pixels)  # beyond 1 on both sides, too
        noise = attempt.randn(batch, pixels)
        share = 0.15 + 0.6 * torch.rand(batch, generator=attempt.generator).to(attempt.device)
        if batch == 12:
            share[0], share[1] = 1, 1e-4  # no noise, and hardly anything else
        if batch == 3:  # nothing to clamp, and everything
            clean, noise = clean.tanh(), 0 * noise
        elif batch == 4:
            clean = 9 * clean.sign() + clean
        cases.append(_clean_case(clean, share, noise))
    judge(attempt, cases, _SHAPE_ERRORS)
    double = [part.cpu().double() for part in cases[0][0]]
    _float64(attempt, tuple(double), _clean(*double))


_SHAPE_ERRORS = dict.fromkeys(
    ("must match the size", "is invalid for input of size", "could not be broadcast"),
    "shapes line up from the right: give `share` the shape (batch, 1)",
)


def _clean(noisy: torch.Tensor, share: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    share = share.unsqueeze(1)
    return ((noisy - (1 - share).sqrt() * noise) / share.sqrt()).clamp(-1, 1)


def _clean_case(clean: torch.Tensor, share: torch.Tensor, noise: torch.Tensor) -> Case:
    """Give inputs, the right answer and the usual mistakes."""
    s = share.unsqueeze(1)
    picture, rest = s.sqrt(), (1 - s).sqrt()
    noisy = picture * clean + rest * noise
    less = noisy - rest * noise
    own = "each example has its own share"
    mistakes = [
        (less / picture, "clamp to -1 to 1"),
        ((less / picture).clamp(0, 1), "pixels run from -1 to 1 in this lesson"),
        ((less / picture).clamp(max=1), "clamp at both ends"),
        ((less / picture).clamp(min=-1), "clamp at both ends"),
        ((less / picture).tanh(), "clamp; a tanh changes every pixel"),
        (less.clamp(-1, 1), "divide by the factor of the picture"),
        (less.clamp(-1, 1) / picture, "clamp last, after the division"),
        ((noisy.clamp(-1, 1) - rest * noise) / picture, "clamp the result, not the noisy one"),
        ((less / s).clamp(-1, 1), "divide by the *root* of the share"),
        ((less * picture).clamp(-1, 1), "divide by the factor; do not multiply"),
        (((noisy - (1 - s) * noise) / s).clamp(-1, 1), "both factors of the jump are *roots*"),
        (((noisy + rest * noise) / picture).clamp(-1, 1), "subtract the noise; do not add it"),
        (((noisy - noise) / picture).clamp(-1, 1), "the noise has a factor in the jump"),
        (
            ((noisy - (1 - s) * noise) / picture).clamp(-1, 1),
            "the factor of the noise is the *root* of 1 - share",
        ),
        (
            ((noisy - (1 - picture) * noise) / picture).clamp(-1, 1),
            "the factor of the noise is the root of 1 - share, not 1 minus the root",
        ),
        (
            (noisy / picture - rest * noise).clamp(-1, 1),
            "subtract the noise first, then divide all of it",
        ),
        (((noisy - picture * noise) / rest).clamp(-1, 1), "the two factors are swapped"),
        (noisy.clamp(-1, 1), "take the noise away, and undo the factor of the picture"),
        (_clean(noisy, share[:1], noise), own),
        (_clean(noisy, share.mean().reshape(1), noise), own),
    ]
    if len(share) in (1, noisy.shape[1]):
        wide = (noisy - (1 - share).sqrt() * noise) / share.sqrt()
        mistakes.append((wide.clamp(-1, 1), "`share` met the pixels; give it the shape (batch, 1)"))
    return (noisy, share, noise), _clean(noisy, share, noise), mistakes


@exercise
def kl_between(attempt: Attempt) -> None:
    """KL of two Gaussians with independent parts, summed over the parts."""
    cases: list[Case] = []
    for case, shape in enumerate([(5, 3), (4, 4), (2, 7), (6, 1), (1, 5), (3, 2), (8, 40)]):
        mean_q, mean_p = attempt.randn(*shape) + 1, attempt.randn(*shape) - 1
        log_q, log_p = 0.3 * attempt.randn(*shape) + 0.8, 0.3 * attempt.randn(*shape) - 0.6
        if case == 5:  # the formula of section 3
            mean_p, log_p = 0 * mean_p, 0 * log_p
        elif case == 4:  # equal ones
            mean_p, log_p = mean_q.clone(), log_q.clone()
        elif case == 2:
            mean_q, mean_p, log_q, log_p = mean_p, mean_q, 3 * log_p, 3 * log_q
        cases.append(_kl_case(mean_q, log_q, mean_p, log_p))
    judge(attempt, cases)
    double = [part.cpu().double() for part in cases[0][0]]
    _float64(attempt, tuple(double), _kl(*double).sum(dim=1))


def _kl(
    mean_q: torch.Tensor, log_q: torch.Tensor, mean_p: torch.Tensor, log_p: torch.Tensor
) -> torch.Tensor:
    """Compute KL(q, p) number by number."""
    square = (mean_q - mean_p) ** 2
    return (log_p - log_q) / 2 + (log_q.exp() + square) / (2 * log_p.exp()) - 0.5


def _kl_case(
    mean_q: torch.Tensor, log_q: torch.Tensor, mean_p: torch.Tensor, log_p: torch.Tensor
) -> Case:
    """Give inputs, the right answer and the usual mistakes."""
    parts = _kl(mean_q, log_q, mean_p, log_p)
    square, away = (mean_q - mean_p) ** 2, (mean_q - mean_p).abs()
    half, q, p = (log_p - log_q) / 2, log_q.exp(), log_p.exp()
    ratio = (q + square) / (2 * p)
    deviations = (q.sqrt() + square) / (2 * p.sqrt())
    one_each = "keep one number for each example: sum over dim=1 only"
    squares = "that term holds variances, `log_var.exp()`, not deviations"
    mistakes = [
        (_kl(mean_p, log_p, mean_q, log_q).sum(dim=1), "that is KL(p, q); q comes first"),
        (parts, "add up over the latent numbers, dim=1"),
        (parts.sum(dim=1, keepdim=True), "return the shape (batch,)"),
        (parts.sum(), one_each),
        (parts.sum().item(), one_each),
        (parts.mean(), one_each),
        (parts.sum(dim=1).mean(), one_each),
        (parts.sum(dim=0), "sum over the latent numbers, dim=1, not over the batch"),
        (parts.mean(dim=1), "add up over the latent numbers; do not average"),
        ((half + ratio).sum(dim=1), "the minus one half is missing"),
        ((half + ratio).sum(dim=1) - 0.5, "subtract one half for *each* latent number"),
        ((half + ratio - 1).sum(dim=1), "subtract one half, not one"),
        ((half + ratio + 0.5).sum(dim=1), "subtract one half; do not add it"),
        (
            (2 * half + ratio - 0.5).sum(dim=1),
            "the logarithm of a deviation is half that of the variance",
        ),
        ((ratio - half - 0.5).sum(dim=1), "the first term is log σ_p minus log σ_q"),
        ((ratio - 0.5).sum(dim=1), "the logarithm of the deviations' ratio is missing"),
        ((half + q / (2 * p) - 0.5).sum(dim=1), "the distance of the means is missing"),
        (
            (half + q / (2 * p) + square - 0.5).sum(dim=1),
            "the squared distance of the means is divided by 2 σ_p², too",
        ),
        ((half + 2 * ratio - 0.5).sum(dim=1), "divide by *two* σ_p²"),
        ((half + ratio * p - 0.5).sum(dim=1), "divide by σ_p², too"),
        ((half + deviations - 0.5).sum(dim=1), squares),
        ((half + (q.sqrt() + square) / (2 * p) - 0.5).sum(dim=1), squares),
        ((half + (q + square) / (2 * p.sqrt()) - 0.5).sum(dim=1), squares),
        (
            (2 * half + (q**2 + square) / (2 * p**2) - 0.5).sum(dim=1),
            "log_var is the logarithm of the variance, not of the deviation",
        ),
        ((half + (q + away) / (2 * p) - 0.5).sum(dim=1), "the distance of the means is squared"),
        (_kl(mean_q, log_q, 0 * mean_p, 0 * log_p).sum(dim=1), "p is any Gaussian here"),
    ]
    return (mean_q, log_q, mean_p, log_p), parts.sum(dim=1), mistakes


@exercise
def suspicious_share(attempt: Attempt) -> None:
    """The share of drawings nearer to a training picture than its neighbour is, by a factor."""
    cases: list[Case] = []
    places = torch.tensor([0.0, 10.0, 14.0, 40.0, 41.0, 60.0, 90.0])
    drawings = [1.0, 4.0, 7.0, 10.5, 15.0, 18.0, 39.75, 42.0, 45.0, 55.0, 61.0, 64.0, 87.0]
    for factor in (0.5, 0.75, 0.25):
        shift = attempt.pick(-40, 40)
        parts = [torch.tensor([*drawings, 121.0]), places]
        mixed = [part[torch.randperm(len(part), generator=attempt.generator)] for part in parts]
        cases.append(_share_case(*(part.reshape(-1, 1, 1, 1) + shift for part in mixed), factor))
    tie = torch.tensor([2.0, 1.0, 2.0]).reshape(-1, 1, 1, 1)
    cases.append(_share_case(tie, torch.tensor([0.0, 4.0, 9.0]).reshape(-1, 1, 1, 1), 0.5))
    # a sum of differences takes neither drawing for near, the largest difference takes both
    corner = torch.tensor([[3.0, 3.0], [4.5, 4.5]]).reshape(-1, 1, 1, 2)
    cases.append(_share_case(corner, torch.tensor([[0.0, 0], [10, 0]]).reshape(-1, 1, 1, 2), 0.5))
    for n, m, height, width in [(9, 12, 8, 8), (16, 7, 3, 5), (1, 2, 2, 2), (5, 20, 1, 6)]:
        training = attempt.randn(m, 1, height, width).cpu()
        near = training[torch.randint(m, (n,), generator=attempt.generator)]
        away = torch.linspace(0.1, 2, n).reshape(-1, 1, 1, 1)
        drawn = near + away * attempt.randn(n, 1, height, width).cpu()
        cases.append(_share_case(drawn, training, _clear_factor(drawn, training)))
    training = attempt.randn(6, 1, 4, 4).cpu()
    cases.append(_share_case(training[:4].clone(), training, 0.5))  # all stolen
    cases.append(_share_case(training + 100, training, 0.5))  # none
    cases.append(_share_case(training[:3] + 0.01, training, 3.0))
    there = [
        (tuple(x.to(attempt.device) if hasattr(x, "to") else x for x in inputs), right, mistakes)
        for inputs, right, mistakes in cases
    ]
    judge(attempt, there)


_PLAIN = {"compute_mode": "donot_use_mm_for_euclid_dist"}  # exact for equal pictures


def _distances(drawn: torch.Tensor, training: torch.Tensor) -> tuple[Any, Any, Any]:
    """Give the least distance of each drawing, where, and each training picture's to another."""
    own = training.flatten(1)
    least, rows = torch.cdist(drawn.flatten(1), own, **_PLAIN).min(dim=1)
    others = torch.cdist(own, own, **_PLAIN).fill_diagonal_(float("inf")).amin(dim=1)
    return least, rows, others


def _clear_factor(drawn: torch.Tensor, training: torch.Tensor) -> float:
    """Choose a factor that no drawing is close to."""
    least, rows, others = _distances(drawn, training)
    ratios = (least / others[rows]).sort().values
    ends = torch.cat([ratios[:1] / 2, ratios, ratios[-1:] * 2])
    widest = (ends[1:] / ends[:-1]).argmax()
    return (ends[widest] * ends[widest + 1]).sqrt().item()


def _share_case(drawn: torch.Tensor, training: torch.Tensor, factor: float) -> Case:
    """Give inputs, the right answer and the usual mistakes."""
    least, rows, others = _distances(drawn, training)
    second = torch.cdist(drawn.flatten(1), training.flatten(1), **_PLAIN).sort(dim=1).values[:, 1]
    suspicious = least < factor * others[rows]

    def share(which: torch.Tensor) -> float:
        return which.float().mean().item()

    def by(p: float) -> torch.Tensor:
        own = training.flatten(1)
        near, which = torch.cdist(drawn.flatten(1), own, p=p).min(dim=1)
        between = torch.cdist(own, own, p=p).fill_diagonal_(float("inf")).amin(dim=1)
        return near < factor * between[which]

    right = share(suspicious)
    that_one = "take the neighbour of *that* training picture"
    plain = "a distance is the root of the summed squares, as `torch.cdist` gives it"
    mistakes = [
        (torch.tensor(right), "return a float, not a tensor: `item()`"),
        (suspicious.sum().item(), "return the share of the drawings, not their number"),
        (float(suspicious.sum()), "return the share of the drawings, not their number"),
        (100 * right, "a share is from 0 to 1, not in percent"),
        (1 - right, "that is the share of the drawings that are *not* suspicious"),
        (share(least <= factor * others[rows]), "an equal distance is not nearer"),
        (
            share(least < 0),
            "a training picture is at distance 0 from itself; take its nearest *other* one",
        ),
        (
            share(least < factor * second),
            "measure from the nearest training picture to its neighbour, not from the drawing",
        ),
        (share(least < factor), "the distances of the training pictures are missing"),
        (share(least < others[rows]), "the factor is missing"),
        (
            share(factor * least < others[rows]),
            "the factor belongs to the distance between training pictures",
        ),
        (share(least < factor * others.mean()), f"{that_one}, not the mean of all"),
        (share(least < factor * others.min()), f"{that_one}, not the least of all"),
        (share(least**2 < factor * others[rows] ** 2), "compare distances, not their squares"),
        (share(by(1)), plain),
        (share(by(float("inf"))), plain),
    ]
    return (drawn, training, factor), right, mistakes
