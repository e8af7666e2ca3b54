"""Wrong answers to the exercises of lesson 20, attention and BERT."""

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


@wrong("join_pieces", says="not one text")
def pieces_as_a_text(pieces):
    return " ".join(pieces).replace(" ##", "")


@wrong("join_pieces", says="nothing was joined")
def pieces_without_signs(pieces):
    return [piece.replace("##", "") for piece in pieces]


@wrong("join_pieces", says="were dropped")
def pieces_dropped(pieces):
    return [piece for piece in pieces if not piece.startswith("##")]


@wrong("join_pieces", says="leave out the two signs")
def pieces_with_signs(pieces):
    words = []
    for piece in pieces:
        if piece.startswith("##"):
            words[-1] += piece
        else:
            words.append(piece)
    return words


@wrong("join_pieces", says="a single # is a word")
def pieces_by_one_sign(pieces):
    words = []
    for piece in pieces:
        if piece.startswith("#") and words:
            words[-1] += piece.lstrip("#")
        else:
            words.append(piece)
    return words


@wrong("join_pieces", says="last word is missing")
def pieces_without_the_last(pieces):
    words, current = [], ""
    for piece in pieces:
        if piece.startswith("##"):
            current += piece[2:]
        else:
            if current:
                words.append(current)
            current = piece
    return words


@wrong("join_pieces", says="more than two pieces")
def pieces_in_pairs(pieces):
    words = []
    for before, piece in zip(["", *pieces], pieces, strict=False):
        if piece.startswith("##") and not before.startswith("##"):
            words[-1] += piece[2:]
        else:
            words.append(piece)
    return words


@wrong("join_pieces", says="a single # as the first word")
def pieces_by_any_sign(pieces):
    words = []
    for piece in pieces:
        if "#" in piece:
            words[-1] += piece[2:]
        else:
            words.append(piece)
    return words


@wrong("corrupt", says="not all")
def corrupt_all(ids, chosen, dice, noise, mask):
    return torch.where(chosen, mask, ids)


@wrong("corrupt", says="not chosen stay")
def corrupt_everywhere(ids, chosen, dice, noise, mask):
    ids = torch.where((dice == 8), noise, ids)
    return torch.where(dice < 8, mask, ids)


@wrong("corrupt", says="noise overwrote the mask")
def corrupt_in_the_wrong_order(ids, chosen, dice, noise, mask):
    ids = torch.where(chosen & (dice < 8), mask, ids)
    return torch.where(chosen & (dice < 9), noise, ids)


@wrong("corrupt", says="shows 9, it stays")
def corrupt_without_rest(ids, chosen, dice, noise, mask):
    ids = torch.where(chosen & (dice >= 8), noise, ids)
    return torch.where(chosen & (dice < 8), mask, ids)


@wrong("corrupt", says="8 on the die brings noise")
def corrupt_without_noise(ids, chosen, dice, noise, mask):
    return torch.where(chosen & (dice < 8), mask, ids)


@wrong("corrupt", says="changed its input")
def corrupt_in_place(ids, chosen, dice, noise, mask):
    ids[chosen & (dice < 8)] = mask
    swapped = chosen & (dice == 8)
    ids[swapped] = noise[swapped]
    return ids


@wrong("corrupt", says="only *chosen* pieces become the mask")
def corrupt_with_the_mask_everywhere(ids, chosen, dice, noise, mask):
    return torch.where(dice < 8, mask, torch.where(chosen & (dice == 8), noise, ids))


@wrong("corrupt", says="only *chosen* pieces become noise")
def corrupt_with_noise_everywhere(ids, chosen, dice, noise, mask):
    ids = torch.where(chosen & (dice < 8), mask, ids)
    return torch.where(dice == 8, noise, ids)


@wrong("corrupt", says="noise is for 8 on the die alone")
def corrupt_all_the_rest_by_noise(ids, chosen, dice, noise, mask):
    return torch.where(chosen & (dice < 8), mask, noise)


@wrong("corrupt", says="do not forget the brackets")
def corrupt_without_brackets(ids, chosen, dice, noise, mask):
    return torch.where(chosen & dice < 8, mask, ids)


def _places(queries):
    places = torch.arange(queries.shape[1], device=queries.device)
    return places.unsqueeze(1) - places


def _attend(queries, keys, values, near):
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=near)


@wrong("look_back", says="no later one")
def back_and_ahead(queries, keys, values, reach):
    return _attend(queries, keys, values, _places(queries) <= reach)


@wrong("look_back", says="only `reach` positions")
def back_to_the_first(queries, keys, values, reach):
    return _attend(queries, keys, values, _places(queries) >= 0)


@wrong("look_back", says="`reach` positions ahead")
def back_on_both_sides(queries, keys, values, reach):
    return _attend(queries, keys, values, _places(queries).abs() <= reach)


@wrong("look_back", says="one position too far")
def back_too_far(queries, keys, values, reach):
    back = _places(queries)
    return _attend(queries, keys, values, (back >= 0) & (back <= reach + 1))


@wrong("look_back", says="divide the scores")
def back_without_root(queries, keys, values, reach):
    back = _places(queries)
    near = (back >= 0) & (back <= reach)
    scores = torch.where(near, queries @ keys.transpose(1, 2), float("-inf"))
    return torch.softmax(scores, dim=2) @ values


@wrong("look_back", says="before the softmax")
def back_masked_late(queries, keys, values, reach):
    back = _places(queries)
    near = (back >= 0) & (back <= reach)
    scores = queries @ keys.transpose(1, 2) / queries.shape[2] ** 0.5
    return (torch.softmax(scores, dim=2) * near) @ values


@wrong("look_back", says="use minus infinity")
def back_masked_by_zero(queries, keys, values, reach):
    back = _places(queries)
    near = (back >= 0) & (back <= reach)
    scores = queries @ keys.transpose(1, 2) / queries.shape[2] ** 0.5
    return torch.softmax(torch.where(near, scores, 0.0), dim=2) @ values


@wrong("look_back", says="too far, or later, were read")
def back_without_a_mask(queries, keys, values, reach):
    return F.scaled_dot_product_attention(queries, keys, values)


@wrong("look_back", says="turned around")
def back_with_the_mask_inverted(queries, keys, values, reach):
    back = _places(queries)
    return _attend(queries, keys, values, (back < 0) | (back > reach))
