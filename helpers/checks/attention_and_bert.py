"""Checks for the exercises of lesson 20, attention and BERT."""

import torch

from helpers.checks.attempt import Attempt, exercise


@exercise
def join_pieces(attempt: Attempt) -> None:
    """Join word pieces to words: "##" marks a piece that continues a word."""
    stems = ["un", "pick", "file", "re", "a", "turn", "2", ".", "#"]
    tails = ["##able", "##s", "##ing", "##l", "##er"]
    cases: list[list[str]] = [["un", "##pick", "##able", "file"], ["#", "file", "##s", "#"], []]
    cases += [["a"], ["re", "##turn", "##s", "##s"], ["a", "a", "##s", "a"]]
    for count in (5, 9, 14):
        pieces = ["file", "##s", "##er", "turn"]
        for _ in range(count):
            group = tails if attempt.pick(0, 2) else stems
            pieces.append(group[attempt.pick(0, len(group))])
        cases.append(pieces)
    for pieces in cases:
        words = _join(pieces)
        glued = "".join(pieces)
        backwards: list[str] = []
        for piece in pieces:
            if piece.startswith("##") and backwards:
                backwards[-1] = piece[2:] + backwards[-1]
            else:
                backwards.append(piece)
        mistakes = [
            (" ".join(words), "return a list of words, not one text"),
            (tuple(words), "return a list, not a tuple"),
            (list(pieces), "pieces that begin with ## still stand alone"),
            ([p.replace("##", "") for p in pieces], "the ## are gone, but nothing was joined"),
            ([p for p in pieces if not p.startswith("##")], "pieces that continue were dropped"),
            ([glued.replace("##", "")], "all became one word; only ## continues a word"),
            (_join(pieces, mark=True), "leave out the two signs ## when you join"),
            (_join(pieces, cut=1), "leave out *both* signs #"),
            (_join(pieces, lone=True), "a single # is a word of its own; only ## continues one"),
            (words[:-1], "the last word is missing"),
            (words[1:], "the first word is missing"),
            (backwards, "a piece that continues stands at the *end* of its word"),
            (_join(pieces, twice=False), "a word may have more than two pieces"),
        ]
        attempt.expect(attempt(pieces, errors=_JOIN_ERRORS), words, mistakes)


_JOIN_ERRORS = {
    "list index out of range": "there may be no piece at all, or a single # as the first word"
}


def _join(
    pieces: list[str],
    *,
    mark: bool = False,
    cut: int = 2,
    lone: bool = False,
    twice: bool = True,
) -> list[str]:
    words: list[str] = []
    before = ""
    for piece in pieces:
        goes_on = piece.startswith("#" if lone else "##") and bool(words)
        if goes_on and (twice or not before.startswith("##")):
            words[-1] += piece if mark else piece.lstrip("#") if lone else piece[cut:]
        else:
            words.append(piece)
        before = piece
    return words


@exercise
def corrupt(attempt: Attempt) -> None:
    """Replace chosen pieces: 8 of 10 by the mask, 1 by noise, and 1 stays."""
    for batch, positions, pieces in ((4, 30, 50), (2, 60, 90), (1, 40, 30), (3, 25, 200)):
        mask = attempt.pick(1, 5)
        ids = attempt.randint(5, pieces, (batch, positions))
        noise = (ids - 5 + attempt.randint(1, pieces - 5, (batch, positions))) % (pieces - 5) + 5
        chosen = attempt.randint(0, 2, (batch, positions)).bool()
        chosen[0, :12] = True
        chosen[0, 12:16] = False
        dice = attempt.randint(0, 10, (batch, positions))
        dice[0, :16] = torch.tensor([*range(10), 8, 9, 3, 8, 9, 5]).to(dice.device)
        right = _corrupt(ids, chosen, dice, noise, mask)
        every = torch.ones_like(chosen)
        mistakes = [
            (torch.where(chosen, mask, ids), "8 of 10 chosen pieces become the mask, not all"),
            (_corrupt(ids, every, dice, noise, mask), "pieces that are not chosen stay"),
            (_corrupt(ids, ~chosen, dice, noise, mask), "the *chosen* pieces change"),
            (_corrupt(ids, chosen, 9 - dice, noise, mask), "the mask is for 0 to 7, not 2 to 9"),
            (_corrupt(ids, chosen, dice, noise, mask, high=9), "where the die shows 9, it stays"),
            (_corrupt(ids, chosen, dice, noise, mask, high=7), "8 on the die brings noise"),
            (_corrupt(ids, chosen, dice, noise, mask, low=9), "the mask is for 0 to 7 only"),
            (_corrupt(ids, chosen, dice, noise, mask, low=7), "the mask is for 0 to 7, 7 included"),
            (_corrupt(ids, chosen, dice, noise, mask, low=1), "the mask is for 0 to 7"),
            (
                torch.where(chosen & (dice <= 8), noise, ids),
                "noise overwrote the mask; at 0 to 7 the mask stays",
            ),
            (torch.where(dice < 8, mask, right), "only *chosen* pieces become the mask"),
            (torch.where(dice == 8, noise, right), "only *chosen* pieces become noise"),
            (
                torch.where(chosen & (dice < 8), mask, noise),
                "noise is for 8 on the die alone; all other pieces stay",
            ),
            (
                torch.full_like(ids, mask),
                "all became the mask; do not forget the brackets: chosen & (dice < 8)",
            ),
        ]
        attempt.expect(attempt(ids, chosen, dice, noise, mask), right, mistakes)


def _corrupt(
    ids: torch.Tensor,
    chosen: torch.Tensor,
    dice: torch.Tensor,
    noise: torch.Tensor,
    mask: int,
    low: int = 8,
    high: int = 8,
) -> torch.Tensor:
    ids = torch.where(chosen & (dice >= low) & (dice <= high), noise, ids)
    return torch.where(chosen & (dice < low), mask, ids)


@exercise
def look_back(attempt: Attempt) -> None:
    """Attend to oneself and to at most `reach` positions before."""
    cases = [(2, 6, 4, 3, 2), (1, 5, 9, 4, 1), (3, 4, 3, 3, 10), (2, 5, 2, 6, 0), (1, 1, 4, 2, 3)]
    cases += [(2, 7, 16, 5, 3), (1, 4, 4, 4, 3)]
    for batch, positions, width, other, reach in cases:
        double = torch.float64 if width == 9 else torch.float32
        queries = attempt.randn(batch, positions, width, dtype=double)
        keys = attempt.randn(batch, positions, width, dtype=double)
        values = attempt.randn(batch, positions, other, dtype=double)
        got = attempt(queries, keys, values, reach, errors=_BACK_ERRORS)
        given = (queries, keys, values, reach)
        right = _look_back(*given)
        mistakes = [
            (_look_back(*given, future=True), "a position may read no later one"),
            (_look_back(*given, far=True), "a position may read only `reach` positions back"),
            (_look_back(*given, both=True), "that also reads `reach` positions ahead"),
            (_look_back(*given, turned=True), "that reads ahead, not back"),
            (lambda g=given: _look_back(*g[:3], g[3] + 1), "that reads one position too far back"),
            (
                lambda g=given: _look_back(*g[:3], max(g[3] - 1, 0)),
                "`reach` positions before, and the position itself",
            ),
            (_look_back(*given, root=0.0), "divide the scores by the root of the width"),
            (_look_back(*given, root=1.0), "divide by the *root* of the width"),
            (
                _look_back(*given, root=0.5 * _log(other) / _log(width)),
                "the width is that of queries and keys, not of the values",
            ),
            (_look_back(*given, reach_all=True), "positions that are too far, or later, were read"),
            (_look_back(*given, inverted=True), "the mask is turned around"),
            (_look_back(*given, zero=True), "a score of 0 still gets a weight; use minus infinity"),
            (_look_back(*given, late=True), "mask the scores before the softmax, not its weights"),
            (_look_back(*given, dim=1), "the weights of each *reader* add up to 1: the last dim"),
            (
                _look_back(*given).new_zeros(right.shape) + _look_back(keys, *given[1:]),
                "queries and keys are two different inputs",
            ),
        ]
        if width == positions:
            mistakes.append((_weights(*given), "those are the weights; multiply by the values"))
        attempt.expect(got, right, mistakes)
        exact = double is torch.float32 or torch.allclose(got, right, rtol=1e-9, atol=1e-9)
        attempt.require(exact, "the inputs are float64, but you computed in float32 on the way")


def _log(number: int) -> float:
    return torch.tensor(float(max(number, 2))).log().item()


def _weights(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    reach: int,
    *,
    future: bool = False,
    far: bool = False,
    both: bool = False,
    turned: bool = False,
    reach_all: bool = False,
    inverted: bool = False,
    root: float = 0.5,
    zero: bool = False,
    late: bool = False,
    dim: int = 2,
) -> torch.Tensor:
    """Give the weights, with steps left out or done otherwise."""
    places = torch.arange(queries.shape[1], device=queries.device)
    back = places.unsqueeze(1) - places  # from, to
    back = -back if turned else back
    near = (back >= 0) & (back <= reach)
    if future:
        near = back <= reach
    elif far:
        near = back >= 0
    elif both:
        near = back.abs() <= reach
    elif reach_all:
        near = torch.ones_like(near)
    elif inverted:
        near = ~near
    scores = queries @ keys.transpose(1, 2) / queries.shape[2] ** root
    if late:
        return torch.softmax(scores, dim=2) * near
    scores = torch.where(near, scores, 0.0 if zero else float("-inf"))
    return torch.softmax(scores, dim=dim)


def _look_back(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, reach: int, **how: object
) -> torch.Tensor:
    return _weights(queries, keys, values, reach, **how) @ values


_BACK_ERRORS = {
    "must match the size": "scores are (batch, positions, positions): transpose the keys",
    "Expected size for first two dimensions": "scores come from queries and *transposed* keys",
    "could not be multiplied": "scores come from queries and *transposed* keys",
}
