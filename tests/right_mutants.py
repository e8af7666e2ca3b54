"""Mutants of solutions that are right all the same: exercise -> mutant -> why."""


def _each(why: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, why)


RIGHT = {
    "setup.baseline_score": {
        **_each(
            "a list names the same labels, some of them repeatedly",
            "common = max(train_labels, key=train_labels.count)",
        ),
    },
    "tensors.scale_columns": {
        **_each(
            "a dimension counted from the end is the same one",
            "return (table - table.mean(dim=0)) / table.std(dim=-2)",
            "return (table - table.mean(dim=-2)) / table.std(dim=0)",
        ),
    },
    "tensors.crop_channels_first": {
        **_each(
            "a dimension counted from the end is the same one",
            "return squares.permute(0, 3, 1, -2)",
        ),
    },
    "tensors.label_scores": {
        **_each(
            "a dimension counted from the end is the same one",
            "return scores.gather(1, labels.unsqueeze(1)).squeeze(-1)",
            "return scores.gather(-1, labels.unsqueeze(1)).squeeze(1)",
            "return scores.gather(1, labels.unsqueeze(-1)).squeeze(1)",
        ),
    },
    "tensors.squared_distances": {
        **_each(
            "a square and a size have no sign",
            "differences = b.unsqueeze(0) - a.unsqueeze(1)",
        ),
        **_each(
            "broadcasting adds missing dimensions on the left",
            "differences = a.unsqueeze(1) - b",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "return (differences ** 2).sum(dim=-1)",
        ),
    },
    "autograd.slopes": {
        **_each(
            "nothing is changed in place, so memory shared with the points does no harm",
            "x = points.detach().requires_grad_()",
        ),
        **_each(
            "differs only on points that are marked already, which the exercise does not promise",
            "x = points.clone().requires_grad_()",
        ),
    },
    "autograd.newton_step": {
        **_each(
            "nothing is changed in place, so memory shared with x does no harm",
            "marked = x.detach().requires_grad_()",
        ),
        **_each(
            "differs only on an x that is marked already, which the exercise does not promise",
            "marked = x.clone().requires_grad_()",
        ),
        **_each(
            "the value of x and of its marked copy is the same, and detach() drops the graph",
            "return (x - height / marked.grad).detach()",
        ),
    },
    "autograd.weighted_error": {
        **_each(
            "a square and a size have no sign",
            "error = truths - guesses",
        ),
    },
    "gradient_descent.warmup_cosine": {
        **_each(
            "the cosine of a share and of its negative are the same",
            "share = (warmup_steps - step) / (total_steps - warmup_steps)",
            "share = (step - warmup_steps) / (warmup_steps - total_steps)",
        ),
    },
    "gradient_descent.largest_stable_lr": {
        **_each(
            "A @ A.T has the largest eigenvalue of A.T @ A",
            "columns = torch.stack([inputs, torch.ones_like(inputs)])",
            "columns = torch.stack([inputs, torch.ones_like(inputs)], dim=0)",
            "columns = torch.stack([inputs, torch.ones_like(inputs)], dim=-2)",
            "table = columns @ (2 * columns.T) / len(inputs)",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "columns = torch.stack([inputs, torch.ones_like(inputs)], dim=-1)",
        ),
        **_each(
            "the order of the columns does not change the eigenvalues",
            "columns = torch.stack([torch.ones_like(inputs), inputs], dim=1)",
        ),
        **_each(
            "there is a row for each input",
            "table = 2 * columns.T @ columns / len(columns)",
        ),
        **_each(
            "there are two eigenvalues",
            "return 2 / torch.linalg.eigvalsh(table)[1].item()",
        ),
    },
    "linear_regression.standardise": {
        **_each(
            "a dimension counted from the end is the same one",
            "return (inputs - train_inputs.mean(dim=0)) / train_inputs.std(dim=-2)",
            "return (inputs - train_inputs.mean(dim=-2)) / train_inputs.std(dim=0)",
        ),
    },
    "linear_regression.r_squared": {
        **_each(
            "a square and a size have no sign",
            "residuals = predictions.squeeze(1) - targets",
            "distances = targets.mean() - targets",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "residuals = targets - predictions.squeeze(-1)",
        ),
    },
    "linear_regression.closed_form": {
        **_each(
            "a dimension counted from the end is the same one",
            "columns = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=-1)",
            "solution = torch.linalg.lstsq(columns, targets.unsqueeze(-1)).solution[:, 0]",
        ),
        **_each(
            "the solution has one column",
            "solution = torch.linalg.lstsq(columns, targets.unsqueeze(1)).solution[:, -1]",
        ),
    },
    "logistic_regression.precision_and_recall": {
        **_each(
            "targets are 0 and 1",
            "flagged, ill = (torch.sigmoid(logits) >= threshold, targets >= 1)",
            "return (found / max(flagged.sum().item(), 1), found / max(targets.sum().item(), 1))",
        ),
        **_each(
            "max takes its arguments in any order",
            "return (found / max(1, flagged.sum().item()), found / max(ill.sum().item(), 1))",
            "return (found / max(flagged.sum().item(), 1), found / max(1, ill.sum().item()))",
        ),
    },
    "logistic_regression.auc_by_pairs": {
        **_each(
            "a dimension counted from the end is the same one",
            "ill, healthy = (scores[targets == 1].unsqueeze(-1), scores[targets == 0])",
        ),
        **_each(
            "targets are 0 and 1",
            "ill, healthy = (scores[targets == 1].unsqueeze(1), scores[targets <= 0])",
            "ill, healthy = (scores[targets >= 1].unsqueeze(1), scores[targets == 0])",
        ),
        **_each(
            "a sum with floats makes floats of truth values",
            "return ((ill > healthy) + 0.5 * (ill == healthy).float()).mean().item()",
            "return ((ill > healthy).float() + 0.5 * (ill == healthy)).mean().item()",
        ),
    },
    "logistic_regression.cheapest_threshold": {
        **_each(
            "targets are 0 and 1",
            "ill = targets.unsqueeze(1) >= 1",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "costs = (miss_cost * (ill & ~flagged) + alarm_cost * (~ill & flagged)).sum(dim=-2)",
            "flagged = probabilities.unsqueeze(-1) >= thresholds",
            "ill = targets.unsqueeze(-1) == 1",
        ),
        **_each(
            "the order of the thresholds does not matter",
            "thresholds = torch.cat([torch.full_like(probabilities[:1], 2.0), probabilities])",
        ),
        **_each(
            "a threshold of 2.0 may stand there several times",
            "thresholds = torch.cat([probabilities, torch.full_like(probabilities, 2.0)])",
            "thresholds = torch.cat([probabilities, torch.full_like(probabilities[:1 + 1], 2.0)])",
            "thresholds = torch.cat([probabilities, torch.full_like(probabilities[:], 2.0)])",
            "thresholds = torch.cat([probabilities, torch.full_like(probabilities[:2], 2.0)])",
        ),
        **_each(
            "a 2.0 of another dtype becomes a float beside floats",
            "thresholds = torch.cat([probabilities, torch.full_like(targets[:1], 2.0)])",
        ),
        **_each(
            "nothing is below the minimum",
            "return thresholds[costs <= costs.min()].min().item()",
        ),
    },
    "logistic_regression.weighted_bce": {
        **_each(
            "targets have the dtype of the logits",
            "zeros = torch.zeros_like(targets)",
        ),
        **_each(
            "logaddexp takes its arguments in any order",
            "malignant, benign = (torch.logaddexp(zeros, -logits), torch.logaddexp(logits, zeros))",
            "malignant, benign = (torch.logaddexp(-logits, zeros), torch.logaddexp(zeros, logits))",
        ),
        **_each(
            "it counts only where the target is 0",
            "malignant, benign = (torch.logaddexp(-logits, zeros), torch.logaddexp(logits, "
            "targets))",
        ),
    },
    "datasets_and_dataloaders.collate_words": {
        **_each(
            "a dimension counted from the end is the same one",
            "mask = torch.arange(padded.shape[1]) < lengths.unsqueeze(-1)",
            "mask = torch.arange(padded.shape[-1]) < lengths.unsqueeze(1)",
        ),
    },
    "transforms.channel_statistics": {
        **_each(
            "the order of the dimensions does not matter",
            "return (scaled.mean(dim=(2, 0, 3)), scaled.std(dim=(0, 2, 3)))",
            "return (scaled.mean(dim=(3, 2, 0)), scaled.std(dim=(0, 2, 3)))",
            "return (scaled.mean(dim=(0, 3, 2)), scaled.std(dim=(0, 2, 3)))",
            "return (scaled.mean(dim=(0, 2, 3)), scaled.std(dim=(2, 0, 3)))",
            "return (scaled.mean(dim=(0, 2, 3)), scaled.std(dim=(3, 2, 0)))",
            "return (scaled.mean(dim=(0, 2, 3)), scaled.std(dim=(0, 3, 2)))",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "return (scaled.mean(dim=(0, -2, 3)), scaled.std(dim=(0, 2, 3)))",
            "return (scaled.mean(dim=(0, 2, 3)), scaled.std(dim=(0, -2, 3)))",
        ),
    },
    "transforms.shift_picture": {
        **_each(
            "max takes its arguments in any order",
            "below, above = (max(0, down), max(-down, 0))",
            "below, above = (max(down, 0), max(0, -down))",
            "after, before = (max(0, right), max(-right, 0))",
            "after, before = (max(right, 0), max(0, -right))",
        ),
        **_each(
            "a slice that would end beyond the picture ends at its edge",
            "part = image[:, above:height - down, before:width - after]",
            "part = image[:, above:height - below, before:width - right]",
        ),
    },
    "transforms.mix_pair": {
        **_each(
            "the share, a float, makes floats of whole numbers",
            "targets = F.one_hot(labels, classes)",
        ),
        **_each(
            "of two pictures, the second is the last",
            "picture = lam * images[0] + (1 - lam) * images[-1]",
            "return (picture, lam * targets[0] + (1 - lam) * targets[-1])",
        ),
    },
    "transforms.flip_with_boxes": {
        **_each(
            "a dimension counted from the end is the same one",
            "return (image.flip(2), torch.stack([width - right, top, width - left, bottom], "
            "dim=-1))",
        ),
    },
    "softmax_and_cross_entropy.stable_log_softmax": {
        **_each(
            "a dimension counted from the end is the same one",
            "shifted = logits - logits.max(dim=-1, keepdim=True).values",
            "return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()",
        ),
    },
    "softmax_and_cross_entropy.loss_and_given": {
        **_each(
            "a dimension counted from the end is the same one",
            "probabilities = torch.softmax(logits, dim=-1)",
            "given = probabilities.gather(1, targets.unsqueeze(1)).squeeze(-1)",
            "given = probabilities.gather(-1, targets.unsqueeze(1)).squeeze(1)",
            "given = probabilities.gather(1, targets.unsqueeze(-1)).squeeze(1)",
        ),
    },
    "softmax_and_cross_entropy.temperature_for": {
        **_each(
            "after so many halvings all three are the same number",
            "return high",
            "return low",
            "for _ in range(51):",
            "for _ in range(49):",
            "for _ in range(100):",
            "if torch.softmax(logits / middle, dim=0).max() >= confidence:",
        ),
        **_each(
            "a wider range holds the same temperature",
            "low, high = (0.01, 101.0)",
            "low, high = (0.01, 200.0)",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "if torch.softmax(logits / middle, dim=-1).max() > confidence:",
        ),
    },
    "softmax_and_cross_entropy.smoothed_loss_and_gradient": {
        **_each(
            "the factor, a float, makes floats of whole numbers",
            "one_hot = F.one_hot(targets, num_classes=classes)",
            "one_hot = F.one_hot(targets, num_classes=classes).to(targets.dtype)",
        ),
        **_each(
            "to takes dtype and device from a tensor",
            "one_hot = F.one_hot(targets, num_classes=classes).to(logits)",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "loss = -(soft * F.log_softmax(logits, dim=1)).sum(dim=-1).mean()",
            "return (loss, (torch.softmax(logits, dim=-1) - soft) / batch)",
            "loss = -(soft * F.log_softmax(logits, dim=-1)).sum(dim=1).mean()",
        ),
        **_each(
            "without a dim, log_softmax of a table takes its rows, and warns",
            "loss = -(soft * F.log_softmax(logits)).sum(dim=1).mean()",
        ),
    },
    "activations.dead_by_layer": {
        **_each(
            "a dimension counted from the end is the same one",
            "counts.append((x == 0).all(dim=-2).sum().item())",
        ),
        **_each(
            "no ReLU gives less than 0",
            "counts.append((x <= 0).all(dim=0).sum().item())",
        ),
    },
    "activations.weight_std": {
        **_each(
            "about a million numbers are exact enough",
            "signal = activation(torch.randn(1000001))",
            "signal = activation(torch.randn(999999))",
            "signal = activation(torch.randn(2000000))",
        ),
    },
    "feedforward_network.widest_hidden": {
        **_each(
            "the larger of two numbers has no order",
            "return max(0, (budget - classes) // (inputs + 1 + classes))",
        ),
    },
    "feedforward_network.stopping_epoch": {
        **_each(
            "a loss is below infinity, so the first epoch is a new best",
            "best_loss, best_epoch = (math.inf, 1)",
            "best_loss, best_epoch = (math.inf, -1)",
        ),
        **_each(
            "the distance grows by one an epoch, so it meets the patience first",
            "if epoch - best_epoch == patience:",
        ),
    },
    "feedforward_network.worst_mistakes": {
        **_each(
            "a dimension counted from the end is the same one",
            "wrong = (logits.argmax(dim=1) != targets).nonzero().squeeze(-1)",
            "wrong = (logits.argmax(dim=-1) != targets).nonzero().squeeze(1)",
        ),
    },
    "cnn.conv_size": {
        **_each(
            "-1 // stride + 1 is 0",
            "return 0 if room < -1 else room // stride + 1",
        ),
    },
    "cnn.max_pool": {
        **_each(
            "the order of the dimensions does not matter",
            "return whole.reshape(batch, channels, rows, size, columns, size).amax(dim=(5, 3))",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "return whole.reshape(batch, channels, rows, size, columns, size).amax(dim=(-3, 5))",
        ),
    },
    "cnn.strided_convolution": {
        **_each(
            "picture and kernel have one dtype and device",
            "output = torch.zeros(rows, columns, dtype=picture.dtype, device=kernel.device)",
            "output = torch.zeros(rows, columns, dtype=kernel.dtype, device=picture.device)",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "columns = (picture.shape[-1] - wide) // stride + 1",
        ),
    },
    "transfer_learning.some_of_each": {
        **_each(
            "an index on the CPU picks from a tensor on any device",
            "chosen.append(rows[order])",
            "chosen.append(rows[order.to(generator.device)])",
            "chosen.append(rows[order.to(order.device)])",
        ),
        **_each(
            "all of them lie on one device, and all row numbers are int64",
            "chosen.append(rows[order.to(rows)])",
            "chosen.append(rows[order.to(label.device)])",
            "chosen.append(rows[order.to(targets.device)])",
        ),
    },
    "transfer_learning.nearest_mean": {
        **_each(
            "a dimension counted from the end is the same one",
            "return torch.cdist(queries, means).argmin(dim=-1)",
            "means = torch.stack([features[targets == label].mean(dim=-2) for label in labels])",
        ),
    },
    "tensorboard.smooth": {
        **_each(
            "a count of 0.0 and an average of 0 go on as the same numbers",
            "average, count, shown = (0, 0.0, [])",
        ),
    },
    "checkpointing.epochs_to_delete": {
        **_each(
            "max takes its arguments in any order",
            "return files[:max(len(files) - keep, 0)]",
        ),
    },
    "checkpointing.write_whole": {
        **_each(
            "os.fsync asks a file for its number",
            "os.fsync(file)",
        ),
    },
    "checkpointing.go_on": {
        **_each(
            "the optimizer holds every parameter of the model",
            "model.zero_grad()",
        ),
    },
    "saving_and_loading.changed_names": {
        **_each(
            "keys take part with a dict as with its keys",
            "same = {name for name in before & after.keys() if before[name].dtype == "
            "after[name].dtype and torch.equal(before[name], after[name])}",
            "same = {name for name in before.keys() & after if before[name].dtype == "
            "after[name].dtype and torch.equal(before[name], after[name])}",
            "return sorted((before | after.keys()) - same)",
            "return sorted((before.keys() | after) - same)",
        ),
        **_each(
            "equality has no order",
            "same = {name for name in before.keys() & after.keys() if before[name].dtype == "
            "after[name].dtype and torch.equal(after[name], before[name])}",
        ),
    },
    "saving_and_loading.transplant": {
        **_each(
            "a dict takes part as its keys do",
            "return (sorted(own - fits.keys()), sorted(weights.keys() - fits.keys()))",
            "return (sorted(own.keys() - fits), sorted(weights.keys() - fits.keys()))",
            "return (sorted(own.keys() - fits.keys()), sorted(weights - fits.keys()))",
            "return (sorted(own.keys() - fits.keys()), sorted(weights.keys() - fits))",
        ),
    },
    "saving_and_loading.name_pictures": {
        **_each("that is the default", "saved = torch.load(path, map_location='cpu')"),
        **_each(
            "a tensor of one whole number is a place in a list, too",
            "return [saved['classes'][place] for place in logits.argmax(dim=1)]",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "return [saved['classes'][place] for place in logits.argmax(dim=-1).tolist()]",
        ),
    },
    "debugging.shuffle_pairs": {
        **_each(
            "there are as many targets as inputs",
            "order = torch.randperm(len(targets))",
        ),
    },
    "debugging.even_out": {
        **_each(
            "a dimension counted from the end is the same one",
            "mean = images.mean(dim=-1, keepdim=True)",
        ),
    },
    "debugging.squared_loss": {
        **_each(
            "a square has no sign",
            "return ((targets - predictions.squeeze(1)) ** 2).mean()",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "return ((predictions.squeeze(-1) - targets) ** 2).mean()",
        ),
    },
    "debugging.run_steps": {
        **_each(
            "the optimizer holds the model's parameters and no others",
            "model.zero_grad()",
        ),
    },
    "debugging.prepare_head": {
        **_each(
            "a module, too, has requires_grad_, for all of its parameters",
            "for parameter in model[:-1]:",
        ),
        **_each(
            "an optimizer passes over what gets no gradient",
            "trained = [each for each in model.parameters()]",
        ),
    },
    "debugging.careful_step": {
        **_each(
            "the optimizer holds the model's parameters and no others",
            "model.zero_grad()",
        ),
    },
    "debugging.mean_length": {
        **_each(
            "a dimension counted from the end is the same one",
            "return rows.norm(dim=-1).mean()",
        ),
    },
    "debugging.report_loss": {
        **_each(
            "numbers of both kinds add up and divide alike",
            "total, count = (0, 0.0)",
        ),
        **_each(
            "there are as many targets as inputs",
            "count += len(inputs)",
            "total += loss_fn(model(inputs), targets).item() * len(inputs)",
        ),
    },
    "debugging.choose_columns": {
        **_each(
            "a dimension counted from the end is the same one",
            "centred = (known - known.mean()).unsqueeze(-1)",
            "strength = (inputs[train_rows] * centred).sum(dim=-2).abs()",
        ),
        **_each(
            "the strength has no sign",
            "centred = (known.mean() - known).unsqueeze(1)",
        ),
    },
    "debugging.add_noise": {
        **_each(
            "normal noise is as likely with the other sign",
            "return inputs - strength * noise",
        ),
    },
    "speed_and_memory.accumulate": {
        **_each(
            "inputs and targets are cut into equally many parts",
            "for part, answers in zip(inputs.split(size), targets.split(size)):",
            "for part, answers in zip(inputs.split(size), targets.split(size), strict=False):",
        ),
        **_each(
            "there are as many targets as inputs",
            "loss = loss_fn(model(part), answers) * (len(answers) / len(inputs))",
            "loss = loss_fn(model(part), answers) * (len(part) / len(targets))",
        ),
    },
    "resnet_and_mobilenet.separable_cost": {
        **_each(
            "half of an odd kernel, rounded down",
            "padding = kernel * 1 // 2",
            "padding = kernel // 1 // 2",
            "padding = kernel ** 1 // 2",
            "padding = (kernel - 0) // 2",
        ),
    },
    "resnet_and_mobilenet.inverted_residual": {
        **_each(
            "the first convolution gives as many channels as the depthwise part has groups",
            "groups = len(expand)",
        ),
    },
    "resnet_and_mobilenet.fold_before": {
        **_each(
            "the order of the dimensions does not matter",
            "met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(2, 1, 3))",
            "met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(3, 2, 1))",
            "met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(1, 3, 2))",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "met = (weight * c.reshape(1, -1, 1, 1)).sum(dim=(1, -2, 3))",
        ),
    },
    "sequences_lstm.last_states": {
        **_each(
            "an index on the CPU picks from a tensor on any device",
            "rows = torch.arange(len(states))",
        ),
        **_each(
            "there are as many lengths as states, on one device",
            "rows = torch.arange(len(lengths), device=states.device)",
            "rows = torch.arange(len(states), device=lengths.device)",
        ),
    },
    "sequences_lstm.reverse_padded": {
        **_each(
            "on a machine without an accelerator everything lies on the CPU",
            "places = torch.arange(numbers.shape[1])",
        ),
        **_each(
            "numbers and lengths lie on one device",
            "places = torch.arange(numbers.shape[1], device=lengths.device)",
        ),
        **_each(
            "a dimension counted from the end is the same one",
            "ends = lengths.unsqueeze(-1)",
            "return numbers.gather(-1, torch.where(places < ends, ends - 1 - places, places))",
            "places = torch.arange(numbers.shape[-1], device=numbers.device)",
        ),
        **_each(
            "behind the name, every place holds padding",
            "return numbers.gather(1, torch.where(places < ends, ends - 1 - places, ends))",
        ),
    },
    "attention_and_bert.corrupt": {
        **_each(
            "the next line puts noise where the die shows 8, whatever stood there",
            "ids = torch.where(chosen & (dice <= 8), mask, ids)",
            "ids = torch.where(chosen & (dice < 9), mask, ids)",
        ),
    },
    "attention_and_bert.look_back": {
        **_each(
            "a dimension counted from the end is the same one",
            "back = places.unsqueeze(-1) - places",
            "return torch.softmax(scores, dim=-1) @ values",
        ),
        **_each(
            "queries, keys and values have as many positions, and lie on one device",
            "places = torch.arange(keys.shape[1], device=queries.device)",
            "places = torch.arange(values.shape[1], device=queries.device)",
            "places = torch.arange(queries.shape[1], device=keys.device)",
            "places = torch.arange(queries.shape[1], device=values.device)",
        ),
        **_each(
            "right on the CPU, where this test runs",
            "places = torch.arange(queries.shape[1])",
        ),
        **_each(
            "to swap two dimensions has no order, and keys are as wide as queries",
            "scores = queries @ keys.transpose(2, 1) / queries.shape[2] ** 0.5",
            "scores = queries @ keys.transpose(1, 2) / keys.shape[2] ** 0.5",
        ),
    },
    "object_detection.crop_boxes": {
        **_each(
            "whole numbers leave the boxes' dtype as it is",
            "cut = (boxes - torch.tensor([left, top, left, top])).clamp(0, size)",
            "cut = (boxes - torch.tensor([left, top, left, top]).to(labels)).clamp(0, size)",
        ),
        **_each(
            "of four columns, the third is the last but one",
            "whole = (boxes[:, -2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])",
            "visible = (cut[:, -2] - cut[:, 0]) * (cut[:, 3] - cut[:, 1])",
        ),
    },
    "object_detection.soften": {
        **_each(
            "a score of 0 stays 0, and lowers no other if it is never taken",
            "left = scores.bool()",
        ),
        **_each(
            "there are as many boxes as scores",
            "for _ in range(len(boxes)):",
            "for _ in range(len(factors)):",
            "for _ in range(len(left)):",
        ),
        **_each(
            "no score is below 0, and one of 0 stays 0 whenever it is taken",
            "best = torch.where(left, scores, 0).argmax()",
            "best = torch.where(left, scores, -2).argmax()",
        ),
    },
    "generative.clean_from_noise": {
        **_each(
            "the new dimension of a vector is its last",
            "share = share.unsqueeze(-1)",
        ),
    },
    "generative.kl_between": {
        **_each(
            "the second of two dimensions is the last",
            "return (logs + squares / (2 * log_var_p.exp()) - 0.5).sum(dim=-1)",
        ),
        **_each(
            "a square has no sign",
            "squares = log_var_q.exp() + (mean_p - mean_q) ** 2",
        ),
    },
    "generative.suspicious_share": {
        **_each(
            "the second of two dimensions, and of two values, is the last",
            "least, rows = torch.cdist(drawn.flatten(1), own).min(dim=-1)",
            "others = torch.cdist(own, own).topk(2, largest=False).values[:, -1]",
        ),
    },
    "exporting_models.quantise_rows": {
        **_each(
            "a matrix has only one dimension after the first",
            "step = rows.abs().amax(dim=-1) / 127",
        ),
        **_each(
            "the largest absolute value is never negative",
            "step = torch.where(step <= 0, 1, step)",
        ),
    },
    "exporting_models.respond": {
        **_each(
            "the words of an error are free",
            "return (413, {'error': 'at most 200 bytesx'})",
            "return (422, {'error': 'send an object with valuesx'})",
            "return (400, {'error': 'the body is not JSONx'})",
            "return (500, {'error': 'our faultx'})",
        ),
    },
    "scaling_out.plan_step": {
        **_each(
            "where the division has no rest, both give the same number",
            "while share % parts or share / parts > fits:",
        ),
    },
    "scaling_out.true_accuracy": {
        **_each(
            "a dimension counted from the end is the same one",
            "pack = torch.stack(hits, dim=-1).flatten()",
        ),
    },
    "scaling_out.held_numbers": {
        **_each(
            "the order of two numbers does not matter to min and max",
            "own = min(max(0, length - rank * rows), rows)",
            "own = min(rows, max(length - rank * rows, 0))",
        ),
    },
}
