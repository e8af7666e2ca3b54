"""Known wrong answers to the exercises of lesson 06."""

import math

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from tests.wrong_answers import wrong


@wrong("batch_sizes", says="the smaller last batch is missing")
def batch_sizes_always_dropped(examples, batch_size, drop_last):
    return [batch_size] * (examples // batch_size)


@wrong("batch_sizes", says="drop_last=True leaves the smaller last batch out")
def batch_sizes_never_dropped(examples, batch_size, drop_last):
    rest = examples % batch_size
    return [batch_size] * (examples // batch_size) + ([rest] if rest else [])


@wrong("batch_sizes", says="a batch of 0 examples")
def batch_sizes_with_an_empty_one(examples, batch_size, drop_last):
    full = [batch_size] * (examples // batch_size)
    return full if drop_last else [*full, examples % batch_size]


@wrong("batch_sizes", says="return their sizes")
def batch_sizes_counted(examples, batch_size, drop_last):
    return examples // batch_size if drop_last else math.ceil(examples / batch_size)


@wrong("batch_sizes", says="takes what is left")
def batch_sizes_all_full(examples, batch_size, drop_last):
    count = examples // batch_size if drop_last else math.ceil(examples / batch_size)
    return [batch_size] * count


@wrong("fair_weights", says="these grow with the class")
def fair_weights_as_counts(labels):
    return labels.bincount()[labels].float()


@wrong("fair_weights", says="these grow with the class")
def fair_weights_as_shares(labels):
    return labels.bincount()[labels] / len(labels)


@wrong("fair_weights", says="one for each example")
def fair_weights_by_class(labels):
    return 1 / labels.bincount()


@wrong("fair_weights", says="those of each class should")
def fair_weights_that_add_up_to_one(labels):
    weights = 1 / labels.bincount()[labels]
    return weights / weights.sum()


@wrong("fair_weights", says="in the order of sorted labels")
def fair_weights_sorted(labels):
    counts = labels.bincount()
    counts = counts[counts > 0]
    return (1 / counts).repeat_interleave(counts)


@wrong("fair_weights", says="place k of your counts is not class k")
def fair_weights_without_gaps(labels):
    return 1 / labels.unique(return_counts=True)[1][labels]


@wrong("fair_weights", says="expected dtype torch.float32")
def fair_weights_in_double(labels):
    return 1 / labels.bincount().double()[labels]


class Windows(Dataset):
    """The right answer, to be spoilt."""

    def __init__(self, series, width, count=0):
        self.series, self.width = series, width
        self.count = len(series) - width + count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        end = index + self.width
        return self.series[index:end], self.series[end]


@wrong("window_dataset", says="one example too many")
def window_dataset_too_long(series, width):
    return Windows(series, width, count=1)


@wrong("window_dataset", says="one example too few")
def window_dataset_too_short(series, width):
    return Windows(series, width, count=-1)


@wrong("window_dataset", says="return a dataset")
def window_dataset_as_a_list(series, width):
    return list(Windows(series, width))


@wrong("window_dataset", says="the window's own last value")
def window_dataset_target_inside(series, width):
    class Inside(Windows):
        def __getitem__(self, index):
            window, _ = super().__getitem__(index)
            return window, window[-1]

    return Inside(series, width)


@wrong("window_dataset", says="the target should have shape ()")
def window_dataset_target_sliced(series, width):
    class Sliced(Windows):
        def __getitem__(self, index):
            end = index + self.width
            return self.series[index:end], self.series[end : end + 1]

    return Sliced(series, width)


@wrong("window_dataset", says="the target is a Python float")
def window_dataset_target_as_a_float(series, width):
    class Unpacked(Windows):
        def __getitem__(self, index):
            window, target = super().__getitem__(index)
            return window, target.item()

    return Unpacked(series, width)


@wrong("window_dataset", says="dataset[0] raised AttributeError")
def window_dataset_forgets_the_series(series, width):
    class Forgets(Windows):
        def __init__(self, series, width):
            self.width, self.count = width, len(series) - width

    return Forgets(series, width)


@wrong("window_dataset", says="the window holds its target")
def window_dataset_too_wide(series, width):
    class Wide(Windows):
        def __getitem__(self, index):
            end = index + self.width
            return self.series[index : end + 1], self.series[end]

    return Wide(series, width)


@wrong("window_dataset", says="windows overlap")
def window_dataset_side_by_side(series, width):
    return Windows(series, width, count=(len(series) - width) // width - len(series) + width)


def parts(batch):
    words, labels = [word for word, _ in batch], torch.tensor([label for _, label in batch])
    padded = pad_sequence(words, batch_first=True)
    lengths = torch.tensor([len(word) for word in words]).unsqueeze(1)
    return padded, torch.arange(padded.shape[1]) < lengths, labels


@wrong("collate_words", says="a letter may have the code 0")
def collate_words_mask_from_zeros(batch):
    padded, _, labels = parts(batch)
    return padded, padded != 0, labels


@wrong("collate_words", says="True where no letter is")
def collate_words_mask_inverted(batch):
    padded, mask, labels = parts(batch)
    return padded, ~mask, labels


@wrong("collate_words", says="see batch_first")
def collate_words_in_columns(batch):
    _, mask, labels = parts(batch)
    return pad_sequence([word for word, _ in batch]), mask, labels


@wrong("collate_words", says="fill the shorter ones up first")
def collate_words_stacked(batch):
    _, mask, labels = parts(batch)
    return torch.stack([word for word, _ in batch]), mask, labels


@wrong("collate_words", says="the labels are still a list")
def collate_words_labels_listed(batch):
    padded, mask, labels = parts(batch)
    return padded, mask, labels.tolist()


@wrong("collate_words", says="but not the words")
def collate_words_to_a_fixed_width(batch):
    padded, mask, labels = parts(batch)
    wide = torch.zeros(len(batch), 40, dtype=torch.int64)
    wide[:, : padded.shape[1]] = padded
    return wide, mask, labels


@wrong("collate_words", says="return three values")
def collate_words_without_labels(batch):
    return parts(batch)[:2]


@wrong("fair_weights", says="a class number may be larger than the number of examples")
def classes_up_to_the_number_of_examples(labels):
    weights = torch.zeros(len(labels))
    for number in range(len(labels)):
        count = int((labels == number).sum())
        if count:
            weights[labels == number] = 1 / count
    return weights


@wrong("collate_words", says="another one is longer")
def as_wide_as_the_first_word(batch):
    words, labels = [word for word, _ in batch], torch.tensor([label for _, label in batch])
    padded = pad_sequence(words, batch_first=True)[:, : len(words[0])]
    lengths = torch.tensor([len(word) for word in words]).unsqueeze(1)
    return padded, torch.arange(len(words[0])) < lengths, labels


@wrong("collate_words", says="another one is longer")
def as_wide_as_the_last_word(batch):
    words, labels = [word for word, _ in batch], torch.tensor([label for _, label in batch])
    padded = torch.zeros(len(words), len(words[-1]), dtype=torch.int64)
    for row, word in zip(padded, words, strict=True):
        row[: len(word)] = word
    return padded, padded >= 0, labels


@wrong("fair_weights", says="the weights of class 0 add up to 2, not to 1")
def twice_the_weight(labels):
    return 2 / labels.bincount()[labels]


@wrong("fair_weights", says="within a class all examples weigh the same")
def the_first_of_a_class_weighs_it_all(labels):
    weights = torch.zeros(len(labels))
    for label in labels.unique():
        weights[(labels == label).nonzero()[0]] = 1
    return weights


@wrong("batch_sizes", says="the smaller batch comes last")
def the_smaller_batch_first(examples, batch_size, drop_last):
    full, rest = divmod(examples, batch_size)
    return [rest] * (rest > 0 and not drop_last) + [batch_size] * full


@wrong("collate_words", says="the order is")
def mask_before_words(batch):
    words, labels = [word for word, _ in batch], torch.tensor([label for _, label in batch])
    padded = pad_sequence(words, batch_first=True)
    lengths = torch.tensor([len(word) for word in words]).unsqueeze(1)
    return torch.arange(padded.shape[1]) < lengths, padded, labels


@wrong("collate_words", says="but not the mask")
def mask_with_the_place_behind_the_word(batch):
    mask, padded, labels = mask_before_words(batch)
    lengths = mask.sum(dim=1, keepdim=True)
    return padded, torch.arange(padded.shape[1]) <= lengths, labels


@wrong("window_dataset", says="the targets are right, but not the windows")
def window_that_begins_late(series, width):
    class Windows(Dataset):
        def __len__(self):
            return len(series) - width

        def __getitem__(self, i):
            return series[i + 1 : i + width], series[i + width]

    return Windows()


@wrong("batch_sizes", says="of 0 examples there is no batch")
def one_batch_at_least(examples, batch_size, drop_last):
    full, rest = divmod(examples, batch_size)
    return [batch_size] * full + [rest] * (not examples or (rest > 0 and not drop_last))


@wrong("batch_sizes", says="your batches hold")
def batches_of_two_at_least(examples, batch_size, drop_last):
    full, rest = divmod(examples, batch_size)
    return [batch_size] * full + [rest] * (rest > 1 and not drop_last)


@wrong("batch_sizes", says="your batches hold")
def drops_what_is_under_half(examples, batch_size, drop_last):
    full, rest = divmod(examples, batch_size)
    return [batch_size] * full + [rest] * (rest > 0 and not (drop_last and rest < batch_size / 2))


@wrong("fair_weights", says="add up to")
def classes_of_two_at_least(labels):
    return 1 / labels.bincount()[labels].clamp(min=2)


@wrong("fair_weights", says="add up to")
def all_from_class_ten_on_are_one(labels):
    labels = labels.clamp(max=10)
    return 1 / labels.bincount()[labels]


@wrong("collate_words", says="expected shape")
def two_letters_wide_at_least(batch):
    width = max(2, *(len(word) for word, _ in batch))
    lengths = torch.tensor([len(word) for word, _ in batch])
    words = [torch.cat([word, word.new_zeros(width - len(word))]) for word, _ in batch]
    mask = torch.arange(width) < lengths.unsqueeze(1)
    return torch.stack(words), mask, torch.tensor([label for _, label in batch])


@wrong("collate_words", says="but not the mask")
def zeros_at_the_end_are_no_letters(batch):
    words = pad_sequence([word for word, _ in batch], batch_first=True)
    mask = words.flip(1).cumsum(dim=1).flip(1) > 0
    return words, mask, torch.tensor([label for _, label in batch])


class _OneSeriesForAll(Dataset):
    def __len__(self):
        return len(self.series) - self.width

    def __getitem__(self, index):
        end = index + self.width
        return self.series[index:end], self.series[end]


@wrong("window_dataset", says="a second dataset changes the first")
def series_kept_by_the_class(series, width):
    _OneSeriesForAll.series, _OneSeriesForAll.width = series, width
    return _OneSeriesForAll()


@wrong("batch_sizes", says="return a list of sizes, not (")
def sizes_in_a_tuple(examples, batch_size, drop_last):
    full, rest = divmod(examples, batch_size)
    return (batch_size,) * full + (rest,) * (rest > 0 and not drop_last)
