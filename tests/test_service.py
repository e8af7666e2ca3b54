"""Lesson 23's service refuses what it must, loses nothing, and never stays behind."""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from helpers.paths import NOTEBOOKS
from notebooks.digit_clients import post, send_load, to_json
from notebooks.digit_service import LONGEST, to_array
from tests.support import listening, run_python
from tools.notebooks import read

LESSON = NOTEBOOKS / "23_exporting_models.ipynb"
CLASSES = list("abcdefghij")
SOURCES = [cell.source for cell in read(LESSON).cells]


@pytest.fixture(scope="module")
def parcel(tmp_path_factory):
    """Make the folder that another computer gets: two files of the lesson, and a tiny network."""
    folder = tmp_path_factory.mktemp("parcel")
    for name in ("checking.py", "reader.py"):
        head = f"%%writefile {name}\n"
        source = next(source for source in SOURCES if source.startswith(head))
        (folder / name).write_text(source.removeprefix(head), encoding="utf-8")
    service = (NOTEBOOKS / "digit_service.py").read_text(encoding="utf-8")
    (folder / "digit_service.py").write_text(service, encoding="utf-8")
    weight = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["rows"], axis=1),
            helper.make_node("MatMul", ["rows", "weight"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["shares"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", 8, 8])],
        [helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["n", 10])],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"classes": json.dumps(CLASSES)})
    onnx.save(model, folder / "tiny.onnx")
    return folder


@contextmanager
def running(folder):
    """Start the service as the lesson does, and give its port and its process."""
    command = [sys.executable, "digit_service.py", "tiny.onnx"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, **pipes) as process:
        yield int(process.stdout.readline()), process
    assert process.returncode == 0


@pytest.fixture(scope="module")
def port(parcel):
    """One service for all tests of its answers: what one of them does must not hurt the next."""
    with running(parcel) as (port, _):
        yield port


@pytest.fixture
def pictures():
    return np.random.default_rng(1).integers(0, 17, (50, 8, 8), dtype=np.uint8)


def test_only_this_computer_can_reach_the_service(parcel):
    with running(parcel) as (port, process):
        assert listening([psutil.Process(process.pid)]) == {("127.0.0.1", port)}


def answers(port, pictures):
    """Tell whether the service still answers a good request."""
    status, answer = post(port, to_json(pictures[:3]))
    return status == 200 and len(answer["digits"]) == 3


ONE = np.zeros((1, 8, 8), dtype=int)
REFUSED = {
    "an empty body": (b"", 400),
    "no JSON": (b"picture", 400),
    "no text": (b"\xff\xfe", 400),
    "nested deeply": (b"[" * 9000, 400),
    "too large": (b" " * (LONGEST + 1), 413),
    "far too large": (b" " * 3_000_000, 413),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "another key": (b'{"picture": []}', 422),
    "no picture": (b'{"pictures": []}', 422),
    "a number": (b'{"pictures": 3}', 422),
    "words": (b'{"pictures": [[["ink"]]]}', 422),
    "truth values": (to_json(ONE == 0).encode(), 422),
    "fractions": (to_json(ONE / 2).encode(), 422),
    "not a number": (to_json(ONE * float("nan")).encode(), 422),
    "negative": (to_json(ONE - 1).encode(), 422),
    "over 16": (to_json(ONE + 17).encode(), 422),
    "over a byte": (to_json(ONE + 256).encode(), 422),
    "over 64 bits": (to_json(ONE).replace("0", str(2**80), 1).encode(), 422),
    "ragged": (b'{"pictures": [[[1], [1, 2]]]}', 422),
    "one picture without a batch": (to_json(ONE[0]).encode(), 422),
    "another size": (to_json(np.zeros((1, 28, 28), dtype=int)).encode(), 422),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_request_is_refused_with_a_reason(port, pictures, what):
    body, expected = REFUSED[what]
    status, answer = post(port, body)
    assert (status, list(answer)) == (expected, ["error"])
    assert answer["error"]
    assert answers(port, pictures)


@pytest.mark.parametrize("kind", ["image/png", "text/plain", ""])
def test_another_type_is_refused(port, pictures, kind):
    assert post(port, to_json(pictures[:1]), kind)[0] == 415
    assert post(port, to_json(pictures[:1]), "application/json; charset=utf-8")[0] == 200


RAW = {
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n": b"405",
    b"POST / HTTP/1.1\r\nHost: x\r\n\r\n": b"411",
    b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n": b"411",
    b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n": b"411",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n": b"411",
    b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n": b"413",
    b"DELETE / HTTP/1.1\r\n\r\n": b"501",
    b"\x16\x03\x01\x02\x00\x01\r\n\r\n": b"400",
}


@pytest.mark.parametrize("sent", RAW)
def test_odd_requests_get_a_status(port, pictures, sent):
    with closing(socket.create_connection(("127.0.0.1", port), 20)) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert RAW[sent] in connection.recv(4096).partition(b"\r\n")[0]
    assert answers(port, pictures)


def test_clients_that_leave_or_say_nothing_do_not_hurt(port, pictures):
    silent = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(30)]
    for connection in silent[:20]:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nonly this")
    for connection in silent[:10]:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()  # by a reset
    assert answers(port, pictures)
    for connection in silent:
        connection.close()


def test_a_thousand_requests_from_four_clients_and_none_is_lost(port, pictures):
    alone = [post(port, to_json(each[None])) for each in pictures]
    assert {status for status, _ in alone} == {200}
    replies, seconds = send_load(port, pictures, 1000, 4)
    assert replies == [alone[i % 50] for i in range(1000)]
    assert min(seconds) > 0


def test_a_client_that_fails_is_not_silent(pictures):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        send_load(port, pictures, 10, 2)


def test_the_reader_imports_no_torch(parcel, pictures):
    np.save(parcel / "pictures.npy", pictures)
    (parcel / "digits.onnx").write_bytes((parcel / "tiny.onnx").read_bytes())
    said = subprocess.run([sys.executable, "reader.py"], cwd=parcel, capture_output=True, text=True)
    assert said.stdout == "torch was imported: False\n", said.stderr
    assert np.load(parcel / "shares.npy").shape == (50, 10)


def is_free(port):
    """Wait until nobody listens on a port; False if somebody still does after a while."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_its_port_is_free_afterwards_also_after_an_error(parcel):
    with pytest.raises(KeyError), running(parcel) as (port, process):
        raise KeyError
    assert is_free(port)
    assert process.returncode == 0


LESSON_RUNS = """
import os, sys
sys.path[:0] = [{notebooks!r}]
from subprocess import PIPE, Popen
import numpy as np
from digit_clients import send_load
os.chdir({folder!r})
{starts}
try:
    with running_service("tiny.onnx") as port:
        print(port, flush=True)
        send_load(port, np.zeros((1, 8, 8), dtype=np.uint8), requests=10**7)
except KeyboardInterrupt:
    import threading
    print([thread.name for thread in threading.enumerate()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Linux and macOS")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])  # Windows has not all of them
def test_an_interrupted_or_killed_lesson_leaves_no_service(parcel, name):
    number = getattr(signal, name)
    starts = next(source for source in SOURCES if "def running_service" in source)
    program = LESSON_RUNS.format(notebooks=str(NOTEBOOKS), folder=str(parcel), starts=starts)
    lesson = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with lesson:
        port = int(lesson.stdout.readline())
        time.sleep(0.3)  # the load is running
        lesson.send_signal(number)
        said = lesson.stdout.read()
    assert is_free(port)
    assert said == ("['MainThread']\n" if number == signal.SIGINT else "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Linux and macOS")
def test_an_interrupt_that_reaches_the_service_ends_it_quietly(parcel):
    command = [sys.executable, "digit_service.py", "tiny.onnx"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=parcel, text=True, **pipes) as process:
        port = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
    assert is_free(port)


def test_numbers_that_a_byte_cannot_hold_are_no_pictures():
    assert to_array([[0, 255]]).dtype == np.uint8
    for values in ([-1], [256], [0.5], [True], ["1"], [None], [[1], [1, 2]], [2**70], {"a": 1}):
        with pytest.raises(ValueError, match=r"grey|whole|rows"):
            to_array(values)


def test_the_service_itself_needs_no_torch():
    modules = "notebooks.digit_service, notebooks.digit_clients"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    assert run_python("-c", code).stdout == "False\n"
