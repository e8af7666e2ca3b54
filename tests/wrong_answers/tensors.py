"""Wrong answers to the exercises of lesson 01, tensors."""

import torch

from tests.wrong_answers import wrong


@wrong("scale_columns", says="one mean for the whole table")
def scale_by_one_mean(table):
    table = table.float()
    return (table - table.mean()) / table.std()


@wrong("scale_columns", says="the std of the whole table")
def scale_by_one_std(table):
    table = table.float()
    return (table - table.mean(dim=0)) / table.std()


@wrong("scale_columns", says="rows or the columns that `dim=`")
def scale_over_dim_1(table):
    table = table.float()
    return (table - table.mean(dim=1)) / table.std(dim=1)


@wrong("scale_columns", says="took the rows' means away from the columns")
def scale_over_dim_1_where_that_fits(table):
    table = table.float()
    dim = 1 if table.shape[0] == table.shape[1] else 0
    return (table - table.mean(dim=dim)) / table.std(dim=dim)


@wrong("scale_columns", says="scaled the rows")
def scale_rows(table):
    table = table.float()
    return (table - table.mean(dim=1, keepdim=True)) / table.std(dim=1, keepdim=True)


@wrong("scale_columns", says="not divided by their std")
def only_centre(table):
    return table.float() - table.float().mean(dim=0)


@wrong("scale_columns", says="did not take the mean away")
def only_divide(table):
    return table.float() / table.float().std(dim=0)


@wrong("scale_columns", says="brackets around the difference")
def forget_the_brackets(table):
    table = table.float()
    return table - table.mean(dim=0) / table.std(dim=0)


@wrong("scale_columns", says="divided by the variance")
def scale_by_variance(table):
    table = table.float()
    return (table - table.mean(dim=0)) / table.std(dim=0) ** 2


@wrong("scale_columns", says="divides by n; use plain")
def scale_by_population_std(table):
    table = table.float()
    return (table - table.mean(dim=0)) / table.std(dim=0, correction=0)


@wrong("scale_columns", says="have no mean; cast the table")
def scale_floats_only(table):
    return (table - table.mean(dim=0)) / table.std(dim=0)


@wrong("scale_columns", says="have no std; cast the table")
def cast_for_the_mean_only(table):
    return (table - table.float().mean(dim=0)) / table.std(dim=0)


@wrong("scale_columns", says="leave it so")
def cast_back(table):
    t = table.float()
    return ((t - t.mean(dim=0)) / t.std(dim=0)).to(table.dtype)


@wrong("scale_columns", says="changed its input")
def scale_in_place(table):
    table = table.float()
    table -= table.mean(dim=0)
    table /= table.std(dim=0)
    return table


@wrong("scale_columns", says="expected dtype torch.float32, got torch.float64")
def scale_in_double(table):
    table = table.cpu().to(torch.float64)
    return (table - table.mean(dim=0)) / table.std(dim=0)


@wrong("scale_columns", says="did you forget `return`?")
def scale_and_forget(table):
    table = table.float()
    _ = (table - table.mean(dim=0)) / table.std(dim=0)


@wrong("crop_channels_first", says="`reshape` mixes rows and channels")
def crop_and_reshape(images, top, left, size):
    squares = images[:, top : top + size, left : left + size]
    return squares.reshape(images.shape[0], images.shape[3], size, size)


@wrong("crop_channels_first", says="rows and columns are swapped")
def crop_and_transpose(images, top, left, size):
    return images[:, top : top + size, left : left + size].transpose(1, 3)


@wrong("crop_channels_first", says="the channels are still last")
def crop_only(images, top, left, size):
    return images[:, top : top + size, left : left + size]


@wrong("crop_channels_first", says="`top` counts rows and `left` columns")
def swap_top_and_left(images, top, left, size):
    return images[:, left : left + size, top : top + size].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="a slice ends at a position")
def slice_by_length(images, top, left, size):
    return images[:, top:size, left:size].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="a slice stops before its end")
def crop_one_too_many(images, top, left, size):
    return images[:, top : top + size + 1, left : left + size + 1].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="begins at (0, 0)")
def crop_the_corner(images, top, left, size):
    return images[:, :size, :size].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="nothing is cropped")
def permute_only(images, top, left, size):
    return images.permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="keep the dtype")
def crop_to_float(images, top, left, size):
    return images.permute(0, 3, 1, 2)[:, :, top : top + size, left : left + size].float()


@wrong("crop_channels_first", says="only happened to be 1")
def crop_and_squeeze(images, top, left, size):
    return images[:, top : top + size, left : left + size].permute(0, 3, 1, 2).squeeze()


@wrong("crop_channels_first", says="the result has four dimensions")
def crop_the_first_image(images, top, left, size):
    return images[0, top : top + size, left : left + size].permute(2, 0, 1)


@wrong("label_scores", says="every label's column from every row")
def index_all_rows(scores, labels):
    return scores[:, labels]


@wrong("label_scores", says="remove that last dimension")
def keep_the_column(scores, labels):
    return scores.gather(1, labels.unsqueeze(1))


@wrong("label_scores", says="a bare `squeeze()` also removes the examples")
def squeeze_everything(scores, labels):
    return scores.gather(1, labels.unsqueeze(1)).squeeze()


@wrong("label_scores", says="each row's highest score")
def take_the_best(scores, labels):
    return scores.max(dim=1).values


@wrong("label_scores", says="you returned positions")
def take_positions(scores, labels):
    return scores.argmax(dim=1)


@wrong("label_scores", says="you read row 0 only")
def index_as_a_row(scores, labels):
    return scores.gather(1, labels.unsqueeze(0)).squeeze(0)


@wrong("label_scores", says="you gathered rows")
def gather_rows(scores, labels):
    return scores.gather(0, labels.unsqueeze(1)).squeeze(1)


@wrong("label_scores", says="labels picked whole rows")
def pick_rows(scores, labels):
    return scores[labels]


@wrong("label_scores", says="needs an index with two dimensions")
def gather_by_a_vector(scores, labels):
    return scores.gather(1, labels)


@wrong("label_scores", says="expected a tensor")
def build_a_list(scores, labels):
    return [scores[i, label].item() for i, label in enumerate(labels)]


@wrong("squared_distances", says="leave out the root")
def take_the_root(a, b):
    return ((a.unsqueeze(1) - b) ** 2).sum(dim=2).sqrt()


@wrong("squared_distances", says="the rows belong to `b`")
def swap_the_points(a, b):
    return ((b.unsqueeze(1) - a) ** 2).sum(dim=2)


@wrong("squared_distances", says="you averaged over the coordinates")
def average(a, b):
    return ((a.unsqueeze(1) - b) ** 2).mean(dim=2)


@wrong("squared_distances", says="differences cancel each other")
def forget_the_square(a, b):
    return (a.unsqueeze(1) - b).sum(dim=2)


@wrong("squared_distances", says="square first")
def square_too_late(a, b):
    return (a.unsqueeze(1) - b).sum(dim=2) ** 2


@wrong("squared_distances", says="absolute differences")
def absolute(a, b):
    return (a.unsqueeze(1) - b).abs().sum(dim=2)


@wrong("squared_distances", says="add them up over the coordinates")
def forget_the_sum(a, b):
    return (a.unsqueeze(1) - b) ** 2


@wrong("squared_distances", says="over the points of `b`")
def sum_over_b(a, b):
    return ((a.unsqueeze(1) - b) ** 2).sum(dim=1)


@wrong("squared_distances", says="over the points of `a`")
def sum_over_a(a, b):
    return ((a.unsqueeze(1) - b) ** 2).sum(dim=0)


@wrong("squared_distances", says="added up everything")
def sum_everything(a, b):
    return ((a.unsqueeze(1) - b) ** 2).sum()


@wrong("squared_distances", says="the two do not broadcast")
def pair_the_points(a, b):
    return ((a - b) ** 2).sum(dim=1)


@wrong("squared_distances", says="every one of `a` meets all of `b`")
def pair_where_that_fits(a, b):
    if a.shape == b.shape:
        return ((a - b) ** 2).sum(dim=1)
    return ((a.unsqueeze(1) - b) ** 2).sum(dim=2)


@wrong("squared_distances", says="this is the matrix product")
def multiply(a, b):
    return a @ b.T


@wrong("crop_channels_first", says="which old dimension comes first")
def crop_with_permute_read_the_other_way(images, top, left, size):
    return images[:, top : top + size, left : left + size].permute(0, 2, 3, 1)


@wrong("crop_channels_first", says="needs all four dimensions")
def crop_with_permute_of_three(images, top, left, size):
    return images[:, top : top + size, left : left + size].permute(2, 0, 1)


@wrong("crop_channels_first", says="leave dimension 0 whole")
def crop_that_slices_the_photographs(images, top, left, size):
    return images[top : top + size, left : left + size].permute(0, 3, 1, 2)


@wrong("label_scores", says="along dimension 1")
def label_scores_down_the_columns(scores, labels):
    return scores.gather(0, labels.unsqueeze(0)).squeeze(0)


@wrong("scale_columns", says="a standard deviation of 1")
def scale_columns_twice(table):
    table = table.float()
    return 2 * (table - table.mean(dim=0)) / table.std(dim=0)


@wrong("crop_channels_first", says="yours begins at row")
def crop_channels_first_one_row_late(images, top, left, size):
    rows = images[:, top + 1 : top + 1 + size]
    return rows[:, :, left : left + size].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="dimension 2 is that of the rows")
def crop_channels_first_one_row_more(images, top, left, size):
    return images[:, top : top + size + 1, left : left + size].permute(0, 3, 1, 2)


@wrong("squared_distances", says="you added the coordinates")
def squared_sums(a, b):
    return ((a.unsqueeze(1) + b.unsqueeze(0)) ** 2).sum(dim=2)


@wrong("squared_distances", says="whose squares add up to")
def cubed_distances(a, b):
    return ((a.unsqueeze(1) - b.unsqueeze(0)).abs() ** 3).sum(dim=2)


def scaled(table, eps=0.0):
    table = table.float()
    return (table - table.mean(dim=0)) / (table.std(dim=0) + eps)


@wrong("scale_columns", says="wrong for a table that is wider than high")
def scale_the_longer_dimension(table):
    table, dim = table.float(), int(2 < table.shape[0] < table.shape[1])
    return (table - table.mean(dim=dim, keepdim=True)) / table.std(dim=dim, keepdim=True)


@wrong("scale_columns", says="lie close together")
def scale_with_an_eps(table):
    return scaled(table, eps=1e-4)


@wrong("scale_columns", says="far from all others")
def scale_with_a_limit(table):
    return scaled(table).clamp(-3, 3)


@wrong("scale_columns", says="wrong where a mean is below 0")
def scale_by_the_size_of_the_mean(table):
    table = table.float()
    return (table - table.mean(dim=0).abs()) / table.std(dim=0)


@wrong("scale_columns", says="wrong for one column")
def scale_and_squeeze(table):
    return scaled(table).squeeze()


@wrong("scale_columns", says="wrong for two rows")
def scale_two_rows_by_n(table):
    table = table.float()
    return (table - table.mean(dim=0)) / table.std(dim=0, correction=int(len(table) > 2))


@wrong("scale_columns", says="wrong for whole numbers in torch.uint8")
def scale_signed_bytes(table):
    return scaled(table if table.is_floating_point() else table.to(torch.int8))


def cropped(images, top, left, size):
    return images[:, top : top + size, left : left + size].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="reaches the border of the image")
def crop_from_the_other_end(images, top, left, size):
    _, rows, columns, _ = images.shape
    return images[:, top : top + size - rows, left : left + size - columns].permute(0, 3, 1, 2)


@wrong("crop_channels_first", says="further down than to the right")
def crop_with_the_smaller_first(images, top, left, size):
    return cropped(images, min(top, left), max(top, left), size)


@wrong("crop_channels_first", says="with five channels of int64")
def crop_four_channels(images, top, left, size):
    return cropped(images, top, left, size)[:, :4]


@wrong("crop_channels_first", says="as wide as there are channels")
def crop_what_looks_channels_last(images, top, left, size):
    squares = cropped(images, top, left, size)
    same = squares.shape[1] == size
    return squares.permute(0, 2, 3, 1) if same else squares


@wrong("crop_channels_first", says="wrong for `size` 1")
def crop_and_squeeze_one(images, top, left, size):
    squares = cropped(images, top, left, size)
    return squares.squeeze(3) if size == 1 else squares


@wrong("crop_channels_first", says="wrong for images of bool")
def crop_bools_as_bytes(images, top, left, size):
    squares = cropped(images, top, left, size)
    return squares.to(torch.uint8) if images.dtype == torch.bool else squares


def picked(scores, labels):
    return scores.gather(1, labels.unsqueeze(1)).squeeze(1)


@wrong("label_scores", says="that of the last column")
def label_scores_of_five_classes(scores, labels):
    return picked(scores, labels.clamp(max=4))


@wrong("label_scores", says="wrong for 300 examples")
def label_scores_of_few_rows(scores, labels):
    return picked(scores[:9], labels[:9])


@wrong("label_scores", says="not every class need have a label")
def label_scores_by_the_classes_seen(scores, labels):
    classes = labels.unique()
    if len(classes) > 1 or len(labels) == 1 or scores.shape[1] == 1:
        return picked(scores, labels)
    return picked(scores, labels.new_full(labels.shape, 1))


@wrong("label_scores", says="one class only")
def label_scores_of_one_class_as_a_column(scores, labels):
    return scores if scores.shape[1] == 1 else picked(scores, labels)


@wrong("squared_distances", says="wrong where points lie far apart")
def distances_with_a_limit(a, b):
    return ((a[:, None] - b) ** 2).sum(dim=2).clamp(max=100)


@wrong("squared_distances", says="of 7 coordinates")
def distances_of_four_coordinates(a, b):
    return ((a[:, None, :4] - b[:, :4]) ** 2).sum(dim=2)


@wrong("squared_distances", says="one point and one point")
def distances_of_one_point_as_a_row(a, b):
    distances = ((a[:, None] - b) ** 2).sum(dim=2)
    return distances[0] if distances.numel() == 1 else distances


@wrong("squared_distances", says="distance 0 from itself")
def distances_never_nought(a, b):
    distances = ((a[:, None] - b) ** 2).sum(dim=2)
    return distances.masked_fill(distances == 0, 1e-3)
