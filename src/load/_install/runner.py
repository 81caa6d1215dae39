"""The one way out of the process: running an installer."""

from __future__ import annotations

import os

from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import Popen
    from threading import Thread
    from typing import IO

    # (command, hears each line as it is written, does something meanwhile) -> what came of it
    Runner = Callable[["Command", Callable[[str], None], Callable[[], None]], "Completed"]


class Command(Value):
    """What to run: the words (no shell), the whole environment, and the text for its standard input."""

    argv: tuple[str, ...]
    environ: dict[str, str]
    stdin: str = ""


class Completed(Value):
    """What came of a command: its exit status (negative: the signal that ended it) and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run(
    command: Command,
    hear: Callable[[str], None] = lambda _: None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Completed:
    """Run the command in a session of its own and wait for it.

    A session of its own, because Ctrl-C in a terminal reaches every process of the foreground group: the installer would
    die in the middle of a write that we would rather end ourselves. Whatever ends the wait ends the command too.

    Parameters:
        hear: called with each line that it writes, from two threads.
        meanwhile: called once it runs; what is done there costs no time of its own.

    Raises:
        OSError: if it cannot be started.
    """
    import subprocess

    process = subprocess.Popen(
        command.argv,
        env=command.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with process:  # closes the pipes
        try:
            meanwhile()
            return _converse(process, command.stdin, hear)
        except BaseException:
            _end(process)
            raise


def _converse(process: Popen[str], stdin: str, hear: Callable[[str], None]) -> Completed:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    # Both pipes must be read at once, or the command stops when the unread one is full (64 KiB).
    reader = _in_background(process.stdout, said, hear)
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended without reading; its exit status and its words say why
    errors: list[str] = []
    _listen(process.stderr, errors, hear)
    reader.join()
    return Completed(process.wait(), "".join(said), "".join(errors))


def _in_background(stream: IO[str], into: list[str], hear: Callable[[str], None]) -> Thread:
    from threading import Thread

    thread = Thread(target=_listen, args=(stream, into, hear), daemon=True)
    thread.start()
    return thread


def _listen(stream: IO[str], into: list[str], hear: Callable[[str], None]) -> None:
    for line in stream:
        into.append(line)
        hear(line.rstrip("\n"))


def _end(process: Popen[str]) -> None:
    import signal
    import subprocess

    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.terminate()
        process.wait(timeout=2)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
