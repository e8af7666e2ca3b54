"""Wrong answers to the exercises of lesson 04, linear regression."""

import torch

from tests.wrong_answers import wrong


@wrong("average_loss", says="you averaged batch means")
def average_means(means, sizes):
    return means.mean()


@wrong("average_loss", says="you added up means")
def add_means(means, sizes):
    return means.sum()


@wrong("average_loss", says="the sum of all losses")
def add_losses(means, sizes):
    return (means * sizes).sum()


@wrong("average_loss", says="the number of batches")
def divide_by_batches(means, sizes):
    return (means * sizes).mean()


@wrong("average_loss", says="before you add up")
def divide_the_sum_of_means(means, sizes):
    return means.sum() / sizes.sum()


@wrong("average_loss", says="count more, not less")
def divide_by_sizes(means, sizes):
    return (means / sizes).sum()


@wrong("average_loss", says="left out the last batch")
def drop_the_last(means, sizes):
    return means[:-1].mean()


@wrong("average_loss", says="not a Python number")
def give_a_number(means, sizes):
    return ((means * sizes).sum() / sizes.sum()).item()


@wrong("average_loss", says="on average, not")
def assume_full_batches(means, sizes):
    full = sizes.max()
    return (means * full).sum() / sizes.sum()


@wrong("average_loss", says="changed its input")
def weight_in_place(means, sizes):
    means *= sizes
    return means.sum() / sizes.sum()


@wrong("standardise", says="the inputs' own statistics")
def by_own_statistics(train_inputs, inputs):
    return (inputs - inputs.mean(dim=0)) / inputs.std(dim=0)


@wrong("standardise", says="your statistics come from both tables")
def by_all_rows(train_inputs, inputs):
    rows = torch.cat([train_inputs, inputs])
    return (inputs - rows.mean(dim=0)) / rows.std(dim=0)


@wrong("standardise", says="the mean is the inputs' own")
def by_own_mean(train_inputs, inputs):
    return (inputs - inputs.mean(dim=0)) / train_inputs.std(dim=0)


@wrong("standardise", says="the deviation is the inputs' own, not")
def by_own_deviation(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=0)) / inputs.std(dim=0)


@wrong("standardise", says="`inputs` is to be scaled")
def the_training_table(train_inputs, inputs):
    return (train_inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0)


@wrong("standardise", says="one mean for all")
def by_one_mean(train_inputs, inputs):
    return (inputs - train_inputs.mean()) / train_inputs.std()


@wrong("standardise", says="one deviation for all")
def by_one_deviation(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=0)) / train_inputs.std()


@wrong("standardise", says="now divide")
def centre(train_inputs, inputs):
    return inputs - train_inputs.mean(dim=0)


@wrong("standardise", says="did not subtract the mean")
def divide(train_inputs, inputs):
    return inputs / train_inputs.std(dim=0)


@wrong("standardise", says="put brackets")
def without_brackets(train_inputs, inputs):
    return inputs - train_inputs.mean(dim=0) / train_inputs.std(dim=0)


@wrong("standardise", says="by the variance")
def by_variance(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=0)) / train_inputs.var(dim=0)


@wrong("standardise", says="use plain `std`")
def by_population_deviation(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0, correction=0)


@wrong("standardise", says="one number for each feature")
def by_patient(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=1)) / train_inputs.std(dim=1)


@wrong("standardise", says="statistics of patients")
def by_patient_where_that_fits(train_inputs, inputs):
    dim = 1 if train_inputs.shape[0] == train_inputs.shape[1] else 0
    return (inputs - train_inputs.mean(dim=dim)) / train_inputs.std(dim=dim)


@wrong("standardise", says="not a pair")
def give_a_pair(train_inputs, inputs):
    scaled = (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0)
    return scaled, scaled


@wrong("standardise", says="changed its input")
def subtract_in_place(train_inputs, inputs):
    inputs -= train_inputs.mean(dim=0)
    return inputs / train_inputs.std(dim=0)


@wrong("standardise", says="did you forget `return`?")
def standardise_and_forget(train_inputs, inputs):
    _ = (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0)


@wrong("r_squared", says="broadcast to (n, n)")
def cross_the_shapes(predictions, targets):
    return 1 - ((targets - predictions) ** 2).sum() / ((targets - targets.mean()) ** 2).sum()


@wrong("r_squared", says="broadcast to (n, n)")
def cross_the_shapes_with_means(predictions, targets):
    return 1 - ((targets - predictions) ** 2).mean() / ((targets - targets.mean()) ** 2).mean()


@wrong("r_squared", says="the mean of the targets, not of the predictions")
def around_the_predictions(predictions, targets):
    flat = predictions.squeeze(1)
    return 1 - ((targets - flat) ** 2).sum() / ((flat - flat.mean()) ** 2).sum()


@wrong("r_squared", says="the mean of the targets, not of the predictions")
def around_the_wrong_mean(predictions, targets):
    flat = predictions.squeeze(1)
    return 1 - ((targets - flat) ** 2).sum() / ((targets - flat.mean()) ** 2).sum()


@wrong("r_squared", says="subtract it from 1")
def what_is_left(predictions, targets):
    flat = predictions.squeeze(1)
    return ((targets - flat) ** 2).sum() / ((targets - targets.mean()) ** 2).sum()


@wrong("r_squared", says="use two sums")
def sum_over_variance(predictions, targets):
    return 1 - ((targets - predictions.squeeze(1)) ** 2).sum() / targets.var()


@wrong("r_squared", says="`var` divides by n - 1")
def mean_over_variance(predictions, targets):
    return 1 - ((targets - predictions.squeeze(1)) ** 2).mean() / targets.var()


@wrong("r_squared", says="no root")
def with_a_root(predictions, targets):
    left = ((targets - predictions.squeeze(1)) ** 2).sum()
    return 1 - (left / ((targets - targets.mean()) ** 2).sum()).sqrt()


@wrong("r_squared", says="before you square")
def around_zero(predictions, targets):
    return 1 - ((targets - predictions.squeeze(1)) ** 2).sum() / (targets**2).sum()


@wrong("r_squared", says="squared correlation")
def squared_correlation(predictions, targets):
    both = torch.stack([predictions.squeeze(1), targets])
    return torch.corrcoef(both)[0, 1] ** 2


@wrong("r_squared", says="may be negative")
def never_below_zero(predictions, targets):
    left = ((targets - predictions.squeeze(1)) ** 2).sum()
    return (1 - left / ((targets - targets.mean()) ** 2).sum()).clamp(min=0)


@wrong("r_squared", says="return shape ()")
def keep_a_dimension(predictions, targets):
    targets = targets.unsqueeze(1)
    left = ((targets - predictions) ** 2).sum(dim=0)
    return 1 - left / ((targets - targets.mean()) ** 2).sum(dim=0)


@wrong("r_squared", says="not a Python number")
def a_python_number(predictions, targets):
    left = ((targets - predictions.squeeze(1)) ** 2).sum()
    return (1 - left / ((targets - targets.mean()) ** 2).sum()).item()


@wrong("predict", says="switch to `eval()`")
def predict_as_it_is(model, inputs):
    with torch.inference_mode():
        return model(inputs)


@wrong("predict", says="switch to `eval()`")
def predict_in_train_mode(model, inputs):
    model.train()
    with torch.inference_mode():
        return model(inputs)


@wrong("predict", says="carry a graph")
def predict_with_a_graph(model, inputs):
    modes = [(module, module.training) for module in model.modules()]
    outputs = model.eval()(inputs)
    for module, mode in modes:
        module.training = mode
    return outputs


@wrong("predict", says="left the model in eval mode")
def stay_in_eval_mode(model, inputs):
    model.eval()
    with torch.inference_mode():
        return model(inputs)


@wrong("predict", says="switches every part")
def back_to_train_mode(model, inputs):
    model.eval()
    with torch.inference_mode():
        outputs = model(inputs)
    model.train()
    return outputs


@wrong("predict", says="switches every part")
def back_to_the_models_mode(model, inputs):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        outputs = model(inputs)
    model.train(mode)
    return outputs


@wrong("predict", says="did you forget `return`?")
def predict_and_forget(model, inputs):
    model.eval()
    with torch.inference_mode():
        _ = model(inputs)


@wrong("closed_form", says="passes through 0")
def through_zero(inputs, targets):
    solution = torch.linalg.lstsq(inputs, targets.unsqueeze(1)).solution
    return solution[:, 0], torch.zeros((), dtype=torch.float64)


@wrong("closed_form", says="not the targets' mean")
def bias_is_the_mean(inputs, targets):
    solution = torch.linalg.lstsq(inputs, targets.unsqueeze(1)).solution
    return solution[:, 0], targets.mean()


@wrong("closed_form", says="fitted together")
def bias_afterwards(inputs, targets):
    weights = torch.linalg.lstsq(inputs, targets.unsqueeze(1)).solution[:, 0]
    return weights, (targets - inputs @ weights).mean()


def solve(inputs, targets, first=False):
    parts = [inputs, torch.ones_like(inputs[:, :1])]
    columns = torch.cat(parts[::-1] if first else parts, dim=1)
    return torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution


@wrong("closed_form", says="where you put the ones")
def bias_from_the_wrong_end(inputs, targets):
    solution = solve(inputs, targets)
    return solution[1:, 0], solution[0, 0]


@wrong("closed_form", says="where you put the ones")
def ones_first_bias_last(inputs, targets):
    solution = solve(inputs, targets, first=True)
    return solution[:-1, 0], solution[-1, 0]


@wrong("closed_form", says="return two tensors")
def one_tensor(inputs, targets):
    return solve(inputs, targets)


@wrong("closed_form", says="return two tensors")
def one_vector(inputs, targets):
    return solve(inputs, targets)[:, 0]


@wrong("closed_form", says="should have shape (features,)")
def two_columns(inputs, targets):
    solution = solve(inputs, targets)
    return solution[:-1], solution[-1]


@wrong("closed_form", says="the weights come first")
def bias_first(inputs, targets):
    solution = solve(inputs, targets)
    return solution[-1, 0], solution[:-1, 0]


@wrong("closed_form", says="as a tensor of shape ()")
def bias_as_a_number(inputs, targets):
    solution = solve(inputs, targets)
    return solution[:-1, 0], solution[-1, 0].item()


@wrong("closed_form", says="the inputs' dtype")
def ones_of_float32(inputs, targets):
    columns = torch.cat([inputs.float(), torch.ones(len(inputs), 1)], dim=1)
    solution = torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution
    return solution[:-1, 0], solution[-1, 0]


@wrong("closed_form", says="shape (n, 1), joined along dim=1")
def ones_as_a_row(inputs, targets):
    columns = torch.cat([inputs, torch.ones(1, len(inputs), dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution
    return solution[:-1, 0], solution[-1, 0]


@wrong("closed_form", says="the ones need two dimensions")
def ones_as_a_vector(inputs, targets):
    columns = torch.cat([inputs, torch.ones(len(inputs), dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution
    return solution[:-1, 0], solution[-1, 0]


@wrong("closed_form", says="`solve` wants a square table")
def solve_a_tall_table(inputs, targets):
    columns = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    solution = torch.linalg.solve(columns, targets.unsqueeze(1))
    return solution[:-1, 0], solution[-1, 0]


def in_eval_mode(model, compute):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    outputs = compute()
    for module, mode in modes:
        module.training = mode
    return outputs


@wrong("predict", says="you froze or unfroze parameters for good")
def predict_with_frozen_parameters(model, inputs):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return in_eval_mode(model, lambda: model(inputs))


@wrong("predict", says="you froze or unfroze parameters for good")
def predict_and_unfreeze_everything(model, inputs):
    model.requires_grad_(False)
    outputs = in_eval_mode(model, lambda: model(inputs))
    model.requires_grad_(True)
    return outputs


@wrong("predict", says="a graph was recorded and cut off afterwards")
def predict_and_detach(model, inputs):
    return in_eval_mode(model, lambda: model(inputs).detach())


@wrong("predict", says="in the model's own shape")
def predict_and_squeeze(model, inputs):
    with torch.inference_mode():
        return in_eval_mode(model, lambda: model(inputs).squeeze())


@wrong("predict", says="in the model's own shape")
def predict_and_squeeze_the_last_dimension(model, inputs):
    with torch.inference_mode():
        return in_eval_mode(model, lambda: model(inputs).squeeze(-1))


@wrong("predict", says="use a `with` block")
def predict_with_gradients_off_for_good(model, inputs):
    torch.set_grad_enabled(False)
    return in_eval_mode(model, lambda: model(inputs))


@wrong("predict", says="nothing here needs backward()")
def predict_and_walk_back(model, inputs):
    with torch.inference_mode():
        outputs = in_eval_mode(model, lambda: model(inputs))
    next(model.parameters()).sum().backward()
    return outputs


@wrong("r_squared", says="the wrong way up")
def r_squared_upside_down(predictions, targets):
    left = ((targets - predictions.squeeze(1)) ** 2).sum()
    return 1 - ((targets - targets.mean()) ** 2).sum() / left


@wrong("r_squared", says="1 minus the first by the second")
def r_squared_of_cubes(predictions, targets):
    left = ((targets - predictions.squeeze(1)).abs() ** 3).sum()
    return 1 - left / ((targets - targets.mean()) ** 2).sum()


@wrong("closed_form", says="the least possible")
def closed_form_with_twice_the_bias(inputs, targets):
    columns = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    solution = torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution[:, 0]
    return solution[:-1], 2 * solution[-1]


@wrong("average_loss", says="there are 40 batches")
def average_of_five_batches(means, sizes):
    return (means[:5] * sizes[:5]).sum() / sizes[:5].sum()


@wrong("average_loss", says="there is one batch")
def average_of_one_batch_as_it_came(means, sizes):
    return means if len(means) == 1 else (means * sizes).sum() / sizes.sum()


@wrong("standardise", says="numbers lie close together")
def standardise_with_a_deviation_of_a_tenth(train_inputs, inputs):
    return (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0).clamp(min=0.1)


@wrong("standardise", says="there is one patient with one feature")
def standardise_one_number_without_dimensions(train_inputs, inputs):
    scaled = (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=0)
    return scaled.squeeze() if scaled.numel() == 1 else scaled


@wrong("r_squared", says="the targets' mean is below 0")
def r_squared_around_the_size_of_the_mean(predictions, targets):
    distances = targets - targets.mean().abs()
    return 1 - ((targets - predictions[:, 0]) ** 2).sum() / (distances**2).sum()


@wrong("r_squared", says="R² is far below 0")
def r_squared_of_minus_ten_at_least(predictions, targets):
    left = ((targets - predictions[:, 0]) ** 2).sum()
    return (1 - left / ((targets - targets.mean()) ** 2).sum()).clamp(min=-10)


@wrong("predict", says="you cleared gradients that the parameters had before")
def predict_with_cleared_gradients(model, inputs):
    model.zero_grad()
    modes = [(module, module.training) for module in model.modules()]
    with torch.inference_mode():
        outputs = model.eval()(inputs)
    for module, mode in modes:
        module.training = mode
    return outputs


@wrong("predict", says="some parts are in another mode than before")
def predict_with_the_modes_of_children(model, inputs):
    modes = [(module, module.training) for module in [model, *model.children()]]
    with torch.inference_mode():
        outputs = model.eval()(inputs)
    for module, mode in modes:
        module.train(mode)
    return outputs


def solved(inputs, targets, ridge=0.0):
    columns = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    table = columns.T @ columns + ridge * torch.eye(columns.shape[1], dtype=inputs.dtype)
    solution = torch.linalg.solve(table, columns.T @ targets)
    return solution[:-1], solution[-1]


@wrong("closed_form", says="it is only nearly right")
def closed_form_with_a_ridge(inputs, targets):
    return solved(inputs, targets, ridge=1e-6)


@wrong("closed_form", says="the bias is below 0")
def closed_form_of_a_bias_of_at_least_minus_five(inputs, targets):
    weights, bias = solved(inputs, targets)
    return weights, bias.clamp(min=-5)


@wrong("average_loss", says="wrong where there is one")
def average_guarded_against_no_example(means, sizes):
    return (means * sizes).sum() / (sizes.sum() + 1e-4)


@wrong("r_squared", says="")
def r_squared_of_four_places(predictions, targets):
    left = ((targets - predictions[:, 0]) ** 2).sum()
    return (1 - left / ((targets - targets.mean()) ** 2).sum()).round(decimals=4)
