"""Lesson 22's Fréchet distance is that of Gaussians, and its forward process fits its way back."""

import pytest
import scipy.linalg
import torch
from torch.distributions import Normal, kl_divergence

from tests.benchmarks.fashion_mnist import lesson

STEM = "22_generative"
frechet = lesson(STEM, "frechet")["frechet"]


def by_scipy(first, second):
    """Compute the distance with a root of the product of the covariances, as its papers do."""
    mean_1, mean_2 = first.mean(dim=0), second.mean(dim=0)
    cov_1, cov_2 = torch.cov(first.T), torch.cov(second.T)
    root = torch.from_numpy(scipy.linalg.sqrtm((cov_1 @ cov_2).numpy()).real)
    return ((mean_1 - mean_2).square().sum() + (cov_1 + cov_2 - 2 * root).trace()).item()


def gaussian(rows, features, generator):
    """Draw from a Gaussian whose mean and covariance are random as well."""
    draw = torch.randn(rows, features, dtype=torch.float64, generator=generator)
    mixed = torch.randn(features, features, dtype=torch.float64, generator=generator)
    return draw @ mixed + mixed[0]


@pytest.mark.parametrize("features", [2, 5, 32])
@pytest.mark.parametrize("seed", range(3))
def test_the_distance_agrees_with_scipy(features, seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = (gaussian(200, features, generator) for _ in range(2))
    known = by_scipy(first, second)
    assert frechet(first, second) == pytest.approx(known, rel=1e-6)
    assert frechet(second, first) == pytest.approx(known, rel=1e-6)


def test_dead_features_and_equal_sets_are_no_trouble():
    first = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
    first[:, :3] = 0
    assert frechet(first, first) == pytest.approx(0, abs=1e-6)
    assert frechet(first, first + 2) == pytest.approx(6 * 4, rel=1e-5)


def test_the_kl_term_agrees_with_torch():
    generator = torch.Generator().manual_seed(0)
    mean, log_var = (torch.randn(7, 3, generator=generator) for _ in range(2))
    q, p = Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)
    kl_term = lesson(STEM, "kl_term")["kl_term"]
    torch.testing.assert_close(kl_term(mean, log_var), kl_divergence(q, p).sum(dim=1))


def test_steps_forward_and_back_fit_the_jump(monkeypatch):
    space = lesson(STEM, "jump", "step_on", "step_back")
    monkeypatch.setattr(torch, "randn", lambda shape: torch.ones(shape))
    kept = torch.linspace(1, 0.02, 30) ** 2
    space["kept"] = kept
    step_back, zero, one = space["step_back"], torch.zeros(1, 1), torch.ones(1, 1)
    factor, variance = 1.0, 0.0
    for t in range(1, len(kept)):
        of_noise = space["step_on"](zero, t)
        of_x = space["step_on"](one, t) - of_noise
        factor, variance = of_x * factor, of_x**2 * variance + of_noise**2
        torch.testing.assert_close(space["jump"](one, t, zero), factor)
        torch.testing.assert_close(space["jump"](zero, t, one) ** 2, variance)
        # the way back from t leads to what the jump to t - 1 gives
        of_x, of_guess = step_back(one, zero, t, zero), step_back(zero, one, t, zero)
        of_noise = step_back(zero, zero, t, one)
        reached = of_guess + of_x * kept[t].sqrt()
        torch.testing.assert_close(reached, space["jump"](one, t - 1, zero))
        spread = of_x**2 * (1 - kept[t]) + of_noise**2
        torch.testing.assert_close(spread, space["jump"](zero, t - 1, one) ** 2, rtol=0, atol=1e-5)
