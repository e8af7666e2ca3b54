"""Run `torchrun` for lesson 24: a command in, what its processes say out, and nothing left behind.

Most of a short command's time goes into `import torch`. So a server imports it once, and makes
torchrun, and torchrun its workers, as copies of itself (`fork`; off Linux each is a new Python).
The server and all that it started end as soon as the notebook is interrupted or dies, when it asks
for it, and after a minute without a command.
"""

import contextlib
import json
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

LOG = "torchrun.log"  # what torchrun and dying workers write
IDLE, LONGEST = 60, 240  # seconds
LAST_LINES = 6  # of the log, in an error
# So that no other machine sees gloo's ports; torchrun's own it can: docs/security.md.
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
START = "fork" if sys.platform == "linux" else "spawn"
OWN = Path(__file__).resolve().parent
PROGRAMS = OWN / "scaling_out"

_server: subprocess.Popen | None = None


def say(text: str) -> None:
    """Print a line that begins with the rank of this process, in one piece."""
    os.write(1, f"rank {os.environ['RANK']}: {text}\n".encode())


def die_once(step: int, dies_in: int) -> None:
    """Kill this process if it is rank 1 in that step, unless it was started again already."""
    again = os.environ["TORCHELASTIC_RESTART_COUNT"] != "0"
    if os.environ["RANK"] == "1" and step == dies_in and not again:
        say(f"is killed in step {step}")
        psutil.Process().kill()


def choose_place() -> tuple[str, str]:
    """Return backend and device: NCCL and a GPU if each process here has one, else gloo and CPU."""
    import torch

    from helpers.device import get_device

    count = int(os.environ["LOCAL_WORLD_SIZE"])
    if get_device().type != "cuda" or torch.cuda.device_count() < count:
        return "gloo", "cpu"
    device = f"cuda:{os.environ['LOCAL_RANK']}"
    torch.cuda.set_device(device)
    return "nccl", device


def run_command(command: str) -> list[str]:
    """Run a command such as `torchrun --standalone --nproc-per-node=2 program.py`.

    The program is a file of the present folder, or of `scaling_out`. The log, `torchrun.log`, is
    written into the present folder.

    Returns:
        The lines that the processes said: those of rank 0, then those of rank 1, and so on.

    Raises:
        RuntimeError: A worker failed and was not started again; with what they said until then.
    """
    words = shlex.split(command)
    if words[:1] != ["torchrun"]:
        raise ValueError(f"expected a command that begins with torchrun, not {command!r}")
    request = {"folder": str(Path.cwd()), "path": sys.path, "arguments": words[1:]}
    Path(LOG).write_text("")
    try:
        *lines, end = _ask(request)
    except BaseException:  # above all KeyboardInterrupt
        stop()
        raise
    lines.sort(key=lambda line: int(line.split()[1].rstrip(":")))
    if end != "end 0":
        raise RuntimeError("\n  ".join(["torchrun failed", *lines, *_errors()]))
    return lines


def stop() -> None:
    """End the server, and whatever it has started; the next command starts another one."""
    global _server
    if _server is not None:
        with contextlib.suppress(OSError):
            _server.stdin.close()  # what it waits for
        _server.wait()
        _server.stdout.close()
        _server = None


def _ask(request: dict[str, Any]) -> list[str]:
    """Have the server, an idle one or a new one, run a command; return its lines to the end."""
    global _server
    for _ in range(2):  # an idle server may end just now
        if _server is None or _server.poll() is not None:
            stop()
            _server = _start_server()
        with contextlib.suppress(OSError):
            _server.stdin.write(json.dumps(request) + "\n")
            _server.stdin.flush()
        if _server.stdout.readline() == "begin\n":
            break
    lines = []
    for line in _server.stdout:
        if line.startswith(("rank ", "end ")):
            lines.append(line.rstrip("\n"))
        if line.startswith("end "):
            return lines
    raise RuntimeError(f"torchrun was ended after {LONGEST} seconds, or from outside")


def _start_server() -> subprocess.Popen:
    settings = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}
    # else restarted workers may read addresses of dead ones (pytorch issues 135712 and 167288)
    settings["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    if sys.platform in LOOPBACK:
        settings["GLOO_SOCKET_IFNAME"] = LOOPBACK[sys.platform]
    return subprocess.Popen(
        [sys.executable, str(OWN / "ranks.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | settings,
        # a session of its own: an interruption reaches the notebook alone, which then ends all
        start_new_session=os.name == "posix",
    )


def _errors() -> list[str]:
    """List the last errors of a log, without those that only say that another process is gone."""
    lines = Path(LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    found = [
        match[0] for line in lines if (match := re.search(r"\b\w+(Error|Exception): .*", line))
    ]
    gone = "gloo|connection|closed by peer|signal SIG|exit code|ChildFailed|RaisedException"
    found = [line for line in found if not re.search(gone, line, re.I)]
    return list(dict.fromkeys(found))[-LAST_LINES:]


def _serve() -> None:
    """Run the commands that come by stdin, one after the other, until it is closed."""
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=[requests], daemon=True).start()
    import torch._dynamo  # noqa: F401  (what the workers would import)
    from torch import multiprocessing

    processes = multiprocessing.get_context(START)
    with contextlib.suppress(queue.Empty):
        while True:
            request = json.loads(requests.get(timeout=IDLE))
            os.write(1, b"begin\n")
            command = processes.Process(target=_torchrun, kwargs=request)
            command.start()
            command.join(LONGEST)
            if command.exitcode is None:
                break
            os.write(1, f"end {command.exitcode}\n".encode())
    _end_all()


def _listen(requests: queue.Queue) -> None:
    """Put each line of stdin into a queue; at its end, end all processes."""
    kept = b""
    while read := os.read(0, 2**16):  # a copied process could wait for ever for sys.stdin's lock
        *lines, kept = (kept + read).split(b"\n")
        for line in lines:
            requests.put(line.decode())
    _end_all()


def _end_all() -> None:
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # ended by itself
            process.kill()
    os._exit(0)


def _torchrun(folder: str, path: list[str], arguments: list[str]) -> None:
    """Do what the program `torchrun` does, in this process."""
    from torch.distributed import run

    os.chdir(folder)
    sys.path[:] = [folder, str(PROGRAMS), str(OWN), *filter(None, path)]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for workers that are no copies
    if hasattr(os, "register_at_fork"):  # else a copy would have torchrun's own way to end
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    place = next(i for i, word in enumerate(arguments) if word.endswith(".py"))
    program = str(PROGRAMS / arguments[place])
    if Path(arguments[place]).exists():
        program = str(Path(arguments[place]).resolve())
    copies = ["--run-path", f"--start-method={START}", "--log-dir=logs", "--local-addr=127.0.0.1"]
    run.main([*arguments[:place], *copies, program, *arguments[place + 1 :]])


if __name__ == "__main__":
    _serve()
