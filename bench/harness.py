"""What every row stands on: goals and rows, repeats that take turns, the environments that are measured."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from time import perf_counter
from typing import IO, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parent.parent
PEERS = ("lazy_loader", "etils[epy]", "apipkg", "lazyregistry")
# Whatever would make a measured interpreter another one than a user's.
_NOT_INHERITED = ("PYTHON", "LOAD_", "VIRTUAL_ENV", "CONDA_")
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


class Failed(Exception):
    """A command of a row ended with an error, so that there is nothing to measure."""


class Goal(NamedTuple):
    """What a row promises, as text, and whether it holds for (ours, theirs)."""

    text: str
    holds: Callable[[float, float], bool]


def ratio(bound: float) -> Goal:
    """Ours takes at most ``bound`` times theirs."""
    return Goal(f"≤ {bound:g} ×", lambda ours, theirs: ours <= bound * theirs)


def faster(times: float) -> Goal:
    """Ours is at least ``times`` times faster than theirs."""
    return Goal(f"≥ {times:g} × faster", lambda ours, theirs: ours * times <= theirs)


def over(seconds: float) -> Goal:
    """Ours takes at most ``seconds`` more than theirs."""
    return Goal(f"≤ + {in_units(seconds)}", lambda ours, theirs: ours - theirs <= seconds)


def most(seconds: float) -> Goal:
    """Ours takes at most ``seconds``, whatever theirs takes."""
    return Goal(f"≤ {in_units(seconds)}", lambda ours, _: ours <= seconds)


def exactly(count: int) -> Goal:
    """Ours is that count, whatever theirs is."""
    return Goal(f"= {count}", lambda ours, _: ours == count)


class Measured(NamedTuple):
    """The minimum and the median of ``repeats`` measurements, in seconds or as a count."""

    least: float
    median: float
    repeats: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """Sum up repeats.

        Raises:
            statistics.StatisticsError, ValueError: if there is none.
        """
        return cls(min(values), statistics.median(values), len(values))


class Row(NamedTuple):
    """A line of the table: ours beside one peer; ``unit`` is ``s`` or ``count``, the goal looks at the minimums."""

    number: int
    work: str
    ours: Measured
    peer: str = ""
    theirs: Measured | None = None
    goal: Goal | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """Ours by theirs; None where there is no peer, or it took nothing."""
        return self.ours.least / self.theirs.least if self.theirs and self.theirs.least else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where the row has none and only informs."""
        theirs = self.theirs.least if self.theirs else 0.0
        return self.goal.holds(self.ours.least, theirs) if self.goal else None

    def shown(self, value: Measured | None) -> str:
        """A value of this row as people read it."""
        if value is None:
            return "–"
        return f"{value.least:g}" if self.unit == "count" else in_units(value.least)


def in_units(seconds: float) -> str:
    """``1.25 s``, ``84 ms``, ``16.3 ns``: three figures, in the unit that needs no zeros in front."""
    size, unit = next((each for each in _UNITS if abs(seconds) >= each[0]), _UNITS[-1])
    return f"{float(f'{seconds / size:.3g}'):g} {unit}"


class Contender(NamedTuple):
    """One that is measured: ``once`` prepares (untimed), does the work once, and gives its seconds or its count."""

    name: str
    once: Callable[[], float]


def interleaved(contenders: Sequence[Contender], repeats: int, warm_up: int = 0) -> dict[str, Measured]:
    """Measure contenders in turns, so that whatever else the machine does falls on all of them.

    Each round starts with another one: who comes after a heavy neighbour finds colder caches. ``warm_up`` rounds
    come first and do not count.
    """
    values: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(warm_up + repeats):
        first = number % len(contenders)
        for each in (*contenders[first:], *contenders[:first]):
            value = each.once()
            if number >= warm_up:
                values[each.name].append(value)
    return {name: Measured.of(found) for name, found in values.items()}


class Subject(NamedTuple):
    """Something to load: the word after ``load.``, the module that it is, the distribution that has it."""

    word: str
    module: str
    distribution: str


# httpx stands for requests, which `load` itself depends on: where `load` is, requests is never missing.
SUBJECTS = (
    Subject("six", "six", "six"),
    Subject("httpx", "httpx", "httpx"),
    Subject("numpy", "numpy", "numpy"),
    Subject("pandas", "pandas", "pandas"),
    Subject("plt", "matplotlib.pyplot", "matplotlib"),
)


@dataclass(frozen=True)
class Context:
    """One run: the interpreter that is measured, and the directory that holds all that this needs.

    ``root`` is below the checkout and lasts, ``scratch`` is an empty working directory outside of it, so that no
    project file declares anything. The caches of the installers are the run's own; every other setting of the user
    holds, that of the index above all.
    """

    python: Path
    root: Path
    scratch: Path
    quick: bool = False

    def repeats(self, full: int, quick: int) -> int:
        """How often to repeat in this run."""
        return quick if self.quick else full

    def environ(self, **changes: str | os.PathLike[str]) -> dict[str, str]:
        """The environment of a measured process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        ours = {
            "UV_CACHE_DIR": str(self.root / "cache-uv"),
            "PIP_CACHE_DIR": str(self.root / "cache-pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # a question to the index that is no part of installing
            "MPLCONFIGDIR": str(self.root / "matplotlib"),  # its list of fonts: 1 s when it is made first
        }
        return kept | ours | {name: os.fspath(value) for name, value in changes.items()}

    def seconds(self, *argv: str | os.PathLike[str], **changes: str | os.PathLike[str]) -> float:
        """The wall time of a whole process, from before its start until after its end.

        Raises:
            Failed: if it ends with an error.
        """
        with TemporaryFile() as said:
            began = perf_counter()
            returncode = self.start(said, *argv, **changes).wait()
            seconds = perf_counter() - began
            _check(argv, returncode, said)
        return seconds

    def said(self, *argv: str | os.PathLike[str], **changes: str | os.PathLike[str]) -> str:
        """What a process wrote.

        Raises:
            Failed: if it ends with an error.
        """
        with TemporaryFile() as said:
            return _check(argv, self.start(said, *argv, **changes).wait(), said)

    def start(
        self, said: IO[bytes], *argv: str | os.PathLike[str], **changes: str | os.PathLike[str]
    ) -> subprocess.Popen[bytes]:
        """Start a process that writes to a file, in the working directory of the run."""
        # A file and no pipe: nothing has to be read while the clock runs.
        environ = self.environ(**changes)
        return subprocess.Popen(
            argv, env=environ, cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """An empty directory on the file system of the caches, from where installers link; removed afterwards."""
        directory = Path(mkdtemp(dir=self.root))
        try:
            yield directory
        finally:
            shutil.rmtree(directory)

    @contextmanager
    def copy(self, environment: Path) -> Iterator[Path]:
        """A copy of an environment, removed afterwards; its files are hard links, for installers only add.

        Always at the same place, as a user's environment is: uv keeps what it knows of an interpreter by its path, and asks
        one that it has not seen, which takes 40 ms.
        """
        place = self.root / "copy"
        shutil.rmtree(place, ignore_errors=True)  # a run that was killed leaves it behind
        shutil.copytree(environment, place, symlinks=True, copy_function=os.link)
        try:
            yield place
        finally:
            shutil.rmtree(place)

    def environment(self, name: str, *requirements: str) -> Path:
        """A virtual environment with `load` as a user has it, from a wheel and not editable, and requirements."""
        place = self.root / name
        wheel = build_wheel(self.root / "wheel")
        made = " ".join((str(self.python), *requirements))
        if _stamp(place, "made") != made:
            shutil.rmtree(place, ignore_errors=True)
            self.said(self.python, "-m", "venv", place)
            self._pip(place, "--upgrade", "pip")
            self._pip(place, wheel, *requirements)
            (place / "made").write_text(made, encoding="utf-8")
        elif _stamp(place, "wheel") != wheel.parent.name:
            self._pip(place, "--no-deps", "--force-reinstall", wheel)
        (place / "wheel").write_text(wheel.parent.name, encoding="utf-8")
        return place

    def plain(self) -> Path:
        """The environment with `load` and what it depends on, and nothing else."""
        return self.environment("plain")

    def peers(self) -> Path:
        """The environment with `load` and its peers side by side, so that all start the same interpreter."""
        return self.environment("peers", *PEERS)

    def _pip(self, place: Path, *options: str | os.PathLike[str]) -> None:
        self.said(place / "bin" / "python", "-m", "pip", "install", "--quiet", *options)


def _check(argv: Sequence[str | os.PathLike[str]], returncode: int, said: IO[bytes]) -> str:
    said.seek(0)
    text = said.read().decode(errors="replace")
    if returncode:
        raise Failed(f"{' '.join(map(str, argv))}\nended with {returncode}:\n{text}")
    return text


def _stamp(place: Path, name: str) -> str:
    file = place / name
    return file.read_text(encoding="utf-8") if file.exists() else ""


def sources(checkout: Path = CHECKOUT) -> dict[str, bytes]:
    """The files that the wheel is made from, by their path in the checkout."""
    files = [checkout / name for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")]
    files += sorted(each for each in (checkout / "src" / "load").rglob("*") if "__pycache__" not in each.parts)
    return {file.relative_to(checkout).as_posix(): file.read_bytes() for file in files if file.is_file()}


def digest(files: Mapping[str, bytes]) -> str:
    """Sixteen hexadecimal digits that change with every change of a file's name or content."""
    whole = sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def build_wheel(where: Path, checkout: Path = CHECKOUT) -> Path:
    """The wheel of the checkout as it is now, built from a copy: setuptools would leave files of its own in it.

    Raises:
        Failed: if it cannot be built.
    """
    files = sources(checkout)
    place = where / digest(files)
    built = sorted(place.glob("*.whl"))
    if built:
        return built[0]
    shutil.rmtree(where, ignore_errors=True)
    for name, content in files.items():
        file = place / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*argv, "--wheel-dir", place, place / "source"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the wheel of the checkout could not be built:\n{done.stderr}")
    return next(place.glob("*.whl"))
