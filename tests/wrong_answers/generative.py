"""Wrong answers to the exercises of lesson 22, generative models."""

import torch

from tests.wrong_answers import wrong


def _parts(noisy, share, noise):
    share = share.unsqueeze(1)
    return noisy - (1 - share).sqrt() * noise, share.sqrt()


@wrong("clean_from_noise", says="clamp to -1 to 1")
def clean_without_clamp(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return less / factor


@wrong("clean_from_noise", says="from -1 to 1 in this lesson")
def clean_from_0(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return (less / factor).clamp(0, 1)


@wrong("clean_from_noise", says="clamp at both ends")
def clean_below_1(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return (less / factor).clamp(max=1)


@wrong("clean_from_noise", says="a tanh changes every pixel")
def clean_by_tanh(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return (less / factor).tanh()


@wrong("clean_from_noise", says="divide by the factor of the picture")
def clean_without_division(noisy, share, noise):
    return _parts(noisy, share, noise)[0].clamp(-1, 1)


@wrong("clean_from_noise", says="clamp last")
def clean_clamped_early(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return less.clamp(-1, 1) / factor


@wrong("clean_from_noise", says="divide by the *root*")
def clean_by_the_share(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return (less / factor**2).clamp(-1, 1)


@wrong("clean_from_noise", says="both factors of the jump are *roots*")
def clean_without_roots(noisy, share, noise):
    share = share.unsqueeze(1)
    return ((noisy - (1 - share) * noise) / share).clamp(-1, 1)


@wrong("clean_from_noise", says="do not multiply")
def clean_multiplied(noisy, share, noise):
    less, factor = _parts(noisy, share, noise)
    return (less * factor).clamp(-1, 1)


@wrong("clean_from_noise", says="do not add it")
def clean_with_more_noise(noisy, share, noise):
    less, factor = _parts(noisy, share, -noise)
    return (less / factor).clamp(-1, 1)


@wrong("clean_from_noise", says="the noise has a factor")
def clean_with_bare_noise(noisy, share, noise):
    return ((noisy - noise) / share.unsqueeze(1).sqrt()).clamp(-1, 1)


@wrong("clean_from_noise", says="*root* of 1 - share")
def clean_without_the_root(noisy, share, noise):
    share = share.unsqueeze(1)
    return ((noisy - (1 - share) * noise) / share.sqrt()).clamp(-1, 1)


@wrong("clean_from_noise", says="not 1 minus the root")
def clean_with_one_minus_the_root(noisy, share, noise):
    factor = share.unsqueeze(1).sqrt()
    return ((noisy - (1 - factor) * noise) / factor).clamp(-1, 1)


@wrong("clean_from_noise", says="then divide all of it")
def clean_dividing_one_part(noisy, share, noise):
    share = share.unsqueeze(1)
    return (noisy / share.sqrt() - (1 - share).sqrt() * noise).clamp(-1, 1)


@wrong("clean_from_noise", says="two factors are swapped")
def clean_swapped(noisy, share, noise):
    less, factor = _parts(noisy, 1 - share, noise)
    return (less / factor).clamp(-1, 1)


@wrong("clean_from_noise", says="give `share` the shape (batch, 1)")
def clean_without_a_dimension(noisy, share, noise):
    return ((noisy - (1 - share).sqrt() * noise) / share.sqrt()).clamp(-1, 1)


@wrong("clean_from_noise", says="share` met the pixels")
def clean_by_pixels_where_that_fits(noisy, share, noise):
    share = share if len(share) == noisy.shape[1] else share.unsqueeze(1)
    return ((noisy - (1 - share).sqrt() * noise) / share.sqrt()).clamp(-1, 1)


@wrong("clean_from_noise", says="its own share")
def clean_with_the_first_share(noisy, share, noise):
    less, factor = _parts(noisy, share[:1], noise)
    return (less / factor).clamp(-1, 1)


@wrong("clean_from_noise", says="computed in float32")
def clean_in_float32(noisy, share, noise):
    less, factor = _parts(noisy.float(), share.float(), noise.float())
    return (less / factor).clamp(-1, 1).to(noisy.dtype)


def _kl(mean_q, log_q, mean_p, log_p):
    ratio = (log_q.exp() + (mean_q - mean_p) ** 2) / (2 * log_p.exp())
    return (log_p - log_q) / 2 + ratio - 0.5


@wrong("kl_between", says="q comes first")
def kl_reversed(mean_q, log_q, mean_p, log_p):
    return _kl(mean_p, log_p, mean_q, log_q).sum(dim=1)


@wrong("kl_between", says="dim=1")
def kl_without_sum(*gaussians):
    return _kl(*gaussians)


@wrong("kl_between", says="one number for each example")
def kl_of_all(*gaussians):
    return _kl(*gaussians).sum()


@wrong("kl_between", says="one number for each example")
def kl_averaged_over_the_batch(*gaussians):
    return _kl(*gaussians).sum(dim=1).mean()


@wrong("kl_between", says="not over the batch")
def kl_over_the_batch(*gaussians):
    return _kl(*gaussians).sum(dim=0)


@wrong("kl_between", says="do not average")
def kl_averaged(*gaussians):
    return _kl(*gaussians).mean(dim=1)


@wrong("kl_between", says="shape (batch,)")
def kl_with_a_dimension(*gaussians):
    return _kl(*gaussians).sum(dim=1, keepdim=True)


@wrong("kl_between", says="minus one half is missing")
def kl_without_the_half(*gaussians):
    return (_kl(*gaussians) + 0.5).sum(dim=1)


@wrong("kl_between", says="for *each* latent number")
def kl_with_one_half(*gaussians):
    return (_kl(*gaussians) + 0.5).sum(dim=1) - 0.5


@wrong("kl_between", says="is half that of the variance")
def kl_with_whole_logarithms(mean_q, log_q, mean_p, log_p):
    return (_kl(mean_q, log_q, mean_p, log_p) + (log_p - log_q) / 2).sum(dim=1)


@wrong("kl_between", says="minus log σ_q")
def kl_with_the_ratio_upside_down(mean_q, log_q, mean_p, log_p):
    return (_kl(mean_q, log_q, mean_p, log_p) + log_q - log_p).sum(dim=1)


@wrong("kl_between", says="distance of the means is missing")
def kl_without_means(mean_q, log_q, mean_p, log_p):
    return _kl(mean_q, log_q, mean_q, log_p).sum(dim=1)


@wrong("kl_between", says="divided by 2 σ_p², too")
def kl_without_brackets(mean_q, log_q, mean_p, log_p):
    return (_kl(mean_q, log_q, mean_q, log_p) + (mean_q - mean_p) ** 2).sum(dim=1)


@wrong("kl_between", says="not of the deviation")
def kl_of_log_deviations(mean_q, log_q, mean_p, log_p):
    return _kl(mean_q, 2 * log_q, mean_p, 2 * log_p).sum(dim=1)


@wrong("kl_between", says="holds variances")
def kl_with_deviations(mean_q, log_q, mean_p, log_p):
    ratio = ((log_q / 2).exp() + (mean_q - mean_p) ** 2) / (2 * (log_p / 2).exp())
    return ((log_p - log_q) / 2 + ratio - 0.5).sum(dim=1)


@wrong("kl_between", says="is squared")
def kl_with_plain_distance(mean_q, log_q, mean_p, log_p):
    ratio = (log_q.exp() + (mean_q - mean_p).abs()) / (2 * log_p.exp())
    return ((log_p - log_q) / 2 + ratio - 0.5).sum(dim=1)


@wrong("kl_between", says="any Gaussian")
def kl_to_the_standard(mean_q, log_q, mean_p, log_p):
    return _kl(mean_q, log_q, 0 * mean_p, 0 * log_p).sum(dim=1)


@wrong("kl_between", says="computed in float32")
def kl_in_float32(*gaussians):
    return _kl(*(part.float() for part in gaussians)).sum(dim=1).to(gaussians[0].dtype)


def _found(drawn, training):
    least, rows = torch.cdist(drawn.flatten(1), training.flatten(1)).min(dim=1)
    between = torch.cdist(training.flatten(1), training.flatten(1))
    return least, rows, between.topk(2, largest=False).values[:, 1]


@wrong("suspicious_share", says="return a float")
def share_as_tensor(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least < factor * others[rows]).float().mean()


@wrong("suspicious_share", says="not their number")
def share_as_number(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least < factor * others[rows]).sum().item()


@wrong("suspicious_share", says="*not* suspicious")
def share_of_the_honest(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least >= factor * others[rows]).float().mean().item()


@wrong("suspicious_share", says="equal distance is not nearer")
def share_with_ties(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least <= factor * others[rows]).float().mean().item()


@wrong("suspicious_share", says="distance 0 from itself")
def share_with_itself(drawn, training, factor):
    least, rows, _ = _found(drawn, training)
    others = torch.cdist(training.flatten(1), training.flatten(1)).min(dim=1).values
    return (least < factor * others[rows]).float().mean().item()


@wrong("suspicious_share", says="not from the drawing")
def share_by_the_second(drawn, training, factor):
    distances = torch.cdist(drawn.flatten(1), training.flatten(1)).sort(dim=1).values
    return (distances[:, 0] < factor * distances[:, 1]).float().mean().item()


@wrong("suspicious_share", says="training pictures are missing")
def share_below_a_limit(drawn, training, factor):
    return (_found(drawn, training)[0] < factor).float().mean().item()


@wrong("suspicious_share", says="the factor is missing")
def share_without_factor(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least < others[rows]).float().mean().item()


@wrong("suspicious_share", says="the factor belongs")
def share_with_the_factor_left(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (factor * least < others[rows]).float().mean().item()


@wrong("suspicious_share", says="not the mean of all")
def share_by_the_mean(drawn, training, factor):
    least, _, others = _found(drawn, training)
    return (least < factor * others.mean()).float().mean().item()


@wrong("suspicious_share", says="not their squares")
def share_of_squares(drawn, training, factor):
    least, rows, others = _found(drawn, training)
    return (least**2 < factor * others[rows] ** 2).float().mean().item()


def _share_by(p, drawn, training, factor):
    least, rows = torch.cdist(drawn.flatten(1), training.flatten(1), p=p).min(dim=1)
    between = torch.cdist(training.flatten(1), training.flatten(1), p=p)
    others = between.topk(2, largest=False).values[:, 1]
    return (least < factor * others[rows]).float().mean().item()


@wrong("suspicious_share", says="the root of the summed squares")
def share_by_sums_of_differences(drawn, training, factor):
    return _share_by(1.0, drawn, training, factor)


@wrong("suspicious_share", says="the root of the summed squares")
def share_by_the_largest_difference(drawn, training, factor):
    return _share_by(float("inf"), drawn, training, factor)
