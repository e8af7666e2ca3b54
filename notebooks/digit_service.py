"""The service of lesson 23: it answers pictures of digits over HTTP, without torch.

    python digit_service.py FILE.onnx

It runs in a folder that holds `reader.py` and the file, prints the port that it listens to,
and stops when its standard input ends. The system closes that when the process which started the
service dies, however it dies; so no service stays behind.
"""

import contextlib
import json
import os
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

LONGEST = 20_000  # bytes of a request's body: about a hundred pictures
DRAINED = 1_000_000  # bytes of a refused body that are still read, so that its sender hears why


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP's number for the reason.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"  # a client may send many requests over one connection
    timeout = 10  # seconds: a client that says nothing any more is let go
    wbufsize = -1  # an answer is sent in one piece
    server: "Service"

    def do_POST(self) -> None:
        """Answer pictures with the name and the share of each."""
        try:
            status, answer = HTTPStatus.OK, self.server.answer(self.read_json())
        except Refused as refused:
            status, answer = refused.status, {"error": str(refused)}
        except (TypeError, ValueError) as error:
            status, answer = HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)}
        except Exception as error:  # a fault of ours; the next request may be fine
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "our fault; see the log"}
        self.send(status, answer)

    def do_GET(self) -> None:
        """Say what to send."""
        say = 'POST {"pictures": [8 rows of 8 whole numbers from 0 to 16, ...]}'
        self.send(HTTPStatus.METHOD_NOT_ALLOWED, {"error": say})

    def read_json(self) -> Any:
        """Read the body, and build what its JSON says.

        Raises:
            Refused: It is too large, is not said to be JSON, or is none.
        """
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody knows where the next request begins
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "say the Content-Length, in bytes")
        if len(length) > 18 or int(length) > LONGEST:
            self.drain(int(length[:18]))
            reason = f"the body has {length[:18]} bytes; {LONGEST} are allowed"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
        body = self.rfile.read(int(length))
        kind = self.headers.get_content_type()
        if kind != "application/json":
            reason = f"the body is said to be {kind}; send application/json"
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None

    def drain(self, length: int) -> None:
        """Read a body that nobody wants: who is still sending does not listen."""
        self.close_connection = True
        left = min(length, DRAINED)
        while left > 0 and (piece := self.rfile.read(min(left, 65536))):
            left -= len(piece)

    def send(self, status: HTTPStatus, answer: dict) -> None:
        """Send an answer as JSON."""
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet; a real service would note time, status and duration."""


class Service(ThreadingHTTPServer):
    """Listens on a free port of this computer; no other computer can reach it."""

    request_queue_size = 128  # connections that may wait to be accepted

    def __init__(self, reader: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)  # port 0: any that is free
        self.reader = reader

    def answer(self, request: Any) -> dict:
        """Read the pictures of a request.

        Raises:
            ValueError: They are not what the reader takes; so does TypeError say.
        """
        if not isinstance(request, dict) or "pictures" not in request:
            raise ValueError('send an object such as {"pictures": [...]}')
        shares = self.reader.shares(to_array(request["pictures"]))  # (pictures, 10)
        names = [self.reader.classes[place] for place in shares.argmax(axis=1)]
        return {"digits": list(zip(names, shares.max(axis=1).tolist(), strict=True))}

    def handle_error(self, *_: Any) -> None:
        """Say in one line that a client has gone; the others are served."""
        print(f"a connection broke: {sys.exception()!r}", file=sys.stderr, flush=True)


def to_array(values: Any) -> np.ndarray:
    """Make an array of bytes of nested lists.

    Raises:
        ValueError: The lists are ragged, hold other things than whole numbers, or such that no
            byte can hold.
    """
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        raise ValueError("the rows of the pictures differ in length") from None
    if array.size and array.dtype.kind not in "iu":
        raise ValueError("pictures must hold whole numbers only")
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        raise ValueError("grey values run from 0 to 16")
    return array.astype(np.uint8)


def serve(service: Service) -> None:
    """Answer requests until standard input ends."""

    def wait_for_the_end() -> None:
        while os.read(0, 1024):
            pass
        service.shutdown()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with service, contextlib.suppress(KeyboardInterrupt):
        print(service.server_port, flush=True)
        service.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    from reader import Reader

    serve(Service(Reader(sys.argv[1])))
