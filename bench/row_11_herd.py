"""50 processes ask at once for what nobody has: one installs, all get it, and the crowd costs little more than its parts.

Measured, with the installers' caches warm: wall time from the first start to the last end of 50 processes that run
``import load; load.X`` with an empty store. The goal, 1.5 ×, is set against what must be done in any case, measured in
the same run: one process alone with an empty store, and after it 50 processes at once that find X in the store. (50
interpreters share the cores of one machine: "1.5 × one" would be a claim about the number of its cores.)

Installs are counted as ``install`` events in all 50 histories: layers are named by their content, so that two
installations of the same leave one layer and one receipt. Failures stand beside pip's: 5 at once, not 50, into one
environment, then the import. Both counts are the worst of all repeats.
"""

from __future__ import annotations

from functools import partial
from tempfile import TemporaryFile
from time import perf_counter
from typing import NamedTuple

from bench.harness import SUBJECTS, Contender, Context, Failed, Measured, Row, Subject, exactly, interleaved, ratio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HERD, PIPS = 50, 5
_CODE = "import load; load.{word}; print(sum(event.kind == 'install' for event in load.history()))"


class Herd(NamedTuple):
    """What came of many processes at once: seconds until the last ended, how many failed, what the others wrote."""

    seconds: float
    failures: int
    said: tuple[str, ...]

    @property
    def installs(self) -> int:
        """The numbers that all wrote last, summed up."""
        return sum(int(said.rsplit(maxsplit=1)[-1]) for said in self.said)


def measure(context: Context) -> list[Row]:
    """Three rows a subject: the time, the installs, the failures."""
    plain = context.plain()
    return [row for each in SUBJECTS if each.word in ("six", "numpy") for row in _measure(context, plain, each)]


def _measure(context: Context, plain: Path, subject: Subject) -> list[Row]:
    command = (str(plain / "bin" / "python"), "-I", "-c", _CODE.format(word=subject.word))
    herds: list[Herd] = []
    with context.fresh() as store:
        contenders = [
            Contender("ours", partial(_into_empty, context, command, herds)),
            Contender("parts", partial(_parts, context, command, store)),
        ]
        found = interleaved(contenders, context.repeats(3, 1), warm_up=1)
    work, parts = f"load.{subject.word} by {HERD} at once", f"1 alone, then {HERD} from the store"
    installs = Measured.of([max(herd.installs for herd in herds)])
    failures = Measured.of([max(herd.failures for herd in herds)])
    pips = Measured.of([_pips_that_fail(context, plain, subject)])
    return [
        Row(11, work, found["ours"], parts, found["parts"], ratio(1.5)),
        Row(11, f"{work}: installs", installs, goal=exactly(1), unit="count"),
        Row(11, f"{work}: failures", failures, f"{PIPS} × pip install at once", pips, exactly(0), unit="count"),
    ]


def _into_empty(context: Context, command: Sequence[str], herds: list[Herd]) -> float:
    with context.fresh() as home:
        herds.append(at_once(context, command, HERD, LOAD_HOME=str(home)))
    return herds[-1].seconds


def _parts(context: Context, command: Sequence[str], store: Path) -> float:
    with context.fresh() as home:
        alone = context.seconds(*command, LOAD_HOME=home)
    context.said(*command, LOAD_HOME=store)  # in the first round it installs; byte code is warm from then on
    return alone + at_once(context, command, HERD, LOAD_HOME=str(store)).seconds


def _pips_that_fail(context: Context, plain: Path, subject: Subject) -> int:
    """Of five that run ``pip install`` at once, those whose pip fails, and imports that fail in the end."""
    with context.copy(plain) as environment:
        python = str(environment / "bin" / "python")
        herd = at_once(context, (python, "-m", "pip", "install", subject.distribution), PIPS)
        try:
            context.said(python, "-I", "-c", f"import {subject.module}")
        except Failed:
            return PIPS  # what they left behind is of use to none of them
        return herd.failures


def at_once(context: Context, command: Sequence[str], count: int, **changes: str) -> Herd:
    """Start ``count`` processes of one command as fast as one can, and wait for all."""
    files = [TemporaryFile() for _ in range(count)]  # noqa: SIM115 - closed below, all together
    began = perf_counter()
    processes = [context.start(file, *command, **changes) for file in files]
    returncodes = [process.wait() for process in processes]
    seconds = perf_counter() - began
    said = []
    for file, returncode in zip(files, returncodes, strict=True):
        file.seek(0)
        said += [] if returncode else [file.read().decode(errors="replace")]
        file.close()
    return Herd(seconds, count - len(said), tuple(said))
