"""The journal costs little: at most 2 µs an event, 15 µs with the memory added, and nothing where nothing happens.

Measured: ``timeit`` on the journal of a process that uses `load`, with its listener, in fresh processes in turns. A
timed event takes two samples of the memory, before and after; the peer is psutil, ``memory_info().rss`` of a kept
``Process``. "Nothing" is the number of events that 1,000 hits of ``load.json`` record; what a hit costs is row 2.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Contender, Context, Measured, Row, exactly, interleaved, most, ratio

_STATEMENTS = {
    "event": 'journal.record("import", "x")',
    "timed event": 'with journal.timed("import", "x"): pass',
    "sample": "resident()",
    "psutil": "process.memory_info().rss",
    "psutil twice": "process.memory_info().rss; process.memory_info().rss",
}
_TIME = """
import timeit
import load, psutil
from load._api import journal
from load._journal import resident
load.json
process = psutil.Process()
timer = timeit.Timer({statement!r}, globals=globals())
print(min(timer.repeat(repeat=15, number={number})) / {number})
"""
_HITS = """
import load
load.json
before = len(load.history())
for _ in range(1_000):
    load.json
print(len(load.history()) - before)
"""


def measure(context: Context) -> list[Row]:
    """Seconds an event and a sample, and the events of hits."""
    python = context.plain() / "bin" / "python"
    number = context.repeats(5_000, 1_000)

    def once(statement: str) -> float:
        return float(context.said(python, "-I", "-c", _TIME.format(statement=statement, number=number)))

    contenders = [Contender(name, partial(once, statement)) for name, statement in _STATEMENTS.items()]
    found = interleaved(contenders, context.repeats(10, 2))
    hits = Measured.of([int(context.said(python, "-I", "-c", _HITS))])
    return [
        Row(15, "an event without memory", found["event"], goal=most(2e-6)),
        Row(15, "an event with memory", found["timed event"], "psutil, twice", found["psutil twice"], most(15e-6)),
        Row(15, "a sample of the memory", found["sample"], "psutil", found["psutil"], ratio(1)),
        Row(15, "events of 1,000 hits", hits, goal=exactly(0), unit="count"),
    ]
