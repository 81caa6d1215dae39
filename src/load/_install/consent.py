"""The one question: asked on a terminal or in a notebook, and No unless a yes is typed."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from time import monotonic, sleep
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, Protocol

    class Console(Protocol):
        """The part of ``msvcrt`` that a prompt needs."""

        def kbhit(self) -> bool: ...
        def getwch(self) -> str: ...
        def putwch(self, unicode_char: str, /) -> None: ...

    # (question, seconds) -> the line that was typed; see `_heard` for what it may raise instead
    Reader = Callable[[str, float], str]

_CHOICES = " [y/N/?] "
_LINE = 4096  # bytes: a terminal gives no longer line (N_TTY_BUF_SIZE on Linux, MAX_CANON 1024 elsewhere)
_LONGEST = 80  # characters of a line that can still mean something
_SLICE = 0.1  # seconds between looks where a wait cannot be interrupted (on Windows: zmq, the console)

# Two threads that asked at once would each take the other's answer.
_ONE_AT_A_TIME = allocate_lock()


class Answer(NamedTuple):
    """What came of a question: whether it was a yes, and in words why (for an error or an event)."""

    allowed: bool
    reason: str


_YES = Answer(True, "yes")
_NO = Answer(False, "you said no")
_INTERRUPTED = Answer(False, "interrupted")
_NOBODY = Answer(False, "there is nobody to ask")


def place() -> Literal["terminal", "notebook", "nobody"]:
    """Where somebody could answer now.

    ``notebook``: an IPython kernel whose front end takes input. ``terminal``: standard input and standard
    error are terminals, this process is in the foreground, and ``CI`` is not set. ``nobody``: anything else.
    """
    kernel = _running_kernel()
    if kernel is not None:
        # Never the terminal that a kernel was started from: whoever reads the notebook does not look there.
        return "notebook" if _takes_input(kernel) else "nobody"
    return "terminal" if _has_terminal() else "nobody"


def ask(question: str, details: Callable[[], str], *, timeout: float = 60.0) -> Answer:
    """Ask ``question`` on standard error (or in the notebook) and wait for a yes.

    Only ``y`` or ``yes``, in either case, typed after the question was shown and ended with Enter, is a yes.
    ``?`` shows ``details()`` and asks again. Anything else is No: another word, end of file, Ctrl-C, silence.
    What was typed ahead is thrown away. Works in any thread; one question at a time.

    Args:
        question: one line, without the choices; characters that could not be seen are replaced.
        details: called for each ``?``; what it raises is passed on.
        timeout: seconds to wait for each answer, and for a question of another thread to end.
    """
    read = _reader()
    if read is None:
        return _NOBODY
    try:
        return _conversation(read, _visible(question), details, timeout)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _reader() -> Reader | None:
    where = place()
    if where == "nobody":
        return None
    if where == "notebook":
        return _from_notebook
    return _from_console if sys.platform == "win32" else _from_terminal


def _conversation(read: Reader, question: str, details: Callable[[], str], timeout: float) -> Answer:
    answer = _heard(read, "", question, timeout)
    while answer is None:
        answer = _heard(read, _visible(details()).rstrip("\n") + "\n", question, timeout)
    return answer


def _heard(read: Reader, before: str, question: str, timeout: float) -> Answer | None:
    """The answer to the question, or None for ``?``."""
    if not _ONE_AT_A_TIME.acquire(timeout=timeout):
        return _silence(timeout)
    try:
        _show(before)
        return _meaning(read(question, timeout))
    except TimeoutError:
        return _silence(timeout)
    except EOFError:
        return _NO
    except OSError:  # the terminal was closed meanwhile, or is another's
        return _NOBODY
    finally:
        _ONE_AT_A_TIME.release()


def _silence(timeout: float) -> Answer:
    return Answer(False, f"no answer in {timeout:g} s")


def _meaning(line: str) -> Answer | None:
    # Not a bare `strip`, which forgives what nobody sees (U+00A0, U+001F); nor `casefold`: U+017F becomes s.
    # And nothing long: Linux cuts a line at 4095 bytes, so "y", 5000 spaces and "no" would arrive as "y".
    word = line.strip(" \t\r\n").lower() if len(line) <= _LONGEST else ""
    if word == "?":
        return None
    return _YES if word in ("y", "yes") else _NO


def _visible(text: str) -> str:
    # A consent is worth what was seen: no escape sequence, and no reversed text (U+202E), may change it.
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


# -- a terminal ------------------------------------------------------------


def _has_terminal() -> bool:
    if os.environ.get("CI"):
        return False
    try:
        stdin, stderr = sys.stdin.fileno(), sys.stderr.fileno()
        return os.isatty(stderr) and _is_ours(stdin)
    except (AttributeError, TypeError, ValueError, OSError):
        # No stream (pythonw), a closed one, or one without a descriptor (captured, or an editor's own).
        return False


def _is_ours(stdin: int) -> bool:
    """Whether it is a terminal, and what is typed there reaches this process; OSError where it is none."""
    if sys.platform == "win32":
        # `isatty` is true for NUL there too; only a real console gets this class of raw stream.
        return type(getattr(getattr(sys.stdin, "buffer", None), "raw", None)).__name__ == "_WindowsConsoleIO"
    return os.tcgetpgrp(stdin) == os.getpgrp()


def _from_terminal(question: str, timeout: float) -> str:
    """A line typed after the question was shown; the terminal's driver edits it, and is left as it was."""
    import termios

    stdin = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(stdin)
        line = b""
        try:
            termios.tcsetattr(stdin, termios.TCSADRAIN, _line_mode(before, stdin))
            line = _typed_line(stdin, question, timeout)
        finally:
            _leave(stdin, before, is_complete=line.endswith(b"\n"))
    except termios.error as error:
        raise OSError(*error.args) from error
    if line.endswith(before[6][termios.VINTR]):
        raise KeyboardInterrupt
    if not line.endswith(b"\n"):  # Ctrl-D, alone or after a word: not ended with Enter, so not meant
        raise EOFError
    return line.decode("utf-8", "replace")


def _line_mode(attributes: list[Any], stdin: int) -> list[Any]:
    """Whole lines with echo, whatever state the terminal is in, and with Ctrl-C as one more end of a line.

    As a signal, Ctrl-C would reach the main thread, which is not always the one that asks.
    """
    import termios

    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = attributes
    iflag = (iflag | termios.ICRNL) & ~(termios.IGNCR | termios.INLCR)
    lflag |= termios.ICANON | termios.ECHO | termios.ECHOE | termios.ISIG
    characters = [*characters]
    characters[termios.VEOL] = characters[termios.VINTR]
    characters[termios.VINTR] = bytes([os.fpathconf(stdin, "PC_VDISABLE") & 0xFF])
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, characters]


def _typed_line(stdin: int, question: str, timeout: float) -> bytes:
    import select
    import termios

    # Flushed between the two parts: what comes later was begun after the question could be read, and whoever
    # waits for the choices before the answer never loses the answer.
    _show(question)
    termios.tcdrain(sys.stderr.fileno())
    termios.tcflush(stdin, termios.TCIFLUSH)
    _show(_CHOICES)
    if not select.select([stdin], [], [], timeout)[0]:
        raise TimeoutError
    if not _is_ours(stdin):  # in the background by now (Ctrl-Z, bg): reading the shell's line would stop us
        raise OSError
    return os.read(stdin, _LINE)


def _leave(stdin: int, attributes: list[Any], *, is_complete: bool) -> None:
    import termios

    if _is_ours(stdin):  # else the shell has set it for itself, and setting it would stop this process
        if not is_complete:  # half a line must not become the beginning of the next command
            termios.tcflush(stdin, termios.TCIFLUSH)
        termios.tcsetattr(stdin, termios.TCSADRAIN, attributes)
    if not is_complete:
        _show("\n")


# -- a Windows console -----------------------------------------------------


def _from_console(question: str, timeout: float) -> str:
    import importlib

    return _edited_line(importlib.import_module("msvcrt"), question, timeout)


def _edited_line(console: Console, question: str, timeout: float) -> str:
    """A line typed after the question was shown; a console gives keys: echo and backspace are done here."""
    _show(question)
    while console.kbhit():
        console.getwch()
    _show(_CHOICES)
    deadline = monotonic() + timeout
    line = ""
    try:
        while (key := _key(console, deadline)) not in "\r\n":
            line = _after(line, key, console)
    finally:
        _show("\n")
    return line


def _key(console: Console, deadline: float) -> str:
    while not console.kbhit():
        if monotonic() >= deadline:
            raise TimeoutError
        sleep(_SLICE)
    key = console.getwch()
    if key == "\x03":
        raise KeyboardInterrupt
    if key in "\x04\x1a":
        raise EOFError
    return key


def _after(line: str, key: str, console: Console) -> str:
    if key == "\b":
        for each in "\b \b" if line else "":
            console.putwch(each)
        return line[:-1]
    if key.isprintable():
        console.putwch(key)
    return (line + key)[:_LINE]


# -- a notebook ------------------------------------------------------------


def _running_kernel() -> Any:
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return getattr(get_ipython(), "kernel", None) if get_ipython is not None else None


def _takes_input(kernel: Any) -> bool:
    """Whether the front end of the cell that is running lets the kernel ask, and this process may."""
    socket_type = getattr(sys.modules.get("zmq"), "Socket", ())
    return (
        bool(getattr(kernel, "_allow_stdin", False))
        and isinstance(getattr(kernel, "stdin_socket", None), socket_type)  # an in-process kernel has a dummy
        and getattr(kernel.session, "pid", 0) == os.getpid()  # a forked child must leave the sockets alone
        and hasattr(kernel, "get_parent")  # ipykernel >= 6
        and hasattr(kernel, "_parent_ident")
    )


def _from_notebook(question: str, timeout: float) -> str:
    """What was typed into the notebook's input box.

    The kernel's own ``input`` waits for ever. So the request that ipykernel's ``Kernel._input_request`` sends
    is sent from here, and its reply is awaited with a deadline, as Colab's own requests on that socket are.
    Of the names with an underscore, ipykernel 7 keeps ``_parent_ident`` for such callers and ``_allow_stdin``
    is as old as kernels are; without them nobody is asked.
    """
    kernel = _running_kernel()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    while kernel.stdin_socket.poll(0):
        kernel.stdin_socket.recv_multipart()
    cell = kernel.get_parent("shell")
    content = {"prompt": question + _CHOICES, "password": False}
    ident = kernel._parent_ident["shell"]  # noqa: SLF001 - see above
    request = kernel.session.send(kernel.stdin_socket, "input_request", content, cell, ident=ident)
    # A reply names the request (JupyterLab), or the cell, or nothing (jupyter_client). One that names another
    # request is a late answer to an earlier question, typed into a box that the notebook still shows.
    expected = {None, _message_id(request), _message_id(cell)}
    return _reply(kernel, expected, monotonic() + timeout)


def _message_id(message: Any) -> str | None:
    name: str | None = message.get("header", {}).get("msg_id")
    return name


def _reply(kernel: Any, expected: set[str | None], deadline: float) -> str:
    while (remaining := deadline - monotonic()) > 0:
        if not kernel.stdin_socket.poll(1000 * min(remaining, _SLICE)):
            continue
        try:
            _, message = kernel.session.recv(kernel.stdin_socket)
            if message["parent_header"].get("msg_id") in expected:
                return str(message["content"]["value"])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # unsigned, sent twice or malformed: nobody's answer
    raise TimeoutError
