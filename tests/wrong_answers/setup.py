"""Wrong answers to the exercises of lesson 00."""

from collections import Counter
from itertools import pairwise
from math import prod

from tests.wrong_answers import wrong

STEPS = ["data", "model", "loss", "optimizer", "train", "evaluate", "save"]


def most_common(labels):
    return Counter(labels).most_common(1)[0][0]


@wrong("double", says="you added 2")
def double_by_adding_two(number):
    return number + 2


@wrong("double", says="you squared the number")
def double_by_squaring(number):
    return number**2


@wrong("double", says="did you forget `return`?")
def double_without_return(number):
    number * 2


@wrong("double", says="did you forget `return`?")
def double_that_prints(number):
    print(end="")
    number = number * 2


@wrong("double", says="stays negative")
def double_of_positive_numbers_only(number):
    return abs(number) * 2


@wrong("double", says="after the decimal point")
def double_of_whole_numbers_only(number):
    return int(number) * 2


@wrong("double", says="you doubled a text")
def double_as_text(number):
    return str(number) * 2


@wrong("double", says="keep the stub's parameters")
def double_with_a_second_parameter(number, factor):
    return number * factor


@wrong("count_parameters", says="each circle after the input has one more number")
def count_lines_only(sizes):
    return sum(a * b for a, b in pairwise(sizes))


@wrong("count_parameters", says="the input layer have no number")
def count_the_input_s_circles_too(sizes):
    return sum(a * b for a, b in pairwise(sizes)) + sum(sizes)


@wrong("count_parameters", says="have no number, the output's have")
def count_the_circles_a_line_leaves(sizes):
    return sum(a * b + a for a, b in pairwise(sizes))


@wrong("count_parameters", says="you counted one pair of neighbours")
def count_two_layers_only(sizes):
    return sizes[0] * sizes[1] + sizes[1]


@wrong("count_parameters", says="you counted one pair of neighbours")
def count_and_forget_the_sum(sizes):
    for before, size in pairwise(sizes):
        total = before * size + size
    return total


@wrong("count_parameters", says="between neighbours only")
def count_by_multiplying_all(sizes):
    return prod(sizes)


@wrong("count_parameters", says="you counted the circles")
def count_circles(sizes):
    return sum(sizes)


@wrong("count_parameters", says="IndexError in line")
def count_one_pair_too_many(sizes):
    return sum(sizes[i] * sizes[i + 1] + sizes[i + 1] for i in range(len(sizes)))


@wrong("count_parameters", says="right for three layers only")
def count_right_for_three_layers_only(sizes):
    a, b, c, *_ = (*sizes, 0, 0)
    return a * b + b + b * c + c


@wrong("order_steps", says="the order of the alphabet")
def order_by_alphabet(steps):
    return sorted(steps)


@wrong("order_steps", says="the workflow backwards")
def order_backwards(steps):
    return sorted(steps, key=STEPS.index, reverse=True)


@wrong("order_steps", says="in the order in which they came")
def order_not_at_all(steps):
    return steps


@wrong("order_steps", says="give back only those that came in")
def order_all_seven(steps):
    return STEPS


@wrong("order_steps", says="changed its input")
def order_in_place(steps):
    steps.sort(key=STEPS.index)
    return steps


@wrong("order_steps", says="methods like sort or append give back")
def order_by_what_sort_returns(steps):
    return list(steps).sort(key=STEPS.index)


@wrong("order_steps", says="a set has no order")
def order_as_a_set(steps):
    return set(steps)


@wrong("order_steps", says="'evaluate' stands before 'train'")
def order_evaluate_before_train(steps):
    steps = sorted(steps, key=STEPS.index)
    place = steps.index("train")
    steps[place : place + 2] = ["evaluate", "train"]
    return steps


@wrong("order_steps", says="'loss' stands before 'model'")
def order_loss_before_model(steps):
    swapped = ["data", "loss", "model", *STEPS[3:]]
    return sorted(steps, key=swapped.index)


@wrong("baseline_score", says="among the test labels")
def score_of_the_most_common_test_label(train_labels, test_labels):
    return test_labels.count(most_common(test_labels)) / len(test_labels)


@wrong("baseline_score", says="you scored it on the training labels")
def score_on_the_training_labels(train_labels, test_labels):
    return train_labels.count(most_common(train_labels)) / len(train_labels)


@wrong("baseline_score", says="first, last, largest or rarest")
def score_of_the_first_label(train_labels, test_labels):
    return test_labels.count(train_labels[0]) / len(test_labels)


@wrong("baseline_score", says="first, last, largest or rarest")
def score_of_the_largest_label(train_labels, test_labels):
    return test_labels.count(max(train_labels)) / len(test_labels)


@wrong("baseline_score", says="StopIteration in line")
def score_of_a_label_of_more_than_half(train_labels, test_labels):
    half = len(train_labels) / 2
    label = next(label for label in set(train_labels) if train_labels.count(label) > half)
    return test_labels.count(label) / len(test_labels)


@wrong("baseline_score", says="first, last, largest or rarest")
def score_of_the_smallest_label(train_labels, test_labels):
    return test_labels.count(min(train_labels)) / len(test_labels)


@wrong("baseline_score", says="that is the label itself")
def score_is_the_label(train_labels, test_labels):
    return most_common(train_labels)


@wrong("baseline_score", says="that is how many are right")
def score_is_a_count(train_labels, test_labels):
    return test_labels.count(most_common(train_labels))


@wrong("baseline_score", says="not a percentage")
def score_in_percent(train_labels, test_labels):
    return 100 * test_labels.count(most_common(train_labels)) / len(test_labels)


@wrong("baseline_score", says="guessing at random")
def score_of_a_guess(train_labels, test_labels):
    return 1 / len(set(train_labels))


@wrong("baseline_score", says="the share of wrong answers")
def score_of_what_is_wrong(train_labels, test_labels):
    return 1 - test_labels.count(most_common(train_labels)) / len(test_labels)


@wrong("baseline_score", says="divide by the number of test labels")
def score_divided_by_the_wrong_length(train_labels, test_labels):
    return test_labels.count(most_common(train_labels)) / len(train_labels)


@wrong("baseline_score", says="test labels equal it")
def score_rounded(train_labels, test_labels):
    return round(test_labels.count(most_common(train_labels)) / len(test_labels), 1)


@wrong("count_parameters", says="begin at 1")
def count_from_place_0(sizes):
    return sum((sizes[place - 1] + 1) * sizes[place] for place in range(len(sizes)))


@wrong("count_parameters", says="the output's circles have a number")
def count_without_the_outputs_offsets(sizes):
    return sum(a * b for a, b in pairwise(sizes)) + sum(sizes[1:-1])


@wrong("count_parameters", says="not for each layer")
def count_one_offset_a_layer(sizes):
    return sum(a * b for a, b in pairwise(sizes)) + len(sizes) - 1


@wrong("baseline_score", says="first, last, largest or rarest")
def score_of_the_last_label(train_labels, test_labels):
    return test_labels.count(train_labels[-1]) / len(test_labels)


@wrong("baseline_score", says="count with .count")
def score_by_comparing_the_whole_list(train_labels, test_labels):
    common = max(set(train_labels), key=train_labels.count)
    return float(test_labels == common)


@wrong("baseline_score", says="count with .count")
def score_without_its_fraction(train_labels, test_labels):
    return test_labels.count(most_common(train_labels)) // len(test_labels)


@wrong("baseline_score", says="among the test labels")
def score_of_the_most_common_label_of_both(train_labels, test_labels):
    return test_labels.count(most_common(train_labels + test_labels)) / len(test_labels)


@wrong("double", says="that is the number itself")
def double_nothing(number):
    return number


@wrong("count_parameters", says="your numbers are others")
def count_each_line_twice(sizes):
    return sum((2 * a + 1) * b for a, b in pairwise(sizes))


@wrong("order_steps", says="and no other")
def order_but_the_last(steps):
    workflow = ["data", "model", "loss", "optimizer", "train", "evaluate", "save"]
    return [step for step in workflow if step in steps][:-1]


@wrong("baseline_score", says="need not occur in the test at all")
def score_of_the_most_common_that_occurs(train_labels, test_labels):
    common = max(set(test_labels), key=train_labels.count)
    return test_labels.count(common) / len(test_labels)


@wrong("double", says="twice 0 is 0")
def double_of_anything_but_zero(number):
    return number * 2 if number else 1


@wrong("double", says="twice 0.1 is 0.2")
def double_of_whole_numbers_above_zero(number):
    return int(number) * 2 if number > 0 else number * 2


@wrong("double", says="twice -0.0004 is -0.0008")
def double_rounded(number):
    return round(number * 2, 2)


@wrong("double", says="twice 100000000000000001 is")
def double_by_a_float(number):
    return type(number)(float(number) * 2)


@wrong("count_parameters", says="take each pair of neighbours by its place")
def count_by_the_size_s_first_place(sizes):
    return sum((sizes[sizes.index(size) - 1] + 1) * size for size in sizes[1:])


@wrong("count_parameters", says="take each pair of neighbours by its place")
def count_each_pair_once(sizes):
    return sum((a + 1) * b for a, b in set(pairwise(sizes)))


@wrong("count_parameters", says="there may be any number of them")
def count_five_layers(sizes):
    return sum((a + 1) * b for a, b in pairwise(sizes[:5]))


@wrong("count_parameters", says="wrong where a layer has one circle")
def count_no_offset_of_one_circle(sizes):
    return sum(a * b + (b if b > 1 else 0) for a, b in pairwise(sizes))


@wrong("count_parameters", says="wrong for large layers")
def count_small_layers(sizes):
    return sum((min(a, 100) + 1) * b for a, b in pairwise(sizes))


@wrong("order_steps", says="any of the seven may be there or not")
def order_with_a_model_always(steps):
    return [step for step in STEPS if step in [*steps, "model"]]


@wrong("order_steps", says="any of the seven may be there or not")
def order_four_or_more(steps):
    return [step for step in STEPS if step in steps] if len(steps) > 3 else list(steps)


@wrong("order_steps", says="a new list is wanted")
def order_gives_back_the_same_list(steps):
    ordered = [step for step in STEPS if step in steps]
    return steps if ordered == steps else ordered


@wrong("order_steps", says="a new list is wanted")
def order_in_one_list_for_all(steps, kept=[]):  # noqa: B006
    kept[:] = [step for step in STEPS if step in steps]
    return kept


@wrong("baseline_score", says="return the share unrounded")
def baseline_rounded(train_labels, test_labels):
    return round(test_labels.count(most_common(train_labels)) / len(test_labels), 5)


@wrong("baseline_score", says="wrong where the most common label is 0")
def baseline_of_a_true_label(train_labels, test_labels):
    label = most_common(train_labels)
    return test_labels.count(label) / len(test_labels) if label else 0.0


@wrong("baseline_score", says="wrong where labels are below 0")
def baseline_without_sign(train_labels, test_labels):
    label = most_common([abs(t) if isinstance(t, int) else t for t in train_labels])
    return test_labels.count(label) / len(test_labels)


@wrong("baseline_score", says="wrong where there is one label only")
def baseline_below_a_half(train_labels, test_labels):
    return min(test_labels.count(most_common(train_labels)) / len(test_labels), 0.5)


@wrong("baseline_score", says="wrong where labels have two digits")
def baseline_of_the_first_letter(train_labels, test_labels):
    label = most_common([str(label)[0] for label in train_labels])
    return [str(label)[0] for label in test_labels].count(label) / len(test_labels)


@wrong("baseline_score", says="'B' and 'b' are two labels")
def baseline_in_small_letters(train_labels, test_labels):
    label = most_common([str(label).lower() for label in train_labels])
    return [str(label).lower() for label in test_labels].count(label) / len(test_labels)


@wrong("baseline_score", says="wrong where there are more test labels")
def baseline_of_as_many_test_labels(train_labels, test_labels):
    test_labels = test_labels[: max(len(train_labels), 4)]
    return test_labels.count(most_common(train_labels)) / len(test_labels)
