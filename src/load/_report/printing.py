"""One line a load, and any object within a limit, on whatever ``sys.stdout`` is at that moment."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from contextvars import ContextVar
from itertools import islice

from load._errors import ConfigError
from load._journal import KINDS, Event
from load._report.memory import added_bytes, human_bytes, human_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Any, TextIO

    from load._journal import Journal, Progress

    # Seconds and bytes that installing took, and the loads to tell.
    _Inside = tuple[float, int, tuple[Event, ...]]

LIMIT = 1000
INSTALLING = frozenset({"resolve", "plan", "install", "activate"})
_LOADS = frozenset({"import", "fail", "refuse"})
_ITEMS = 10  # of a collection
_ROWS = 5  # of a frame or an array
_PLAIN = str.maketrans({"✓": "ok", "✗": "failed", "·": "|", "…": "..."})

# How many `no_print` blocks this thread or task is in. A counter of the process would silence the loads of
# other threads, a counter of the thread those of other tasks that share it; a context is neither's.
_silenced: ContextVar[int] = ContextVar("load.no_print", default=0)


def no_print() -> AbstractContextManager[None]:
    """A context manager in which neither loads nor ``smart_print`` print anything.

    It holds for the thread or task that entered it, and nests. A thread started inside begins afresh, as with
    every context variable; ``asyncio.to_thread`` takes the silence along.
    """
    return _Silence()


def is_silenced() -> bool:
    """Whether this thread or task is inside ``no_print``."""
    return _silenced.get() > 0


class _Silence:
    def __enter__(self) -> None:
        _silenced.set(_silenced.get() + 1)

    def __exit__(self, *error: object) -> None:
        # No `reset(token)`: a generator closed in another context than it began in would raise there.
        _silenced.set(max(_silenced.get() - 1, 0))


class AutoPrinter:
    """Prints a line for each load that no other load made, while it is enabled.

    ``journal`` is what it listens to: while disabled it is not subscribed and costs nothing. ``limit`` is how
    many characters of a value or of a reason are shown.

    Raises:
        ConfigError: for a limit that is not a whole number from 0 up; the methods that take one do the same.
    """

    def __init__(self, journal: Journal, limit: int = LIMIT) -> None:
        self._journal = journal
        self._limit = _checked(limit)
        self._lock = allocate_lock()
        self._unsubscribe: Callable[[], None] | None = None
        self._inside: dict[int, _Inside] = {}
        """What ended inside an event that has not, by its number; taken out when it ends."""

    @property
    def enabled(self) -> bool:
        """Whether loads are printed."""
        return self._unsubscribe is not None

    @property
    def limit(self) -> int:
        """How many characters of a value are shown."""
        return self._limit

    def enable(self, limit: int = LIMIT) -> None:
        """Print the loads from now on; to enable twice changes the limit only."""
        self.set_print_limit(limit)
        with self._lock:
            if self._unsubscribe is None:
                self._unsubscribe = self._journal.subscribe(self._hear)

    def disable(self) -> None:
        """Print no load from now on; to disable twice is harmless."""
        with self._lock:
            if self._unsubscribe is not None:
                self._unsubscribe()
            self._unsubscribe = None
            self._inside.clear()

    def set_print_limit(self, limit: int) -> None:
        """Show at most ``limit`` characters of a value."""
        self._limit = _checked(limit)

    def smart_print(self, obj: object, name: str | None = None) -> None:
        """Print ``obj`` as ``describe`` shows it, also while disabled: it was asked for."""
        if not is_silenced():
            put_line(sys.stdout, describe(obj, name, self._limit))

    def _hear(self, said: Event | Progress) -> None:
        if isinstance(said, Event):
            for event in self._outermost(said):
                put_line(sys.stdout, load_line(event, self._limit))

    def _outermost(self, event: Event) -> tuple[Event, ...]:
        """The loads that can be told now.

        Events arrive when they end, the inner before the outer, and the outer one's kind decides: inside a
        load they are part of its line, inside a plan or an install they have lines of their own.
        """
        seconds, memory, told = self._inside.pop(event.number, (0.0, 0, ()))
        if event.kind in _LOADS:
            told = (_cause(_without(event, seconds, memory), told),)
        elif event.kind in INSTALLING:
            seconds, memory = event.seconds, event.memory or 0
        if is_silenced():
            told = ()
        if event.parent is None:
            return told
        before = self._inside.get(event.parent, (0.0, 0, ()))
        self._inside[event.parent] = (before[0] + seconds, before[1] + memory, before[2] + told)
        return ()


def load_line(event: Event, limit: int = LIMIT) -> str:
    """``✓ numpy 2.4.1 · 84 ms · +28.3 MiB · store``, or ``✗ nope · reason``; what is unknown is left out."""
    named = f"{event.name} {event.version}" if event.version else event.name
    if event.kind != "import":
        return visible(f"✗ {named} · {cut(reason(event), limit)}", keep="")
    memory = "" if event.memory is None else added_bytes(event.memory)
    parts = (f"✓ {named}", human_seconds(event.seconds), memory, event.origin)
    return visible(" · ".join(part for part in parts if part), keep="")


def reason(event: Event) -> str:
    """Why a load was refused or failed: the first line of the detail, without the step in which it failed."""
    step, _, rest = event.detail.partition(": ")
    told = rest if event.kind == "fail" and step in KINDS else event.detail
    return next(iter(told.splitlines()), "")


def plain(text: str) -> str:
    """The text in ASCII: our marks in words, other characters as escapes."""
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with everything that a terminal would act upon written out, but for the characters to keep.

    Names, reprs and bodies are other people's: an escape sequence in them could colour, move or forge lines.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text)


def cut(text: str, limit: int) -> str:
    """The first ``limit`` characters, and a mark if there were more."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def can_write(stream: TextIO | None, text: str) -> bool:
    """Whether the stream's encoding has every character of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def put_line(stream: TextIO | None, text: str) -> None:
    """Write a line in one piece, in ASCII where the stream can do no more; the stream's troubles end here."""
    if stream is None:  # a program without a console
        return
    try:
        stream.write((text if can_write(stream, text) else plain(text)) + "\n")
    except (OSError, ValueError, RuntimeError):
        # Full, broken or hung up; closed or detached; written to from a signal handler. The load went well.
        return


def describe(obj: object, name: str | None = None, limit: int = LIMIT) -> str:
    """``obj`` for a reader: what it is, how large, and its beginning, in about ``limit`` characters.

    An object says it itself by a method ``__load_display__``. Lazy things stay so: no attribute of an
    unloaded module, no row that would have to be computed, no body that was not read is touched. Whatever
    the object's own code raises, some line comes back.
    """
    whole = next((text for each in _DESCRIBERS if (text := _tried(each, obj, limit)) is not None), None)
    if whole is None:
        whole = f"<{type(obj).__name__} object that cannot be shown>"
    text = cut(visible(whole[: limit + 1]), limit)
    return f"{visible(str(name))}: {text}" if name else text


def _tried(describer: Callable[[Any, int], str | None], obj: object, limit: int) -> str | None:
    try:
        return describer(obj, limit)
    except Exception:  # noqa: BLE001 - the object's own code ran and may raise anything; a plainer way is next
        return None


def _by_itself(obj: Any, _limit: int) -> str | None:
    return str(obj.__load_display__()) if _has(obj, "__load_display__") else None


def _module(obj: Any, _limit: int) -> str | None:
    from types import ModuleType

    if not isinstance(obj, ModuleType):
        return None
    # Its dict and not its attributes: a lazy module stays unloaded, a package's `__getattr__` is not asked.
    names = object.__getattribute__(obj, "__dict__")
    version, file = names.get("__version__"), names.get("__file__")
    named = f"module {names['__name__']}" + (f" {version}" if isinstance(version, str) else "")
    return f"{named} · {file}" if file else named


def _frame(obj: Any, _limit: int) -> str | None:
    shape = _shape(obj) if _has(obj, "columns", "head", "shape", "dtypes") else None
    if shape is None:
        return None
    columns = [f"{name} {kind}" for name, kind in islice(zip(obj.columns, obj.dtypes, strict=False), _ITEMS)]
    return f"{_kind(obj)} · shape {shape} · {_listed(columns, shape[-1])}\n{obj.head(_ROWS)}"


def _array(obj: Any, _limit: int) -> str | None:
    shape = _shape(obj) if _has(obj, "shape", "dtype") else None
    if not shape:  # a scalar reads best as itself
        return None
    rows = obj.head(_ROWS) if _has(obj, "head") else obj[:_ROWS]
    return f"{_kind(obj)} · shape {shape} · {obj.dtype}\n{rows}"


def _response(obj: Any, limit: int) -> str | None:
    if not _has(obj, "status_code", "headers", "text"):
        return None
    phrase = getattr(obj, "reason", None) or getattr(obj, "reason_phrase", None) or ""
    status = f"{_kind(obj)} {obj.status_code} {phrase}".rstrip()
    content = {str(key).lower(): str(value) for key, value in obj.headers.items()}.get("content-type", "")
    head = f"{status} · {content}" if content else status
    # requests keeps False there while a streamed body waits; to read it here would take it from its owner.
    if getattr(obj, "_content", None) is False:
        return f"{head} · body not read yet"
    if content and not any(word in content for word in ("text", "json", "xml", "javascript")):
        return f"{head} · {human_bytes(len(obj.content))}"
    return f"{head}\n{obj.text[:limit]}"


def _mapping(obj: Any, limit: int) -> str | None:
    from collections.abc import Mapping

    if not isinstance(obj, Mapping):
        return None
    brief = _brief(limit)
    items = [f"{brief(key)}: {brief(value)}" for key, value in islice(obj.items(), _ITEMS)]
    return f"{_kind(obj)} · {_counted(len(obj))} · {{{_listed(items, len(obj))}}}"


def _collection(obj: Any, limit: int) -> str | None:
    from collections.abc import Sequence, Set

    shown_whole = isinstance(obj, (str, bytes, bytearray, memoryview, range)) or not isinstance(obj, (Sequence, Set))
    if shown_whole or len(obj) <= _ITEMS:
        return None
    items = map(_brief(limit), islice(obj, _ITEMS))
    return f"{_kind(obj)} · {_counted(len(obj))} · [{_listed(items, len(obj))}]"


def _representation(obj: Any, limit: int) -> str | None:
    return _brief(limit)(obj[: limit + 1] if isinstance(obj, (bytes, bytearray)) else obj)


_DESCRIBERS: tuple[Callable[[Any, int], str | None], ...] = (
    _by_itself, _module, _frame, _array, _response, _mapping, _collection, _representation,
)  # fmt: skip


def _brief(limit: int) -> Callable[[Any], str]:
    """``repr`` that stays small: nested collections are cut, where it raises ``<X instance at …>`` stands."""
    from reprlib import Repr

    writer = Repr()
    # It cuts in the middle; at more than twice the limit, the end is all that is lost when we cut there.
    writer.maxstring = writer.maxlong = writer.maxother = 2 * limit + 8
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = writer.maxdeque = _ITEMS
    writer.maxdict = writer.maxarray = _ITEMS
    return writer.repr


def _has(obj: object, *names: str) -> bool:
    """Whether the object or its class defines them; a ``__getattr__`` with an answer to all is not asked."""
    from inspect import getattr_static

    nothing = object()
    return all(getattr_static(obj, name, nothing) is not nothing for name in names)


def _shape(obj: Any) -> tuple[int, ...] | None:
    """The shape, or None where it is not known without computing it, as for a frame on a cluster."""
    shape = tuple(obj.shape)
    return shape if all(isinstance(length, int) for length in shape) else None


def _kind(obj: object) -> str:
    return type(obj).__name__


def _counted(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"


def _listed(parts: Iterable[str], count: int) -> str:
    """The parts, and a mark if there are more than were listed."""
    listed = list(parts)
    return ", ".join([*listed, "…"] if count > len(listed) else listed)


def _without(event: Event, seconds: float, memory: int) -> Event:
    """The event without what was spent on installing, so that a line and the report's row say the same."""
    rest = None if event.memory is None else event.memory - memory
    return event._replace(seconds=max(event.seconds - seconds, 0.0), memory=rest)


def _cause(event: Event, inner: Iterable[Event]) -> Event:
    """The step that really failed, where a failure only passes on what happened to the same name inside."""
    if event.kind != "fail":
        return event
    return next((each for each in inner if each.kind != "import" and each.name == event.name), event)


def _checked(limit: object) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise ConfigError(
            f"the print limit is a whole number of characters from 0 up, not {describe(limit, limit=80)}",
            ways=("for the usual one: set_print_limit(1000)", "to print nothing: disable_auto_print()"),
        )
    return limit
