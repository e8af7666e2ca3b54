"""Clients of lesson 23's service, and a stopwatch. Nothing here needs torch."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import numpy as np

KIND = "application/json"


def to_json(pictures: np.ndarray) -> str:
    """Write pictures as the body of a request."""
    return json.dumps({"pictures": pictures.tolist()})


def post(port: int, body: str, kind: str = KIND) -> tuple[int, dict]:
    """Send one request to a port of this computer.

    Returns:
        The status code, and what the JSON of the answer says.
    """
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        return _exchange(connection, body, kind)


def send_load(
    port: int, pictures: np.ndarray, requests: int = 1000, clients: int = 4
) -> tuple[list[tuple[int, dict] | None], list[float]]:
    """Send many requests from clients that work at the same time, a picture each.

    Args:
        port: Of the service.
        pictures: Request i sends picture i; they begin again when they are used up.
        requests: How many, all clients together.
        clients: Each has a thread and a connection of its own.

    Returns:
        For each request the status code and the answer, None if none came; and the seconds that
        each took.
    """
    replies: list[tuple[int, dict] | None] = [None] * requests
    seconds = [float("nan")] * requests
    stopped = threading.Event()

    def work(first: int) -> None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            for request in range(first, requests, clients):
                if stopped.is_set():
                    return
                body = to_json(pictures[request % len(pictures)][None])
                start = time.perf_counter()
                replies[request] = _exchange(connection, body, KIND)
                seconds[request] = time.perf_counter() - start

    with ThreadPoolExecutor(clients) as pool:
        try:
            list(pool.map(work, range(clients)))  # raises what a client has raised
        finally:
            stopped.set()  # who is interrupted need not wait for the rest
    return replies, seconds


def _exchange(connection: HTTPConnection, body: str, kind: str) -> tuple[int, dict]:
    connection.request("POST", "/", body, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def latency_ratios(
    way: Callable[[], object], base: Callable[[], object], rounds: int = 41
) -> list[float]:
    """Time two ways by turns, after three warm-up rounds.

    Returns:
        For each round how many times as long as `base` the other way took.
    """
    pairs = [(_seconds(way), _seconds(base)) for _ in range(rounds + 3)]
    return [slow / fast for slow, fast in pairs[3:]]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
