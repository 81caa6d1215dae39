"""The house keeps its own rules: arrows point down, rooms are alike, and nothing heavy is on the way to a hit."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import load
from conftest import World

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "load"
ROOMS = sorted(file.relative_to(SOURCE).as_posix() for file in SOURCE.rglob("*.py"))
LINTER = Path(sys.executable).with_name("lint-imports")
needs_linter = pytest.mark.skipif(not LINTER.exists(), reason="import-linter is not installed beside this interpreter")

HEAVY = """
    argparse asyncio ast collections.abc concurrent.futures contextlib dataclasses difflib email enum functools hashlib
    http importlib.metadata importlib.util inspect json logging multiprocessing packaging pathlib platformdirs psutil re
    requests rich shutil socket ssl string subprocess sysconfig tempfile textwrap threading tomllib traceback typing
    urllib uuid zipfile
""".split()  # noqa: SIM905 - as a list it would take a screen


def tree(room: str) -> ast.Module:
    return ast.parse((SOURCE / room).read_text(encoding="utf-8"))


def prints(room: ast.Module) -> list[int]:
    """The lines on which ``print`` is called."""
    called = [node.func for node in ast.walk(room) if isinstance(node, ast.Call)]
    return [each.lineno for each in called if isinstance(each, ast.Name) and each.id == "print"]


def rebinds(room: ast.Module) -> list[int]:
    """The lines on which a function says that it binds a global of its module."""
    return [node.lineno for node in ast.walk(room) if isinstance(node, ast.Global)]


# --- the rooms are alike


def test_there_are_rooms() -> None:
    assert {"__init__.py", "_api.py", "_values.py", "_install/store.py"} <= set(ROOMS)


@pytest.mark.parametrize("room", [room for room in ROOMS if not room.endswith("__init__.py")])
def test_annotations_are_never_evaluated(room: str) -> None:
    first = next(node for node in tree(room).body if not isinstance(node, ast.Expr))
    assert isinstance(first, ast.ImportFrom) and first.module == "__future__", (
        f"{room} begins with {ast.unparse(first)}"
    )
    assert [name.name for name in first.names] == ["annotations"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_for(room: str) -> None:
    assert ast.get_docstring(tree(room))


@pytest.mark.parametrize("room", [room for room in ROOMS if not room.startswith("_report/")])
def test_only_the_report_prints(room: str) -> None:
    assert prints(tree(room)) == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_global_of_a_module_is_bound_anew(room: str) -> None:
    assert rebinds(tree(room)) == []


def test_a_room_that_prints_or_binds_a_global_would_be_found() -> None:
    bad = ast.parse("def f():\n    global x\n    x = print(1)\n    y.print(2)\n")
    assert (prints(bad), rebinds(bad)) == ([3], [2])


def test_every_file_at_the_top_hides_no_name_of_the_user_s() -> None:
    """A sub-module ``load/x.py`` becomes ``load.x`` and would hide the user's module ``x``."""
    tops = {room.partition("/")[0].removesuffix(".py") for room in ROOMS} - {"lazy"}
    assert [top for top in sorted(tops) if not top.startswith("_")] == []


# --- public words


@pytest.mark.parametrize("word", load.__all__)
def test_a_public_word_has_a_docstring(word: str) -> None:
    value = getattr(load, word)
    assert value.__doc__ and value.__doc__ != tuple.__doc__
    assert value.__module__.partition(".")[0] == "load"


# --- arrows point down


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINTER), "--config", "setup.cfg", "--no-cache", "--no-logo"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house, to plant faults in."""
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    shutil.copytree(SOURCE, tmp_path / "src" / "load", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return tmp_path


@needs_linter
def test_arrows_point_down() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 1 kept, 0 broken." in done.stdout


@needs_linter
def test_a_copy_without_a_fault_passes(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_linter
@pytest.mark.parametrize(
    ("room", "line", "lower", "upper"),
    [
        ("_journal.py", "from load import _api", "_journal", "_api"),
        ("_values.py", "def late():\n    from load._settings import Settings", "_values", "_settings"),
        ("_settings.py", "import load._importer", "_settings", "_importer"),
        ("_report/table.py", "from load._install import store", "_report", "_install"),
        ("_install/store.py", "from load import _files", "_install", "_files"),
        ("_errors.py", "from load._values import Value", "_errors", "_values"),
        ("_unload.py", "if TYPE_CHECKING:\n    from load import _requires", "_unload", "_requires"),
    ],
)
def test_an_arrow_that_points_up_or_across_is_caught(house: Path, room: str, line: str, lower: str, upper: str) -> None:
    with (house / "src" / "load" / room).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"load.{lower} is not allowed to import load.{upper}" in done.stdout


@needs_linter
def test_a_new_room_without_a_floor_is_caught(house: Path) -> None:
    (house / "src" / "load" / "_attic.py").write_text("from __future__ import annotations\n")
    done = lint(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "_attic" in done.stdout


# --- nothing heavy on the way


MEASURE = """
    import sys
    before = set(sys.modules)
    import load
    {use}
    print(sorted(set({heavy!r}) & (set(sys.modules) - before)))
"""


def heavy_after(world: World, use: str) -> str:
    """What heavy modules a use imports: bare, where nobody has imported any before, and with the third parties in reach."""
    program = MEASURE.format(use=use, heavy=HEAVY)
    bare = world.printed(program, "-S", PYTHONPATH=str(SOURCE.parent))
    return bare if bare != "[]" else world.printed(program)


@pytest.mark.parametrize(
    "use",
    ["", "load.colorsys", "load('colorsys')", "from load import colorsys as c", "load.local", "load.info, load.Need"],
)
def test_what_is_here_is_given_without_anything_heavy(world: World, use: str) -> None:
    world.write({"local.py": ""})
    assert heavy_after(world, use) == "[]"


def test_what_is_in_the_store_is_given_without_anything_heavy(world: World) -> None:
    world.wheel("tiny")
    world.write({"requirements.txt": "tiny\n"})
    assert world.printed("import load; print(load.tiny.VERSION)") == "1.0"
    world.index.requests.clear()
    assert heavy_after(world, "load.tiny") == "[]"
    assert world.index.requests == []


def test_the_measure_sees_what_is_heavy(world: World) -> None:
    assert heavy_after(world, "import json, logging") != "[]"


def test_a_room_is_imported_when_a_word_of_it_is_first_used(world: World) -> None:
    code = """
        import sys
        import load
        def rooms():
            return sorted(name for name in sys.modules if name.startswith("load."))
        print(rooms())
        load.LoadError
        print(rooms())
        load.Unloaded
        print("load._unload" in rooms(), "load._api" in rooms(), "load._report" in rooms())
    """
    assert world.printed(code) == "[]\n['load._errors']\nTrue False False"
