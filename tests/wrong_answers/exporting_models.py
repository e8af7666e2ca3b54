"""Wrong answers to the exercises of lesson 23, exporting models."""

import contextlib
import json

import torch

from tests.wrong_answers import wrong


@wrong("run_in_parts", says="empty batch")
def run_one_part_more(run, inputs, most):
    starts = range(0, len(inputs) + 1, most)
    return torch.cat([run(inputs[start : start + most]) for start in starts])


@wrong("run_in_parts", says="the last part is smaller, and you left it out")
def run_full_parts(run, inputs, most):
    if len(inputs) < most:
        return run(inputs)
    starts = range(0, len(inputs) - most + 1, most)
    return torch.cat([run(inputs[start : start + most]) for start in starts])


@wrong("run_in_parts", says="but `most` is")
def run_all(run, inputs, most):
    return run(inputs)


@wrong("run_in_parts", says="need 3 calls, not 7")
def run_one_by_one(run, inputs, most):
    return torch.cat([run(inputs[i : i + 1]) for i in range(len(inputs))])


@wrong("run_in_parts", says="it takes a batch")
def run_without_batch(run, inputs, most):
    return torch.stack([run(each) for each in inputs])


@wrong("run_in_parts", says="torch.cat joins")
def run_to_a_list(run, inputs, most):
    return [run(part) for part in inputs.split(most)]


@wrong("run_in_parts", says="but `most` is")
def run_so_many_parts(run, inputs, most):
    return torch.cat([run(part) for part in inputs.chunk(min(most, 2))])


@wrong("run_in_parts", says="only the answers of the last part")
def run_and_keep_the_last(run, inputs, most):
    for part in inputs.split(most):
        answers = run(part)
    return answers


@wrong("run_in_parts", says="keep the order")
def run_backwards(run, inputs, most):
    return torch.cat([run(part) for part in inputs.split(most)][::-1])


@wrong("run_in_parts", says="join along the inputs: torch.cat")
def run_and_stack(run, inputs, most):
    return torch.stack([run(part) for part in inputs.split(most)])


@wrong("run_in_parts", says="torch.cat with dim=0")
def run_and_join_classes(run, inputs, most):
    return torch.cat([run(part) for part in inputs.split(most)], dim=1)


@wrong("run_in_parts", says="forget `return`")
def run_and_forget(run, inputs, most):
    torch.cat([run(part) for part in inputs.split(most)])


def _steps(weight, largest):
    step = largest(weight.flatten(1)) / 127
    step = torch.where(step == 0, 1, step)
    whole = (weight.flatten(1) / step[:, None]).round().clamp(-128, 127).to(torch.int8)
    return whole.reshape(weight.shape), step


def _largest(rows):
    return rows.abs().amax(dim=1)


@wrong("quantise_rows", says="one step for all rows")
def quantise_by_one_step(weight):
    step = weight.abs().max() / 127
    return (weight / step).round().to(torch.int8), step


@wrong("quantise_rows", says="each row has its own step")
def quantise_by_one_step_for_each(weight):
    return _steps(weight, lambda rows: rows.abs().max().expand(len(rows)))


@wrong("quantise_rows", says="steps of the columns")
def quantise_columns(weight):
    step = weight.flatten(1).abs().amax(dim=0) / 127
    return (weight.flatten(1) / step).round().to(torch.int8).reshape(weight.shape), step


@wrong("quantise_rows", says="int8 cuts the fraction off")
def quantise_without_rounding(weight):
    _, step = _steps(weight, _largest)
    return (weight.flatten(1) / step[:, None]).to(torch.int8).reshape(weight.shape), step


@wrong("quantise_rows", says="not down")
def quantise_downwards(weight):
    _, step = _steps(weight, _largest)
    rows = (weight.flatten(1) / step[:, None]).floor()
    return rows.to(torch.int8).reshape(weight.shape), step


@wrong("quantise_rows", says="divide by 127")
def quantise_by_128(weight):
    return _steps(weight, lambda rows: _largest(rows) * 127 / 128)


@wrong("quantise_rows", says="absolute values first")
def quantise_by_the_largest(weight):
    return _steps(weight, lambda rows: rows.amax(dim=1))


@wrong("quantise_rows", says="absolute values first")
def quantise_by_the_largest_made_positive(weight):
    return _steps(weight, lambda rows: rows.amax(dim=1).abs())


@wrong("quantise_rows", says="times the right ones")
def quantise_from_lowest_to_highest(weight):
    return _steps(weight, lambda rows: (rows.amax(dim=1) - rows.amin(dim=1)) / 255 * 127)


@wrong("quantise_rows", says="divide row by row")
def quantise_row_steps_on_columns(weight):
    _, step = _steps(weight, _largest)
    return (weight / step).round().to(torch.int8), step


@wrong("quantise_rows", says="divide row by row")
def quantise_and_clamp_columns(weight):
    _, step = _steps(weight, _largest)
    return (weight / step).round().clamp(-128, 127).to(torch.int8), step


@wrong("quantise_rows", says="the step 1, not 1e-08")
def quantise_zeros_by_a_tiny_step(weight):
    step = (_largest(weight.flatten(1)) / 127).clamp(min=1e-8)
    whole = (weight.flatten(1) / step[:, None]).round().to(torch.int8)
    return whole.reshape(weight.shape), step


@wrong("quantise_rows", says="a row of zeros")
def quantise_zeros_to_nan(weight):
    step = _largest(weight.flatten(1)) / 127
    return (weight.flatten(1) / step[:, None]).round().to(torch.int8).reshape(weight.shape), step


@wrong("quantise_rows", says="shape (outputs,)")
def quantise_and_keep_dimensions(weight):
    whole, step = _steps(weight, _largest)
    return whole, step.reshape(-1, *[1] * (weight.ndim - 1))


@wrong("quantise_rows", says="make int8 numbers")
def quantise_to_floats(weight):
    whole, step = _steps(weight, _largest)
    return whole.float(), step


@wrong("quantise_rows", says="weight's shape")
def quantise_and_flatten(weight):
    whole, step = _steps(weight, _largest)
    return whole.flatten(1), step


@wrong("quantise_rows", says="the whole numbers come first")
def quantise_and_swap(weight):
    return _steps(weight, _largest)[::-1]


@wrong("quantise_rows", says="not the other way round")
def quantise_by_the_inverse(weight):
    whole, step = _steps(weight, _largest)
    return whole, torch.where(step == 1, 1, 1 / step)


@wrong("quantise_rows", says="return two tensors")
def quantise_without_steps(weight):
    return _steps(weight, _largest)[0]


@wrong("quantise_rows", says="over all other dimensions")
def quantise_along_the_next_dimension(weight):
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    step = torch.where(step == 0, 1, step)
    return (weight / step).round().to(torch.int8), step.flatten()


def _reply(read, body, longest=200, missing=422):
    if len(body) > longest:
        return 413, {"error": "too long"}
    try:
        request = json.loads(body)
    except ValueError:
        return 400, {"error": "not JSON"}
    if not isinstance(request, dict) or "values" not in request:
        return missing, {"error": "send values"}
    try:
        return 200, {"answer": read(request["values"])}
    except ValueError as error:
        return 422, {"error": str(error)}
    except Exception:
        return 500, {"error": "our fault"}


@wrong("respond", says="a body of 201 bytes: the status is 413, not 200")
def reply_at_any_length(read, body):
    return _reply(read, body, longest=10**9)


@wrong("respond", says="exactly 200 bytes: the status is 200, not 413")
def reply_under_200_bytes(read, body):
    return _reply(read, body, longest=199)


@wrong("respond", says="raised an error for an empty body")
def reply_to_json_only(read, body):
    if len(body) > 200:
        return 413, {"error": "too long"}
    request = json.loads(body)
    return _reply(read, json.dumps(request).encode())


@wrong("respond", says="a list where an object is expected")
def reply_to_objects_only(read, body):
    if len(body) > 200:
        return 413, {"error": "too long"}
    try:
        values = json.loads(body)["values"]
    except ValueError:
        return 400, {"error": "not JSON"}
    except KeyError:
        return 422, {"error": "send values"}
    return _reply(read, json.dumps({"values": values}).encode())


@wrong("respond", says="a text that holds the word values")
def reply_to_what_holds_the_word(read, body):
    if len(body) > 200:
        return 413, {"error": "too long"}
    try:
        request = json.loads(body)
    except ValueError:
        return 400, {"error": "not JSON"}
    if isinstance(request, list) or request is None or isinstance(request, int):
        return 422, {"error": "send an object"}
    if "values" not in request:
        return 422, {"error": "send values"}
    return _reply(read, json.dumps({"values": request["values"]}).encode())


@wrong("respond", says="the status is 422, not 400")
def reply_400_to_other_objects(read, body):
    return _reply(read, body, missing=400)


@wrong("respond", says="raises another error")
def reply_to_value_errors(read, body):
    try:
        values = json.loads(body)["values"]
        return 200, {"answer": read(values)} if len(body) <= 200 else 1 / 0
    except ZeroDivisionError:
        return 413, {"error": "too long"}
    except (ValueError, TypeError, KeyError):
        return _reply(lambda values: read(values), body)


@wrong("respond", says="the status is 422, not 500")
def reply_500_to_everything(read, body):
    try:
        return _reply(read, body) if b"bad" not in body else 1 / 0
    except ZeroDivisionError:
        return 500, {"error": "our fault"}


@wrong("respond", says="the status is 500, not 422")
def reply_422_to_everything(read, body):
    status, answer = _reply(read, body)
    return (422 if status == 500 else status), answer


@wrong("respond", says="may hold secrets")
def reply_with_secrets(read, body):
    status, answer = _reply(read, body)
    if status == 500:
        try:
            read(json.loads(body)["values"])
        except Exception as error:
            return 500, {"error": str(error)}
    return status, answer


@wrong("respond", says="pass on what the ValueError says")
def reply_without_reason(read, body):
    status, answer = _reply(read, body)
    return status, answer if status == 200 else {"error": "no"}


@wrong("respond", says="do not call `read`")
def reply_after_reading(read, body):
    with contextlib.suppress(Exception):
        read(json.loads(body[:200])["values"])
    return _reply(read, body)


@wrong("respond", says="return a status and a dict")
def reply_with_the_answer_alone(read, body):
    return _reply(read, body)[1]


@wrong("respond", says="the answer is {")
def reply_with_a_text(read, body):
    status, answer = _reply(read, body)
    return status, answer if status == 200 else {"reason": answer["error"]}


@wrong("respond", says="the status is an int")
def reply_with_a_status_in_words(read, body):
    status, answer = _reply(read, body)
    return str(status), answer


@wrong("respond", says="forget `return`")
def reply_and_forget(read, body):
    _reply(read, body)
