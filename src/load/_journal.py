"""What happened: an append-only journal of events with their time and memory. It knows nobody; reports read it."""

from __future__ import annotations

import os
import sys
from _thread import _local, get_ident
from time import perf_counter, time

from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Self

KINDS = frozenset({"resolve", "plan", "refuse", "install", "activate", "import", "reuse", "reload", "unload", "fail"})
_HERE = __name__.partition(".")[0]


class Event(Value):
    """One thing that happened.

    ``seconds`` and ``memory`` (bytes of resident memory added) are cumulative over nested events; ``parent`` is the
    ``number`` of the event that was under way in the same thread; ``caller`` is the ``file:line`` that asked; ``time``
    is seconds since the epoch; ``memory`` is None where it was not measured.
    """

    kind: str
    name: str
    version: str | None = None
    origin: str | None = None
    requirement: str | None = None
    seconds: float = 0.0
    memory: int | None = None
    caller: str | None = None
    parent: int | None = None
    thread: int = 0
    time: float = 0.0
    number: int = 0
    detail: str = ""


class Progress(Value):
    """A passing remark while something long is under way: shown, never kept.

    ``phase`` is resolve, download, unpack, done, or note (``subject`` is then a remark to the user); ``done`` and ``total``
    are bytes (total 0 where unknown).
    """

    phase: str
    subject: str
    done: int = 0
    total: int = 0


class Span:
    """An event under way: fill in what becomes known; leaving the ``with`` records it.

    Leaving by an exception records kind ``fail`` instead, with the error's first line as detail.
    """

    __slots__ = (
        "_began", "_journal", "_parent", "_rss", "caller", "detail", "kind", "name", "number", "origin", "requirement",
        "version",
    )  # fmt: skip

    def __init__(self, journal: Journal, kind: str, name: str, caller: str | None, requirement: str | None) -> None:
        self.kind = kind
        self.name = name
        self.version: str | None = None
        self.origin: str | None = None
        self.requirement = requirement
        self.detail = ""
        self.caller = caller
        self._journal = journal

    def __enter__(self) -> Self:
        journal = self._journal
        self._parent = journal.under_way()
        self.number = journal.next_number()
        journal.enter(self.number)
        self._rss = resident()
        self._began = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        seconds = perf_counter() - self._began
        memory = resident() - self._rss if self._rss else None
        self._journal.enter(self._parent)
        if error is not None:
            self.detail = f"{self.kind}: {_first_line(error)}"
            self.kind = "fail"
        self._journal.append(
            Event._make((
                self.kind, self.name, self.version, self.origin, self.requirement, seconds, memory,
                self.caller, self._parent, get_ident(), time(), self.number, self.detail,
            ))
        )  # fmt: skip


def _first_line(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    except Exception:  # noqa: BLE001 - the text of somebody else's error may raise anything
        return type(error).__name__


class Journal:
    """An append-only list of events, safe under threads because ``list.append`` is one atomic operation."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._numbers = iter(range(1, sys.maxsize))
        self._thread = _local()
        self._listeners: list[tuple[object, Callable[[Event | Progress], None]]] = []
        """Each with a mark of its own, for one function may listen twice."""

    def history(self) -> tuple[Event, ...]:
        """The events so far, in the order in which they ended."""
        return tuple(self._events)

    def record(
        self,
        kind: str,
        name: str,
        version: str | None = None,
        origin: str | None = None,
        requirement: str | None = None,
        caller: str | None = None,
        detail: str = "",
    ) -> None:
        """Append an event that took no time of its own."""
        # `_make` takes 0.4 µs where the constructor with its defaults takes 3.
        self.append(
            Event._make((
                kind, name, version, origin, requirement, 0.0, None, caller, self.under_way(), get_ident(), time(),
                next(self._numbers), detail,
            ))
        )  # fmt: skip

    def timed(self, kind: str, name: str, *, caller: str | None = None, requirement: str | None = None) -> Span:
        """A context manager that records an event with the time and memory spent inside."""
        return Span(self, kind, name, caller, requirement)

    def append(self, event: Event) -> None:
        self._events.append(event)
        for _, listener in tuple(self._listeners):
            listener(event)

    def signal(self, progress: Progress) -> None:
        """Tell the listeners, and keep nothing."""
        for _, listener in tuple(self._listeners):
            listener(progress)

    def subscribe(self, listener: Callable[[Event | Progress], None]) -> Callable[[], None]:
        """Call ``listener`` with everything that follows; the returned function ends that (twice is harmless)."""
        entry = (object(), listener)
        self._listeners.append(entry)

        def unsubscribe() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return unsubscribe

    def next_number(self) -> int:
        return next(self._numbers)

    def under_way(self) -> int | None:
        """The number of the event that this thread is inside of."""
        return getattr(self._thread, "number", None)

    def enter(self, number: int | None) -> None:
        self._thread.number = number


def caller_frame() -> FrameType | None:
    """The nearest frame that is neither ours nor the import system's: whoever asked."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect, its public wrapper, takes 10 ms to import
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in (_HERE, "importlib"):
            return frame
        frame = frame.f_back
    return None


def caller() -> str | None:
    """``file:line`` of whoever asked."""
    frame = caller_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else None


class _Meter:
    """Resident memory of this process, in bytes: 1.4 µs from a kept ``/proc/self/statm``, 10 µs through psutil.

    A kept descriptor goes on describing the process that opened it, so a forked child opens its own.
    """

    def __init__(self) -> None:
        self._file = -1
        self._pid = 0
        self._page = 0

    def __call__(self) -> int:
        if self._pid != os.getpid():
            self._open()
        if self._file < 0:
            return _resident_by_psutil()
        return int(os.pread(self._file, 80, 0).split()[1]) * self._page

    def _open(self) -> None:
        self._pid = os.getpid()
        self._page = os.sysconf("SC_PAGE_SIZE")
        try:
            self._file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1


def _resident_by_psutil() -> int:
    try:
        import psutil
    except ImportError:
        return 0
    return int(psutil.Process().memory_info().rss)


resident = _Meter() if sys.platform != "win32" else _resident_by_psutil
