"""What a user sees of an install: live bars on a terminal while it runs, and one line when it is done."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from load._journal import Event
from load._report.memory import human_bytes, human_seconds
from load._report.printing import can_write, is_silenced, plain, put_line, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from rich.progress import TaskID

    from load._journal import Progress

PHASES = frozenset({"resolve", "download", "unpack"})
# What follows these is a question, an error, or the line of the install: the terminal is theirs.
_ENDS = frozenset({"plan", "install", "refuse", "fail"})
_NAMED = 3  # distributions of one install that its line names
_SUBJECT = 30  # characters of what a bar is about: with the figures, the bar and the clock a line has 80


class Narrator:
    """Tells on ``sys.stderr`` what is being installed: ``journal.subscribe(Narrator())``.

    On a terminal each phase has a live bar; the bars are gone once a plan, an install, a refusal or a failure
    is in the journal. Everywhere there is one line for each install and each remark, and none for what failed: its error says
    that. While ``silent``, which may be changed at any time, and inside ``no_print`` there is nothing at all.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self._process = os.getpid()
        self._lock = allocate_lock()
        self._bars: _Bars | None = None

    def __call__(self, said: Event | Progress) -> None:
        if not isinstance(said, Event):
            self._follow(said)
            return
        if said.kind in _ENDS:
            self.close()
        if said.kind == "install" and not self._is_silent():
            put_line(sys.stderr, install_line(said))

    def close(self) -> None:
        """Remove the bars: before a question is asked, or when nothing else ends them. Twice is harmless."""
        self._forget_the_parents()
        with self._lock:
            bars, self._bars = self._bars, None
            if bars is not None:
                bars.stop()

    def _follow(self, progress: Progress) -> None:
        stream = sys.stderr
        if progress.phase not in PHASES:
            self.close()
            if progress.phase == "note" and not self._is_silent():
                put_line(stream, visible(f"load: {progress.subject}", keep=""))
        elif not self._is_silent() and is_live(stream) and _rich_is_here():
            self._forget_the_parents()
            with self._lock:
                if self._bars is None:
                    self._bars = _Bars(stream)
                self._bars.show(progress)

    def _is_silent(self) -> bool:
        return self.silent or is_silenced()

    def _forget_the_parents(self) -> None:
        # In a forked child the bars are the parent's, and the lock's holder may be a thread that is not here.
        if self._process != os.getpid():
            self._process, self._lock, self._bars = os.getpid(), allocate_lock(), None


class _Bars:
    """A live display of ``rich`` with a bar for each phase that has begun; it redraws itself in time."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._stream = stream
        file: Any = _Guarded(stream)
        self._display = Progress(
            TextColumn("load: {task.description}", markup=False),  # `requests[socks]` is no style
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=file, force_jupyter=False),
            transient=True,
            # To redirect is to replace sys.stdout and sys.stderr for the whole process and its threads.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._display.start()

    def show(self, progress: Progress) -> None:
        description = visible(f"{progress.phase} {progress.subject}".rstrip(), keep="")
        facts: dict[str, Any] = {
            # In ASCII before it is measured: the stream's own escapes would make the line longer than the screen.
            "description": (description if can_write(self._stream, description) else plain(description))[:_SUBJECT],
            "total": progress.total if progress.done else None,  # without it the bar moves all the time
            "completed": progress.done,
            "amount": _amount(progress),
        }
        if progress.phase in self._tasks:
            self._display.update(self._tasks[progress.phase], **facts)
            return
        for earlier in self._tasks.values():
            self._display.update(earlier, total=1, completed=1)
        self._tasks[progress.phase] = self._display.add_task(**facts)  # draws, where `update` waits for the next tick

    def stop(self) -> None:
        self._display.stop()


class _Guarded:
    """A stream whose troubles end here: a terminal that hangs up must not break the install."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def isatty(self) -> bool:
        return True  # it was asked before

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def install_line(event: Event) -> str:
    """``load: installed pandas 3.1.1, numpy 2.4.1, six 1.17.0 and 2 more in 1.25 s (61.4 MiB)``.

    The event's detail lists what was installed, then, after a semicolon, its bytes.
    """
    listed, _, size = event.detail.partition("; ")
    size = human_bytes(int(size)) if size.isdecimal() else size
    installed = listed.split(", ") if listed else [f"{event.name} {event.version or ''}".rstrip()]
    more = len(installed) - _NAMED
    text = "load: installed " + ", ".join(installed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    known = {_folded(each.partition(" ")[0]) for each in installed}
    others = [name for name in event.name.split(", ") if _folded(name.partition(".")[0]) not in known]
    text += f" for {', '.join(others)}" if others else ""
    text += f" in {human_seconds(event.seconds)}" + (f" ({size})" if size else "")
    return visible(text, keep="")


def is_live(stream: TextIO | None) -> bool:
    """Whether what is written there can be taken back: a terminal that moves its cursor."""
    if stream is None or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _rich_is_here() -> bool:
    # Asked before our lock is taken: nothing is imported while one of ours is held.
    try:
        import rich.progress  # noqa: F401
    except ImportError:
        return False
    return True


def _amount(progress: Progress) -> str:
    if progress.done and progress.total:
        return f"{human_bytes(progress.done)} of {human_bytes(progress.total)}"
    known = progress.done or progress.total
    return human_bytes(known) if known else ""


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
