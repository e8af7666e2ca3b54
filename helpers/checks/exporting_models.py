"""Checks for the exercises of lesson 23, exporting models."""

import json
from collections.abc import Callable
from typing import Any

import torch

from helpers.checks.attempt import Attempt, WrongAnswer, exercise
from helpers.checks.compare import show

_PARTS_ERRORS = {
    "expected Tensor as element": "join tensors: give torch.cat the answers of `run`",
    "must be tuple of Tensors": "join tensors: give torch.cat a list of the answers of `run`",
    "expected a non-empty list": "no part was sent to `run`",
    "stack expects each tensor to be equal size": "join along the inputs: torch.cat",
    "must match except in dimension 1": "join along the inputs: torch.cat with dim=0",
    "has no attribute 'split'": "split the inputs, a tensor",
}


@exercise
def run_in_parts(attempt: Attempt) -> None:
    """Send inputs through a function that takes few at once, and join the answers."""
    for count, most in ((7, 3), (6, 3), (5, 8), (4, 4), (1, 1), (5, 1), (attempt.pick(20, 40), 7)):
        inputs, weight = attempt.randn(count, 4), attempt.randn(4, 2)
        sizes: list[int] = []

        def run(
            part: torch.Tensor,
            sizes: list[int] = sizes,
            most: int = most,
            weight: torch.Tensor = weight,
        ) -> torch.Tensor:
            if not isinstance(part, torch.Tensor) or part.ndim != 2:
                shape = f" of shape {tuple(part.shape)}" if hasattr(part, "shape") else ""
                raise _Misused(
                    f"`run` was given a {type(part).__name__}{shape}; it takes a batch, "
                    "(k, features), also for one input"
                )
            if len(part) == 0:
                raise _Misused("`run` was given an empty batch; stop when no input is left")
            if len(part) > most:
                raise _Misused(f"`run` was given {len(part)} inputs at once, but `most` is {most}")
            sizes.append(len(part))
            return part @ weight

        try:
            got = attempt(run, inputs, most, errors=_PARTS_ERRORS)
        except WrongAnswer as error:
            said = str(error).partition("_Misused")[2].partition(": ")[2].partition("\n")[0]
            raise WrongAnswer(said or str(error)) from None
        parts = [part @ weight for part in inputs.split(most)]
        right = torch.cat(parts)
        attempt.require(sizes, "`run` was not called; every input must go through it")
        if isinstance(got, list | tuple):
            raise WrongAnswer("return one tensor: torch.cat joins the answers of the parts")
        mistakes: list[tuple[Any, str]] = [
            (lambda parts=parts: torch.cat(parts[::-1]), "keep the order of the inputs"),
            (parts[-1], "you returned only the answers of the last part"),
            (parts[0], "you returned only the answers of the first part"),
        ]
        if count % most and len(parts) > 1:
            ragged = torch.cat(parts[:-1])
            mistakes.insert(0, (ragged, "the last part is smaller, and you left it out"))
        if len(parts) > 1 and count % most == 0:
            mistakes.append((lambda p=parts: torch.stack(p), "join along the inputs: torch.cat"))
        attempt.expect(got, right, mistakes)
        say = f"{count} inputs, at most {most} at once, need {len(parts)} calls, not {len(sizes)}"
        attempt.require(len(sizes) == len(parts), say)


class _Misused(Exception):
    """`run` was not given what it takes."""


_ROWS_ERRORS = {
    "must match the size of tensor": "give the steps a place for each other dimension: "
    "(outputs,) becomes (outputs, 1) or (outputs, 1, 1, 1)",
    "shape '": "give the steps a place for each other dimension of `weight`",
}


@exercise
def quantise_rows(attempt: Attempt) -> None:
    """Make whole numbers of eight bits of a weight, with a step for each output."""
    square = attempt.randn(4, 4) * torch.tensor([1.0, 0.01, 30, 2], device=attempt.device)[:, None]
    square[:, 2] = -4 * square.abs().amax(dim=1)  # the largest of each row is negative
    conv = (
        attempt.randn(5, 3, 2, 2)
        * torch.linspace(0.1, 3, 5).to(attempt.device)[:, None, None, None]
    )
    zeros = attempt.randn(3, 6)
    zeros[1] = 0
    halves = torch.tensor([[2.54, -1.27], [12.7, 0.15]], device=attempt.device)
    single = attempt.randn(1, 1)
    tiny = 1e-6 * attempt.randn(3, 5, 4)
    for weight in (square, conv, zeros, halves, single, tiny, attempt.randn(6, 3)):
        got = attempt(weight, errors=_ROWS_ERRORS)
        say = "return two tensors: the whole numbers and the steps"
        attempt.require(isinstance(got, tuple | list) and len(got) == 2, say)
        attempt.require(all(isinstance(part, torch.Tensor) for part in got), say)
        whole, step = _by_rows(weight)
        if whole.shape == got[1].shape != got[0].shape == step.shape:
            raise WrongAnswer("the whole numbers come first, then the steps")
        if got[1].ndim > 1 and got[1].numel() == len(weight):
            say = (
                f"give the steps the shape (outputs,): {(len(weight),)}, not {tuple(got[1].shape)}"
            )
            raise WrongAnswer(say)
        if got[1].numel() == 1 < len(weight):
            raise WrongAnswer("you used one step for all rows; each row has its own")
        if got[1].isnan().any() or not got[1].all():
            raise WrongAnswer("a row of zeros has the step 1; dividing by 0 makes nan or infinity")
        empty = weight.flatten(1).abs().amax(dim=1) == 0
        if got[1].shape == step.shape and (got[1][empty] != 1).any():
            raise WrongAnswer(f"a row of zeros has the step 1, not {got[1][empty][0].item():g}")
        _judge_steps(attempt, weight, got[1], step)
        attempt.require(got[0].dtype == torch.int8, f"make int8 numbers, not {got[0].dtype}")
        exact = (weight.flatten(1) / step[:, None]).reshape(weight.shape)
        mistakes = [
            (exact.trunc().to(torch.int8), "int8 cuts the fraction off; round before"),
            (exact.floor().to(torch.int8), "round to the nearest whole number, not down"),
            (exact.ceil().to(torch.int8), "round to the nearest whole number, not up"),
            (exact.abs().round().to(torch.int8), "keep the sign of each weight"),
        ]
        if weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
            columns = (weight / step).round()
            say = "divide row by row: (outputs,) becomes (outputs, 1), else it meets the columns"
            mistakes.append((columns.to(torch.int8), say))
            mistakes.append((columns.clamp(-128, 127).to(torch.int8), say))
        attempt.recognise(got[0], whole, mistakes)
        attempt.require(got[0].shape == whole.shape, "the whole numbers have weight's shape")
        # a hair beside a half, another way to compute may round to the other side
        near = (got[0].double() - exact.double()).abs().max() < 0.5001
        if not near:
            attempt.expect(got[0], whole)


def _by_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rows = weight.flatten(1)
    step = rows.abs().amax(dim=1) / 127
    step = torch.where(step == 0, 1, step)
    return (rows / step[:, None]).round().to(torch.int8).reshape(weight.shape), step


def _judge_steps(
    attempt: Attempt, weight: torch.Tensor, got: torch.Tensor, step: torch.Tensor
) -> None:
    rows = weight.flatten(1)
    largest = rows.abs().amax(dim=1)
    one = torch.ones_like(step)

    def unless_zero(steps: torch.Tensor) -> torch.Tensor:
        return torch.where(largest == 0, one, steps)

    mistakes = [
        (unless_zero(largest / 128), "divide by 127, so that the largest becomes 127 or -127"),
        (unless_zero(largest / 255), "divide by 127, so that the largest becomes 127 or -127"),
        (
            unless_zero(rows.amax(dim=1) / 127),
            "take absolute values first: weights are negative too",
        ),
        (
            unless_zero(rows.amax(dim=1).abs() / 127),
            "take absolute values first: weights are negative too",
        ),
        (unless_zero(127 / largest), "the step is largest / 127, not the other way round"),
        (unless_zero(largest), "divide the largest value by 127"),
        (
            unless_zero(rows.abs().mean(dim=1) / 127),
            "take the largest absolute value, not the mean",
        ),
        (
            torch.full_like(step, largest.max().item() / 127),
            "each row has its own step, also a small one",
        ),
    ]
    if weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        columns = weight.abs().amax(dim=0) / 127
        mistakes.append((columns, "those are steps of the columns; a row is one output"))
    if weight.ndim > 2:
        say = "take the largest over all other dimensions: flatten(1) makes one row of an output"
        attempt.require(got.numel() == len(weight), say)
    attempt.recognise(got, step, mistakes, rtol=1e-6)
    # far smaller than the tolerance of expect, so it is compared as a ratio
    attempt.require(got.shape == step.shape, f"the steps have the shape {tuple(step.shape)}")
    attempt.require(got.dtype == step.dtype, f"the steps are float32, not {got.dtype}")
    right = torch.allclose(got / step, one, rtol=1e-4, atol=1e-5)
    attempt.require(right, f"the steps are wrong: {show(got / step)} times the right ones")


class _Oops(Exception):
    """What a reader may raise that is no ValueError."""


_SECRET = "/srv/secret/model.onnx is missing"


@exercise
def respond(attempt: Attempt) -> None:
    """Answer the body of a request with a status and a dict, whatever it holds."""
    seen: list[Any] = []

    def read(values: Any) -> Any:
        seen.append(values)
        if values == ["bad"]:
            raise ValueError("values must be numbers")
        if values == ["broken"]:
            raise _Oops(_SECRET)
        if values == ["index"]:
            raise IndexError(_SECRET)
        if values == ["key"]:
            raise KeyError(_SECRET)
        return sum(values)

    def pad(body: bytes, size: int) -> bytes:
        return body + b" " * (size - len(body))

    numbers = [attempt.pick(-9, 10) for _ in range(attempt.pick(2, 6))]
    good = json.dumps({"values": numbers}).encode()
    more = json.dumps({"who": "me", "values": numbers}).encode()
    cases: list[tuple[bytes, int, str]] = [
        (good, 200, "a good request"),
        (more, 200, "a good request with something more in it"),
        (b'{"values": []}', 200, "a good request without values"),
        (pad(good, 200), 200, "a good request of exactly 200 bytes"),
        (pad(good, 201), 413, "a body of 201 bytes"),
        (b"x" * 5000, 413, "a body of 5000 bytes that is not JSON"),
        (b"", 400, "an empty body"),
        (b"values", 400, "a body that is not JSON"),
        (b'{"values": [1, 2}', 400, "a body that is not JSON"),
        (b"\xff\xfe\xfa", 400, "a body that is no text"),
        (b"[1, 2]", 422, "a list where an object is expected"),
        (b'["values"]', 422, "a list that holds the word values"),
        (b'"values"', 422, "a text that holds the word values"),
        (b"3", 422, "a number where an object is expected"),
        (b"null", 422, "null where an object is expected"),
        (b"{}", 422, "an object without values"),
        (b'{"value": [1]}', 422, "an object without values"),
        (b'{"values": ["bad"]}', 422, "values that `read` refuses by a ValueError"),
        (b'{"values": ["broken"]}', 500, "a `read` that raises another error"),
        (b'{"values": ["index"]}', 500, "a `read` that raises an IndexError"),
        (b'{"values": ["key"]}', 500, "a `read` that raises a KeyError"),
        (b'{"values": 3}', 500, "a `read` that raises a TypeError"),
        (good, 200, "a good request after the bad ones"),
    ]
    for body, status, what in cases:
        seen.clear()
        _judge_reply(attempt, _reply(attempt, read, body, what), body, status, what)
        if status in (413, 400):
            attempt.require(not seen, f"do not call `read` for {what}")


def _reply(attempt: Attempt, read: Callable, body: bytes, what: str) -> tuple[int, dict]:
    try:
        got = attempt(read, body)
    except WrongAnswer as error:
        reason = str(error).partition("\n")[0]
        if "Error" in reason or "_Oops" in reason:
            raise WrongAnswer(f"your function raised an error for {what}: {reason}") from None
        raise
    say = f"return a status and a dict, such as (200, {{...}}), not {show(got)}"
    pair = isinstance(got, tuple | list) and len(got) == 2
    attempt.require(pair and isinstance(got[1], dict), say)
    number = isinstance(got[0], int) and not isinstance(got[0], bool)
    attempt.require(number, f"the status is an int, not {show(got[0])}")
    return got


def _judge_reply(
    attempt: Attempt, got: tuple[int, dict], body: bytes, status: int, what: str
) -> None:
    attempt.require(got[0] == status, f"{what}: the status is {status}, not {got[0]}")
    if status == 200:
        right = {"answer": sum(json.loads(body)["values"])}
        attempt.require(got[1] == right, f"{what}: answer {right}, not {show(got[1])}")
        return
    said = got[1].get("error")
    listed = list(got[1]) == ["error"] and isinstance(said, str)
    attempt.require(listed, f'{what}: the answer is {{"error": text}}, not {show(got[1])}')
    say = f"{what}: the text of the error is empty; say what was wrong"
    attempt.require(said.strip(), say)
    if b'"bad"' in body:
        say = "pass on what the ValueError says; its sender can correct that"
        attempt.require("values must be numbers" in said, say)
    if status == 500:
        attempt.require(
            "secret" not in said, "a 500 must not repeat the error: it may hold secrets"
        )
