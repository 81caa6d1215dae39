"""What every load cost, as a table: a row a load, with what it did itself and what was loaded inside it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from load._report.memory import LEAST, MIB, human_seconds
from load._report.printing import INSTALLING, can_write, plain, reason, visible

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from rich.table import Table

    from load._journal import Event

WIDTH = 80
_TROUBLES = frozenset({"refuse", "fail"})
_TEXTS = ("module", "version", "origin")  # may be cut to fit
_FIGURES = ("import", "self", "MiB", "self", "install")  # may not


class Row(NamedTuple):
    """One load, in seconds and in bytes of resident memory: with the loads made inside it, and by itself.

    Installing is in neither: ``install_seconds`` is what finding, fetching and activating took for this load
    alone. Memory is None where it was not measured. ``depth`` counts the loads around it.
    """

    name: str
    version: str | None
    origin: str | None
    seconds: float
    self_seconds: float
    memory: int | None
    self_memory: int | None
    install_seconds: float
    caller: str | None
    depth: int


class Trouble(NamedTuple):
    """A load that was refused or that failed; ``kind`` says which."""

    kind: str
    name: str
    requirement: str | None
    reason: str
    caller: str | None


class Report:
    """What loading cost so far: ``str`` and ``repr`` give the table, ``len`` the number of loads.

    ``rows`` are the loads in the order in which they began, each followed by those made inside it;
    ``troubles`` what was refused or failed; ``seconds``, ``memory`` and ``install_seconds`` the sums, which
    count nothing twice.
    """

    def __init__(self, rows: Sequence[Row], troubles: Sequence[Trouble], install_seconds: float, threads: int) -> None:
        outermost = [row for row in rows if not row.depth]
        self.rows = tuple(rows)
        self.troubles = tuple(troubles)
        self.seconds = sum(row.seconds for row in outermost)
        self.memory = sum(row.memory or 0 for row in outermost)
        self.install_seconds = install_seconds
        self._threads = threads

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        # `print(report)` is what a `str` of it is for, and must not raise where stdout has no box characters.
        text = self.text()
        return text if can_write(sys.stdout, text) else self.text(ascii=True)

    __repr__ = __str__

    def text(self, *, ascii: bool = False, width: int = WIDTH) -> str:  # noqa: A002 - the users' word
        """The table and its notes within ``width`` columns, long names cut; in ASCII if asked.

        Costs 40 ms the first time, for importing rich.
        """
        write = plain if ascii else str
        lines = ["Nothing was loaded."]
        if self.rows:
            lines = [*self._table(width, write), "", *self._wrapped_notes(width)]
        if self.troubles:
            lines += ["", *(_fitted(write(_told(each)), width) for each in self.troubles)]
        text = "\n".join(lines)
        # What is left are marks of the layout: one character for one, or the columns would move.
        return text.replace("…", "~").replace("─", "-") if ascii else text

    def to_dict(self) -> dict[str, Any]:
        """Everything in the report, in types that JSON has; seconds and bytes, nothing rounded."""
        return {
            "loads": [row._asdict() for row in self.rows],
            "troubles": [trouble._asdict() for trouble in self.troubles],
            "seconds": self.seconds,
            "memory": self.memory,
            "install_seconds": self.install_seconds,
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write what ``to_dict`` gives to a file.

        Raises:
            OSError: if it cannot be written.
        """
        import json
        from pathlib import Path

        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{heading}</th>" for heading in (*_TEXTS, *_FIGURES))
        rows = [_html_row(cells) for cells in (*map(_cells, self.rows), self._total())]
        notes = [f"<p>{_html(note)}</p>" for note in self._notes()]
        troubles = [f"<p>{_html(_told(trouble))}</p>" for trouble in self.troubles]
        return "\n".join(["<table>", f"<tr>{head}</tr>", *rows, "</table>", *notes, *troubles])

    def _table(self, width: int, write: Callable[[str], str]) -> list[str]:
        from rich import box
        from rich.table import Table

        table = Table(box=box.HORIZONTALS, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for heading in _TEXTS:
            table.add_column(heading)
        for heading in _FIGURES:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            _add(table, [write(cell) for cell in _cells(row)])
        table.add_section()
        _add(table, self._total())
        return _rendered(table, width)

    def _total(self) -> tuple[str, ...]:
        own_seconds = sum(row.self_seconds for row in self.rows)
        own_memory = sum(row.self_memory or 0 for row in self.rows)
        return (
            "1 load" if len(self) == 1 else f"{len(self):,} loads", "", "",
            human_seconds(self.seconds), human_seconds(own_seconds), _mib(self.memory), _mib(own_memory),
            _installing(self.install_seconds),
        )  # fmt: skip

    def _wrapped_notes(self, width: int) -> Iterator[str]:
        import textwrap

        for note in self._notes():
            yield from textwrap.wrap(note, width)

    def _notes(self) -> Iterator[str]:
        yield "import and MiB: with the loads made inside; self: without them; install: in neither."
        yield (
            "MiB: resident memory added. Pages shared with other processes (libraries, page cache) are in "
            "it, memory that was free and used again is not. What several loads need counts with the first."
        )
        if any(row.memory is None for row in self.rows):
            yield "?: not measured, and not in the sum."
        if self._threads > 1:
            yield f"Loads ran in {self._threads} threads: where they overlapped, the memory is that of all."
        shared = self.install_seconds - sum(row.install_seconds for row in self.rows)
        if shared >= 0.001:
            yield f"{human_seconds(shared)} of the installing belongs to no single load."


def report(events: Iterable[Event]) -> Report:
    """What loading cost, by the journal's events in the order in which they ended.

    Costs 7 µs an event; the journal is only read.
    """
    happened = tuple(events)
    ledger = _Ledger()
    for event in happened:
        ledger.enter(event)
    by_number = {event.number: event for event in happened}
    placed = [(*_place(event, by_number), row) for event, row in ledger.rows]
    placed.sort(key=lambda each: each[0])
    rows = [row._replace(depth=depth) for _, depth, row in placed]
    threads = {event.thread for event, _ in ledger.rows}
    return Report(rows, ledger.troubles, ledger.install_seconds, len(threads))


class _Cost(NamedTuple):
    """An event that has ended: its own part, and the sums with what ended inside it.

    ``installing`` is what no load inside has taken for itself.
    """

    event: Event
    own_seconds: float
    own_memory: int | None
    importing: float
    adding: int
    installing: float


class _Ledger:
    """Adds up events as they ended, inner before outer: what is inside an event is known before the event."""

    def __init__(self) -> None:
        self.rows: list[tuple[Event, Row]] = []
        self.troubles: list[Trouble] = []
        self.install_seconds = 0.0
        self._inside: dict[int, list[_Cost]] = {}
        """What ended inside an event that has not, by its number."""
        self._unclaimed: list[_Cost] = []
        """Installs that ended before the load they were made for began; it takes them."""

    def enter(self, event: Event) -> None:
        inside = self._inside.pop(event.number, [])
        cost = _cost(event, inside)
        if event.kind == "import":
            cost = self._into_row(cost)
        elif event.kind in INSTALLING:
            self.install_seconds += cost.own_seconds
        elif event.kind in _TROUBLES and not _passes_on(event, inside):
            trouble = Trouble(event.kind, event.name, event.requirement, reason(event), event.caller)
            self.troubles.append(trouble)
        if event.parent is not None:
            self._inside.setdefault(event.parent, []).append(cost)
        elif cost.installing:
            self._unclaimed.append(cost)

    def _into_row(self, cost: _Cost) -> _Cost:
        event = cost.event
        mine = [each for each in self._unclaimed if _made_for(event, each.event)]
        for each in mine:
            self._unclaimed.remove(each)
        row = Row(
            event.name,
            event.version,
            event.origin,
            seconds=cost.importing,
            self_seconds=cost.own_seconds,
            memory=None if event.memory is None else cost.adding,
            self_memory=cost.own_memory,
            install_seconds=cost.installing + sum(each.installing for each in mine),
            caller=event.caller,
            depth=0,
        )
        self.rows.append((event, row))
        return cost._replace(installing=0.0)


def _cost(event: Event, inside: Iterable[_Cost]) -> _Cost:
    own_seconds = max(event.seconds - sum(each.event.seconds for each in inside), 0.0)
    own_memory = event.memory
    if own_memory is not None:
        own_memory -= sum(each.event.memory or 0 for each in inside)
    installs = event.kind in INSTALLING
    return _Cost(
        event,
        own_seconds,
        own_memory,
        importing=sum(each.importing for each in inside) + (0.0 if installs else own_seconds),
        adding=sum(each.adding for each in inside) + (0 if installs else own_memory or 0),
        installing=sum(each.installing for each in inside) + (own_seconds if installs else 0.0),
    )


def _made_for(load: Event, install: Event) -> bool:
    same_requirement = install.requirement is not None and install.requirement == load.requirement
    return same_requirement or install.name == load.name


def _passes_on(event: Event, inside: Iterable[_Cost]) -> bool:
    """Whether a trouble with the same name inside has said it already."""
    return any(each.event.kind in _TROUBLES and each.event.name == event.name for each in inside)


def _place(event: Event, by_number: Mapping[int, Event]) -> tuple[tuple[int, int], int]:
    """Where a load stands, beneath the outermost event around it in the order of beginning; and how deep."""
    outermost, depth, parent = event, 0, event.parent
    # An event is numbered after those around it; where events say otherwise, no circle must be walked.
    while parent is not None and parent < outermost.number and parent in by_number:
        outermost = by_number[parent]
        parent = outermost.parent
        depth += outermost.kind == "import"
    return (outermost.number, event.number), depth


def _told(trouble: Trouble) -> str:
    word = "refused" if trouble.kind == "refuse" else "failed"
    return visible(f"{word}: {trouble.name} · {trouble.reason}", keep="")


def _cells(row: Row) -> tuple[str, ...]:
    name = "  " * row.depth + visible(row.name, keep="")
    return (
        name, visible(row.version or "", keep=""), visible(row.origin or "", keep=""),
        human_seconds(row.seconds), human_seconds(row.self_seconds), _mib(row.memory), _mib(row.self_memory),
        _installing(row.install_seconds),
    )  # fmt: skip


def _mib(count: int | None) -> str:
    if count is None:
        return "?"
    return "< 0.1" if abs(count) < LEAST else f"{count / MIB:,.1f}"


def _installing(seconds: float) -> str:
    return human_seconds(seconds) if seconds else ""


def _add(table: Table, cells: Sequence[str]) -> None:
    from rich.text import Text

    # Not `str`, which rich would search for markup: a name in brackets is a name. Not to be wrapped, but the
    # column says that it may be, because rich makes only such columns narrower than what stands in them.
    texts = [Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells[: len(_TEXTS)]]
    table.add_row(*texts, *cells[len(_TEXTS) :])


def _rendered(table: Table, width: int) -> list[str]:
    import io

    from rich.console import Console

    written = io.StringIO()
    # In a kernel a console displays by itself unless told not to.
    console = Console(file=written, width=width, color_system=None, force_terminal=False, force_jupyter=False)
    console.print(table)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def _fitted(line: str, width: int) -> str:
    from rich.text import Text

    text = Text(line)
    text.truncate(width, overflow="ellipsis")
    return text.plain


def _html(text: str) -> str:
    import html

    return html.escape(text)


def _html_row(cells: Iterable[str]) -> str:
    indented = (_html(cell).replace("  ", "&nbsp;&nbsp;") for cell in cells)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in indented) + "</tr>"
