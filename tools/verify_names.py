"""Ask real wheels whether rows of the names table are true: ``python tools/verify_names.py NAME ...``.

A NAME is a module or a distribution of ``src/load/_install/names.tsv``. The distribution that the table puts
first is downloaded by pip, under the user's own configuration, into a temporary directory; nothing is
installed and nothing of it runs. One line a row goes to stdout:

    ok        yaml  <- pyyaml 6.0.3 (provides yaml, _yaml)
    WRONG     yaml  <- ruyaml 0.91.0 (provides ruyaml)
    unproved  gi  <- pygobject (pip got no wheel: ...)

What a wheel provides is read from its RECORD; where its metadata declares import names (PEP 794), the module
has to be among those too. The exit status is 0 if every line is ``ok``, 1 if not, 2 for unusable arguments.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TABLE = Path(__file__).resolve().parent.parent / "src" / "load" / "_install" / "names.tsv"
LIMIT = 20
CARRIER = "code in "  # starts the note of a metapackage: the distribution that has the code follows
BOUND = "needs "  # starts a note: the requirement that still has the module follows, up to a colon
CODE_SUFFIXES = (".py", ".so", ".pyd")


class Row(NamedTuple):
    """One fact of the table."""

    kind: str
    name: str
    value: str
    note: str


class Claim(NamedTuple):
    """What a row says and a wheel can refute: what ``requirement`` stands for provides ``module``."""

    module: str
    requirement: str
    metapackage: str = ""  # the row's own distribution, where another one has its code


class Wheel(NamedTuple):
    """What a wheel says of itself; ``declared`` is None where its metadata names no import names."""

    name: str
    version: str
    modules: frozenset[str]
    declared: frozenset[str] | None


class NoWheelError(Exception):
    """pip got no wheel; the message is pip's own last word."""


# The table --------------------------------------------------------------------------------------


def read_table(path: Path) -> list[Row]:
    """The rows of a names table, without its comment lines."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Row(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def claim_of(row: Row) -> Claim | None:
    """What a row claims, or None if it is of a kind that promises no wheel."""
    if row.kind == "curated":
        best = row.value.split(",")[0]
        bound = row.note.removeprefix(BOUND).split(":")[0]
        return Claim(row.name, bound if row.note.startswith(BOUND) else best)
    if row.kind == "agree":
        module = row.value or row.name.replace("-", "_")
        meta = row.note.startswith(CARRIER)
        return Claim(module, row.note.removeprefix(CARRIER), row.name) if meta else Claim(module, row.name)
    return None


def names_of(row: Row) -> set[str]:
    """The names that ask for a row: its module and its distributions."""
    return {row.name, *row.value.split(",")} if row.kind == "curated" else {row.name, row.value}


def claims_about(name: str, rows: Iterable[Row]) -> list[Claim]:
    """The claims of the rows that ``name``, a module or a distribution however spelt, asks for."""
    asked = {name, canonicalize_name(name)}
    return [claim for row in rows if (claim := claim_of(row)) and asked & names_of(row)]


# The wheel --------------------------------------------------------------------------------------


def download(requirement: str, directory: Path) -> Path:
    """Have pip fetch the newest wheel that fits, for this interpreter; raises NoWheelError."""
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(directory), requirement]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    wheels = list(directory.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise NoWheelError(said[-1].removeprefix("ERROR: "))
    return wheels[0]


def read_wheel(path: Path) -> Wheel:
    """What the wheel at ``path`` provides and declares."""
    name, version, _, _ = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as archive:
        info = own_dist_info(archive)
        record = archive.read(f"{info}/RECORD").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
        paths = [row[0] for row in csv.reader(record.splitlines()) if row]
        roots = [root for entry in paths for root in path_lines(entry, archive)]
    return Wheel(name, str(version), frozenset(modules_in(paths, roots)), declared_in(metadata))


def own_dist_info(archive: zipfile.ZipFile) -> str:
    """The wheel's own metadata directory: at the top, where those of setuptools' vendored wheels are not."""
    tops = (entry.partition("/")[0] for entry in archive.namelist())
    return next(top for top in tops if top.endswith(".dist-info"))


def path_lines(entry: str, archive: zipfile.ZipFile) -> list[str]:
    """The directories that a ``.pth`` file of the wheel adds to ``sys.path``, as pywin32's does."""
    if "/" in entry or not entry.endswith(".pth"):
        return []
    lines = archive.read(entry).decode().splitlines()
    paths = (line for line in lines if line and not line.startswith(("#", "import")))
    return [path.replace("\\", "/").strip("/") for path in paths]


def modules_in(paths: Iterable[str], roots: Sequence[str] = ()) -> Iterator[str]:
    """Every module, package and namespace that the files at ``paths`` make importable, as dotted names."""
    for path in filter(None, map(installed_path, paths)):
        for root in ("", *(f"{root}/" for root in roots)):
            # Directories are compared as Windows does: that is where wheels with path lines are.
            if path.lower().startswith(root.lower()):
                yield from module_and_parents(path[len(root) :])


def installed_path(path: str) -> str | None:
    """Where a file of a wheel lands below site-packages, or None if it lands elsewhere."""
    first, _, rest = path.partition("/")
    if first.endswith(".data"):
        scheme, _, rest = rest.partition("/")
        return rest if scheme in ("purelib", "platlib") else None
    return None if first.endswith(".dist-info") else path


def module_and_parents(path: str) -> Iterator[str]:
    """The dotted name of a code file and of the packages it lies in; nothing for any other file."""
    *parents, file = path.split("/")
    stem = file.partition(".")[0]
    names = parents if stem == "__init__" else [*parents, stem]
    if file.endswith(CODE_SUFFIXES) and all(map(str.isidentifier, names)):
        yield from (".".join(names[:end]) for end in range(1, len(names) + 1))


def declared_in(metadata: str) -> frozenset[str] | None:
    """The import names and namespaces that core metadata declares, or None if it declares none (PEP 794)."""
    headers = HeaderParser().parsestr(metadata)
    values = [*headers.get_all("Import-Name", ()), *headers.get_all("Import-Namespace", ())]
    return frozenset(value.partition(";")[0].strip() for value in values) if values else None


# The verdict ------------------------------------------------------------------------------------


def refutation(module: str, wheel: Wheel) -> str | None:
    """Why the wheel does not provide ``module``, or None if it does."""
    if module not in wheel.modules:
        return "provides " + top_level(wheel.modules)
    declared = wheel.declared
    if declared is not None and not any(f"{module}.".startswith(f"{name}.") for name in declared):
        return "declares only " + ", ".join(sorted(declared))
    return None


def top_level(modules: Iterable[str]) -> str:
    """The top-level names among ``modules``, public ones first."""
    names = {module.partition(".")[0] for module in modules}
    return ", ".join(sorted(names, key=lambda name: (name.startswith("_"), name))) or "no module"


def judge(claim: Claim, wheel: Wheel) -> tuple[bool, str]:
    """Whether the claim holds, and the line that says so."""
    against = refutation(claim.module, wheel)
    source = f"{wheel.name} {wheel.version}" + (f", for {claim.metapackage}" if claim.metapackage else "")
    said = against or "provides " + top_level(wheel.modules)
    return against is None, f"{'WRONG' if against else 'ok':<8}  {claim.module}  <- {source} ({said})"


def verify(claims: Iterable[Claim]) -> Iterator[tuple[bool, str]]:
    """Judge the claims, asking for each wheel once; yields what ``judge`` returns."""
    by_requirement: dict[str, list[Claim]] = {}
    for claim in claims:
        by_requirement.setdefault(claim.requirement, []).append(claim)
    for requirement, about in by_requirement.items():
        with tempfile.TemporaryDirectory(prefix="verify-names-") as directory:
            try:
                wheel = read_wheel(download(requirement, Path(directory)))
            except NoWheelError as error:
                why = f"{requirement} (pip got no wheel: {error})"
                yield from ((False, f"unproved  {claim.module}  <- {why}") for claim in about)
            else:
                yield from (judge(claim, wheel) for claim in about)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; more than ``LIMIT`` names end the program."""
    parser = argparse.ArgumentParser("verify_names", description="Ask real wheels whether rows are true.")
    parser.add_argument("names", metavar="NAME", nargs="+", help=f"module or distribution (at most {LIMIT})")
    parser.add_argument("--table", metavar="FILE", type=Path, default=TABLE, help="another table")
    options = parser.parse_args(arguments)
    if len(options.names) > LIMIT:
        parser.error(
            f"{len(options.names)} names are more than {LIMIT}: every one asks the index for a wheel, "
            "so this is for a handful of rows, never for the table"
        )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parse_arguments(arguments)
    rows = read_table(options.table)
    claims: dict[Claim, None] = {}  # a set in order: a module and its distribution may both be named
    held = True
    for name in options.names:
        found = claims_about(name, rows)
        claims.update(dict.fromkeys(found))
        if not found:
            held = False
            print(f"unproved  {name}  (no row of the table promises it)")
    for true, line in verify(claims):
        held = held and true
        print(line, flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
