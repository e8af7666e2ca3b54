"""What makes a notebook pleasant to read: short tracebacks, from lesson 02 on."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator


def short_tracebacks() -> None:
    """Make this notebook show of an error only the lines of your own cells, and the message.

    Without it IPython also shows the lines inside torch and other packages, dozens of them. Outside
    of a notebook nothing changes. `%xmode Context` in a cell does not undo it; a restart does.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.set_custom_exc((Exception, KeyboardInterrupt), _show)


def _show(shell, kind, error, trace, tb_offset=None) -> list[str]:
    if hasattr(error, "_render_traceback_"):
        lines = error._render_traceback_()
    else:
        lines = [*_own_lines(shell, trace), *traceback.format_exception_only(kind, error)]
    shell._showtraceback(kind, error, lines)
    return lines


def _own_lines(shell, trace) -> list[str]:
    """Spell the frames that lie in cells, such as "cell 7, line 2" and below it that line."""
    found = []
    for frame in traceback.extract_tb(trace):
        name = shell.compile.format_code_name(frame.filename)
        if name:  # None for what is no cell
            found.append(f"{' '.join(name)}, line {frame.lineno}\n----> {frame.line}")
    return [*found, ""]


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what is written to the process's stderr inside, also by C++ code, as torch's profiler.

    An exception passes through, and Python shows it afterwards as ever. Threads are not told apart.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
