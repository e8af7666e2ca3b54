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
