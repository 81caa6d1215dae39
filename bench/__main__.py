"""``python -m bench [rows …] [--python PATH] [--quick]``: measure, print the table, keep the results.

A whole run is kept in ``bench/results/``. Some rows only, or a quick run, are no result: they are kept in
``.bench/``. The exit status is 1 if something could not be measured; a missed goal is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from io import StringIO
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

import bench
from bench.harness import CHECKOUT, Context, Failed, Row

Measure = Callable[[Context], list[Row]]
ROOT = CHECKOUT / ".bench"
RESULTS = CHECKOUT / "bench" / "results"
_WIDTH = 150
_MET = {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}
_VERSION = "import platform, sys; print(sys.implementation.name, platform.python_version(), sep='-')"
_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


class Run(NamedTuple):
    """What a run found: where it was made, its rows, and for each row that could not be measured the reason."""

    facts: dict[str, Any]
    rows: list[Row]
    failures: dict[int, str]


def main(arguments: Sequence[str]) -> int:
    """Measure the rows asked for, all without any; the exit status."""
    there_are = rows()
    options = _options(arguments, there_are)
    chosen = {number: there_are[number] for number in options.rows or there_are}
    with TemporaryDirectory(prefix="bench-") as scratch:
        context = _context(Path(options.python).absolute(), Path(scratch), options.quick)
        run = measure_all(context, chosen)
    whole = not options.quick and not run.failures and len(chosen) == len(there_are)
    keep(run, RESULTS if whole else ROOT)
    print(as_text(run, sys.stdout.isatty()))
    return 1 if run.failures else 0


def rows() -> dict[int, Measure]:
    """The rows there are, by number: every module ``row_<number>_<word>`` of this package."""
    names = sorted(each.name for each in iter_modules(bench.__path__) if each.name.startswith("row_"))
    return {int(name.split("_")[1]): import_module(f"bench.{name}").measure for name in names}


def _options(arguments: Sequence[str], there_are: Mapping[int, Measure]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure every claim beside its peers.")
    parser.add_argument("rows", nargs="*", type=int, metavar="row", help=f"of {', '.join(map(str, there_are))}")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure (default: this one)")
    parser.add_argument("--quick", action="store_true", help="few repeats: does it work, not how fast is it")
    options = parser.parse_args(arguments)
    unknown = [str(number) for number in options.rows if number not in there_are]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(map(str, there_are))}")
    return options


def _context(python: Path, scratch: Path, quick: bool) -> Context:
    ROOT.mkdir(exist_ok=True)
    (ROOT / ".gitignore").write_text("*\n", encoding="utf-8")  # as virtual environments do, it ignores itself
    version = Context(python, ROOT, scratch).said(python, "-I", "-c", _VERSION).strip()
    root = ROOT / version
    root.mkdir(exist_ok=True)
    return Context(python, root, scratch, quick)


def measure_all(context: Context, chosen: Mapping[int, Measure]) -> Run:
    """Measure rows, one after the other; one that fails does not keep the others from being measured."""
    run = Run(facts(context), [], {})
    console = Console(stderr=True)
    for number, measure in chosen.items():
        console.print(f"row {number} …", highlight=False)
        try:
            run.rows.extend(measure(context))
        except Failed as failed:
            run.failures[number] = str(failed)
            console.print(str(failed), style="red", highlight=False, markup=False)
    return run


def facts(context: Context) -> dict[str, Any]:
    """The machine and the versions: what a reader must know, nothing that says whose machine it is."""
    names = ("load", "uv", "pip", "psutil", "lazy_loader", "etils", "apipkg", "lazyregistry")
    versions = json.loads(context.said(context.peers() / "bin" / "python", "-I", "-c", _VERSIONS, *names))
    return {
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "quick": context.quick,
        "machine": f"{os.cpu_count()} × {_processor()}, {platform.system()} {platform.release()}",
        "busy processes before the run": round(os.getloadavg()[0], 1),
        "versions": {"interpreter": context.root.name, **versions},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def keep(run: Run, directory: Path) -> None:
    """Write ``last.json`` and ``last.txt``."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "last.json").write_text(json.dumps(as_dict(run), indent=1) + "\n", encoding="utf-8")
    (directory / "last.txt").write_text(as_text(run), encoding="utf-8")


def as_dict(run: Run) -> dict[str, Any]:
    """The run as JSON has it: seconds and counts, minimum and median."""
    return {**run.facts, "rows": [_row(row) for row in run.rows], "failures": run.failures}


def _row(row: Row) -> dict[str, Any]:
    return {
        "row": row.number,
        "work": row.work,
        "unit": row.unit,
        "ours": row.ours._asdict(),
        "peer": row.peer,
        "theirs": row.theirs._asdict() if row.theirs else None,
        "ratio": row.ratio,
        "goal": row.goal.text if row.goal else None,
        "met": row.met,
    }


def as_text(run: Run, colour: bool = False) -> str:
    """The table with what a reader must know about it."""
    table = Table("row", "work", "ours", "peer", "theirs", "ratio", "goal", "met", caption=_caption(run), box=None)
    for row in run.rows:
        by = f"{row.ratio:.2f} ×" if row.ratio is not None else "–"
        goal, met = (row.goal.text if row.goal else "–"), _MET[row.met]
        table.add_row(
            str(row.number), row.work, row.shown(row.ours), row.peer or "–", row.shown(row.theirs), by, goal, met
        )
    for number in run.failures:
        table.add_row(str(number), "could not be measured", "–", "–", "–", "–", "–", _MET[False])
    stream = StringIO()
    Console(file=stream, width=_WIDTH, force_terminal=colour, highlight=False).print(table)
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


def _caption(run: Run) -> str:
    said = {key: value for key, value in run.facts.items() if key != "versions"}
    lines = [f"{key}: {value}" for key, value in said.items()]
    versions = ", ".join(f"{name} {version}" for name, version in run.facts["versions"].items())
    return "\n".join([*lines, f"versions: {versions}", "minimum of all repeats; the goals look at the minimums"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
