"""Layers: what they put on the path and what not, when they are used again, and what they rely on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import load
from conftest import World
from support.wheels import build_wheel

SOURCE = Path(load.__file__).resolve().parents[1]
LIBRARIES = Path(str(distribution("packaging").locate_file("")))
INSTALLS = "print(sum(event.kind == 'install' for event in load.history()))"
LAYERS = "print([path.split('/layers/')[1].split('/')[0] for path in sys.path if '/layers/' in path])"


@pytest.fixture
def python(world: World) -> str:
    """The interpreter of a virtual environment, into which a test may install with `install`."""
    directory = world.path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True, timeout=60)
    (site,) = directory.glob("lib/python3*/site-packages")
    (site / "outside.pth").write_text(f"{SOURCE}\n{LIBRARIES}\n")
    return str(directory / "bin" / "python")


def install(world: World, python: str, *wheels: Path) -> None:
    """Install wheels into the environment as its user would, with pip."""
    command: list[str | Path] = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", *wheels]
    done = subprocess.run(command, env=world.environ(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def private_wheel(world: World, name: str, version: str = "1.0", **options: object) -> Path:
    """A wheel that no index serves."""
    return build_wheel(world.path / "private", name, version, **options)  # type: ignore[arg-type]


def declare(world: World, *lines: str) -> None:
    world.write({"requirements.txt": "\n".join(lines)})


def details(name: str) -> str:
    """Code that prints the details that the history has for a name."""
    return f"print([event.detail for event in load.history() if event.kind == 'resolve' and event.name == {name!r}])"


# --- what is put on the path


def test_a_namespace_package_is_one_over_two_layers_and_the_environment(either: World, python: str) -> None:
    install(either, python, private_wheel(either, "space-here", files={"space/here.py": "V = 'here'"}))
    for part in ("one", "two"):
        either.wheel(f"space-{part}", files={f"space/{part}.py": f"V = '{part}'\n"})
    declare(either, "space-one", "space-two")
    either.write({"pyproject.toml": '[tool.load.names]\n"space.one" = "space-one"\n"space.two" = "space-two"\n'})
    code = """
        import load
        one, two = load.load("space.one"), load.load("space.two")
        import space.here, space.one
        print(one.V, two.V, space.here.V, len(space.__path__), space.__file__)
    """
    assert either.printed(code, python=python) == "one two here 3 None"
    assert len(either.layers()) == 2


def test_a_portion_of_the_users_own_namespace_package_is_not_put_on_the_path(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "space/stray.py": "V = 2\n"})
    declare(world, "tool")
    world.write({"space/mine.py": "V = 3\n"})
    code = """
        import load
        load.tool
        import space.mine
        print(len(space.__path__))
        try:
            import space.stray
        except ImportError as error:
            print(error)
    """
    assert world.printed(code + "    " * 2 + details("tool") + "\n") == (
        "1\nNo module named 'space.stray'\n"
        "['declared', 'not put on the path, because they would hide or split what is here: space']"
    )


def test_a_stray_tests_package_does_not_hide_the_users_own_and_that_is_said(either: World) -> None:
    either.wheel("tool", files={"tool.py": "V = 1\n", "tests/__init__.py": "WHOSE = 'stray'\n", "tests/helper.py": ""})
    declare(either, "tool")
    either.write({"tests/__init__.py": "", "tests/mine.py": "WHOSE = 'mine'\n"})
    code = "import load; load.tool; import tests.mine; print(tests.mine.WHOSE, hasattr(tests, 'WHOSE'))\n"
    assert either.printed(code + details("tool")) == (
        "mine False\n['declared', 'not put on the path, because they would hide or split what is here: tests']"
    )
    assert [receipt.set_aside for receipt in receipts_of(either)] == [("tests",)]


def receipts_of(world: World) -> list[load.Receipt]:
    return [load.Receipt(**_tuples(json.loads((layer / "receipt.json").read_text()))) for layer in world.layers()]


def _tuples(fields: dict[str, object]) -> dict[str, object]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def test_users_tests_without_an_init_are_not_hidden_either(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "tests/__init__.py": "WHOSE = 'stray'\n"})
    declare(world, "tool")
    world.write({"tests/mine.py": "WHOSE = 'mine'\n"})
    assert world.printed("import load; load.tool; import tests.mine; print(tests.mine.WHOSE)") == "mine"


def test_a_stray_tests_package_that_hides_nothing_stays_and_its_layer_is_not_used_where_it_would(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "tests/__init__.py": "WHOSE = 'stray'\n"})
    declare(world, "tool")
    code = "import load; load.tool; import tests; print(getattr(tests, 'WHOSE', 'mine'));" + INSTALLS
    assert world.printed(code) == "stray\n1"
    assert world.printed(code) == "stray\n0"
    world.write({"tests/__init__.py": ""})
    assert world.printed(code) == "mine\n1"
    assert world.printed(code) == "mine\n0"
    assert len(world.layers()) == 2


def test_a_top_level_name_that_the_environment_has_is_not_put_on_the_path(either: World, python: str) -> None:
    install(either, python, private_wheel(either, "first", files={"common/__init__.py": "WHOSE = 'first'\n"}))
    either.wheel(
        "second", files={"second.py": "V = 1\n", "common/__init__.py": "WHOSE = 'second'\n", "common/more.py": ""}
    )
    declare(either, "second")
    code = "import load; load.second; import common; print(common.WHOSE)\n" + details("second")
    assert either.printed(code, python=python) == (
        "first\n['declared', 'not put on the path, because they would hide or split what is here: common']"
    )


def test_the_module_that_was_asked_for_is_never_set_aside(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "stray.py": ""})
    declare(world, "tool")
    assert world.printed("import load; load.tool; import stray\n" + details("tool")) == "['declared']"


def test_scripts_and_data_lie_beside_and_not_on_the_path(either: World) -> None:
    either.wheel(
        "tool",
        files={"tool.py": "V = 1\n"},
        data={"scripts/run_tool.py": "#!python\n", "data/share/notes.txt": "notes", "data/top.py": ""},
    )
    declare(either, "tool")
    out = either.printed("""
        import sys, load, pathlib, importlib.util
        load.tool
        site = pathlib.Path([path for path in sys.path if "/layers/" in path][0])
        layer = site.parents[2]
        print(sorted(path.name for path in site.iterdir() if path.name != "__pycache__"))
        print((layer / "bin" / "run_tool.py").exists(), (layer / "share" / "notes.txt").read_text(), (layer / "top.py").exists())
        print(importlib.util.find_spec("run_tool"), importlib.util.find_spec("top"), importlib.util.find_spec("share"))
    """)  # fmt: skip
    assert out == "['tool-1.0.dist-info', 'tool.py']\nTrue notes True\nNone None None"


def test_metadata_and_entry_points_of_new_distributions_are_seen(either: World) -> None:
    either.wheel(
        "tool", files={"tool.py": "def main(): return 7\n"}, entry_points="[tool.plugins]\nseven = tool:main\n"
    )
    declare(either, "tool")
    out = either.printed("""
        import load
        from importlib.metadata import PackageNotFoundError, distribution, entry_points, version
        try:
            version("tool")
        except PackageNotFoundError:
            print("not yet", list(entry_points(group="tool.plugins")))
        load.tool
        (point,) = entry_points(group="tool.plugins")
        print(version("tool"), point.load()(), "tool.py" in map(str, distribution("tool").files))
    """)  # fmt: skip
    assert out == "not yet []\n1.0 7 True"


# --- .pth files


def test_the_path_lines_of_pth_files_are_honoured(either: World) -> None:
    either.wheel(
        "tool", files={"tool.py": "V = 1\n", "tool.pth": "inner\n# a comment\nabsent\n\n", "inner/deep.py": "V = 2\n"}
    )
    declare(either, "tool")
    code = "import load; load.tool; import deep; print(deep.V, len(load.env()['PYTHONPATH'].split(':')));" + INSTALLS
    assert either.printed(code) == "2 2\n1"
    assert either.printed(code) == "2 2\n0"


@pytest.mark.parametrize("line", ["../../../..", "{outside}"])
def test_a_pth_line_that_leads_out_of_the_layer_is_refused(either: World, line: str) -> None:
    outside = either.path / "outside"
    outside.mkdir()
    line = line.format(outside=outside)
    either.wheel("tool", files={"tool.py": "V = 1\n", "tool.pth": line + "\n"})
    declare(either, "tool")
    assert either.error("load.tool") == (
        f"InstallFailed: 'tool' could not be installed for 'tool': what was fetched is broken: "
        f"tool.pth adds a directory outside of its place: {line}"
    )
    assert either.layers() == []


CODE = "import os; os.environ['RAN'] = 'yes'\n"


def test_import_lines_of_pth_files_are_not_run_and_that_is_said(either: World) -> None:
    either.wheel("tool", files={"tool.py": "V = 1\n", "tool.pth": CODE})
    declare(either, "tool")
    code = "import os, load; load.tool; print(os.environ.get('RAN'))\n"
    assert (
        either.printed(code + details("tool"))
        == "None\n['declared', 'code in .pth files was not run (1 line); build=True consents to it']"
    )
    assert either.printed(code) == "None"


def test_import_lines_of_pth_files_run_with_the_consent_that_a_build_needs(either: World) -> None:
    either.wheel("tool", files={"tool.py": "V = 1\n", "tool.pth": CODE})
    declare(either, "tool")
    code = "import os, load; load.load('tool', build=True); print(os.environ.get('RAN'))\n"
    assert either.printed(code + details("tool")) == "yes\n['declared']"
    assert either.printed(code) == "yes"


def test_a_consent_of_another_is_no_consent_of_ours(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "tool.pth": CODE})
    declare(world, "tool")
    world.printed("import load; load.load('tool', build=True)")
    assert world.printed("import os, load; load.tool; print(os.environ.get('RAN'))") == "None"


def test_a_consent_after_a_layer_was_made_without_one_is_heard(world: World) -> None:
    world.wheel("tool", files={"tool.py": "V = 1\n", "tool.pth": CODE})
    declare(world, "tool")
    world.printed("import load; load.tool")
    assert world.printed("import os, load; load.load('tool', build=True); print(os.environ.get('RAN'))") == "yes"


# --- add-only


@pytest.mark.parametrize("loaded", [True, False])
def test_what_is_here_is_never_replaced_and_the_conflict_says_what_holds(
    either: World, python: str, loaded: bool
) -> None:
    install(either, python, private_wheel(either, "base", files={"base.py": "VERSION = '1.0'\nSTATE = []\n"}))
    either.wheel("base", "2.0")
    either.wheel("upper", requires=["base>=2"])
    declare(either, "upper")
    first, rest = either.printed(f"""
        import load
        if {loaded}:
            import base
            base.STATE.append("kept")
        try:
            load.upper
        except load.VersionConflict as error:
            print(error.wanted, error.present, error.loaded, error.name)
            print(error)
        import base
        print(base.VERSION, base.STATE)
    """, python=python).split("\n", 1)  # fmt: skip
    assert first == f"upper base==1.0 {loaded} upper"
    said, *ways, state = rest.splitlines()
    how = "already imported" if loaded else "installed"
    assert said.startswith(f"'upper' needs upper, but base==1.0 is {how} and `load` never replaces what is here (")
    assert "base>=2" in said
    assert ways == [
        "Ways out:",
        "  - ask for a version of upper that works with base==1.0",
        "  - start a new process and load this one first" if loaded else "  - update base in the environment",
        "  - use another environment or process for it",
    ]
    assert state == ("1.0 ['kept']" if loaded else "1.0 []")
    assert either.layers() == []


def test_a_version_that_works_with_what_is_here_is_chosen(either: World, python: str) -> None:
    install(either, python, private_wheel(either, "base"))
    either.wheel("base", "2.0")
    either.wheel("upper", "1.0", requires=["base<2"])
    either.wheel("upper", "2.0", requires=["base>=2"])
    declare(either, "upper")
    assert either.printed("import load; print(load.upper.VERSION, load.base.VERSION)", python=python) == "1.0 1.0"


def test_what_a_layer_holds_is_never_replaced_by_another_layer(either: World) -> None:
    for version in ("1.0", "2.0"):
        either.wheel("base", version)
    either.wheel("upper", requires=["base>=2"])
    declare(either, "base<2", "upper")
    code = """
        import load
        load.base
        try:
            load.upper
        except load.VersionConflict as error:
            print(error.present, error.loaded)
        print(load.base.VERSION)
    """
    assert either.printed(code) == "base==1.0 True\n1.0"
    assert either.printed("import load; load.upper; import base; print(base.VERSION)") == "2.0"
    assert either.printed(code) == "base==1.0 True\n1.0"  # although the store has upper with base 2.0 now


def test_a_version_asked_for_beside_another_that_is_here_is_a_conflict(world: World, python: str) -> None:
    install(world, python, private_wheel(world, "base"))
    world.wheel("base", "2.0")
    assert world.printed("""
        import load
        try:
            load.load("base>=2")
        except load.VersionConflict as error:
            print(error)
    """, python=python) == (
        "'base' needs base>=2, but base==1.0 is installed and `load` never replaces what is here\n"
        "Ways out:\n"
        "  - ask for what base 1.0 satisfies\n"
        "  - change base where it is installed, and start a new process"
    )  # fmt: skip


def test_a_private_distribution_that_is_only_installed_satisfies_a_dependency(either: World, python: str) -> None:
    install(
        either, python, private_wheel(either, "private-base", "1.0+ours", files={"private_base.py": "V = 'private'\n"})
    )
    either.wheel("upper", requires=["private-base>=1"], files={"upper.py": "import private_base\nV = private_base.V\n"})
    declare(either, "upper")
    assert either.printed("import load; print(load.upper.V)", python=python) == "private"
    assert [receipt.relies_on for receipt in receipts_of(either)] == [
        ({"name": "private-base", "version": "1.0+ours", "specifier": ">=1", "layer": ""},)
    ]


def test_without_the_private_distribution_the_same_request_fails(either: World, python: str) -> None:
    either.wheel("upper", requires=["private-base>=1"])
    declare(either, "upper")
    said = either.error("load.upper", python=python)
    assert said.startswith("InstallFailed: 'upper' could not be installed for 'upper': ")
    assert "private-base" in said


# --- used again


def test_a_layer_made_for_a_stricter_request_serves_a_plain_one_of_another_project(world: World) -> None:
    for version in ("1.0", "2.0"):
        world.wheel("tool", version)
    declare(world, "tool<2")
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n1"
    declare(world, "tool")
    world.index.requests.clear()
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n0"
    assert world.index.requests == []
    declare(world, "tool>=2")
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "2.0\n1"
    declare(world, "tool<2")
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n0"


def test_a_layer_is_found_by_the_distribution_that_it_was_asked_by(world: World) -> None:
    world.wheel("tool-dist", files={"toolmod.py": "V = 1\n"})
    code = "import load; print(load.load('tool-dist>=1', install=True).V);" + INSTALLS
    assert world.printed(code) == "1\n1"
    world.index.requests.clear()
    assert world.printed(code) == "1\n0"
    assert world.index.requests == []


def test_a_layer_with_an_extra_serves_a_request_without_and_not_otherwise(world: World) -> None:
    world.wheel("helper")
    world.wheel("tool", extras={"more": ["helper"]})
    declare(world, "tool")
    assert world.printed("import load; load.tool;" + INSTALLS) == "1"
    declare(world, "tool[more]")
    assert world.printed("import load; load.tool; import helper;" + INSTALLS) == "1"
    shutil.rmtree(world.home)
    assert world.printed("import load; load.tool; import helper;" + INSTALLS) == "1"
    declare(world, "tool")
    assert world.printed("import load; load.tool; import helper;" + INSTALLS) == "0"


def test_two_layers_serve_whatever_the_order(either: World) -> None:
    either.wheel("base")
    for name in ("left", "right"):
        either.wheel(name, requires=["base"])
    declare(either, "left", "right")
    assert either.printed("import load; load.left; load.right;" + INSTALLS) == "2"
    code = "import load; load.right; load.left; import base; print(base.VERSION);"
    assert either.printed(code + INSTALLS) == "1.0\n0"


def test_two_projects_that_load_in_two_orders_both_work(either: World) -> None:
    either.wheel("base")
    for name in ("left", "right"):
        either.wheel(name, requires=["base"])
    declare(either, "left", "right")
    for names in ("left", "right"), ("right", "left"), ("left", "right"):
        code = f"import load; load.{names[0]}; load.{names[1]}; import base; print(base.VERSION)"
        assert either.printed(code) == "1.0"
    assert {path.name for layer in either.layers() for path in layer.glob("lib/*/site-packages/*.py")} == {
        "base.py",
        "left.py",
        "right.py",
    }


def test_a_removed_layer_is_made_again(world: World) -> None:
    world.wheel("tool")
    declare(world, "tool")
    world.printed("import load; load.tool")
    shutil.rmtree(world.layers()[0])
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n1"
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n0"


@pytest.mark.parametrize("damage", ["description cut off", "description gone", "files gone", "receipt gone"])
def test_a_damaged_layer_is_made_again(world: World, damage: str) -> None:
    world.wheel("tool")
    declare(world, "tool")
    world.printed("import load; load.tool")
    (layer,) = world.layers()
    match damage:
        case "description cut off":
            os.truncate(layer / "layer", 20)
        case "description gone":
            (layer / "layer").unlink()
        case "files gone":
            shutil.rmtree(layer / "lib")
        case "receipt gone":
            (layer / "receipt.json").unlink()
    assert world.printed("import load; print(load.tool.VERSION)") == "1.0"
    assert world.printed("import load; print(load.tool.VERSION);" + INSTALLS) == "1.0\n0"


# --- relied on


def two_layers(world: World, specifier: str = "") -> None:
    """Layers of base and, relying on it, upper."""
    world.wheel("base")
    world.wheel("upper", requires=[f"base{specifier}"], files={"upper.py": "import base\nVERSION = base.VERSION\n"})
    declare(world, "base", "upper")
    assert world.printed("import load; load.base; load.upper;" + INSTALLS) == "2"


def held_by(world: World, file: str) -> Path:
    (layer,) = (layer for layer in world.layers() if list(layer.glob(f"lib/*/site-packages/{file}")))
    return layer


def test_a_layer_that_is_relied_on_is_activated_first(either: World) -> None:
    two_layers(either)
    either.index.requests.clear()
    code = (
        "import sys, load; load.upper; print([event.name for event in load.history() if event.kind == 'activate'])\n"
        + LAYERS
    )
    order = [held_by(either, "base.py").name, held_by(either, "upper.py").name]
    assert either.printed(code) == f"{order}\n{order}"
    assert either.index.requests == []


def test_without_what_it_relies_on_a_layer_is_not_used_and_another_is_made(either: World) -> None:
    two_layers(either)
    shutil.rmtree(held_by(either, "base.py"))
    alone = held_by(either, "upper.py")
    assert either.printed("import load; print(load.upper.VERSION);" + INSTALLS) == "1.0\n1"
    assert len(either.layers()) == 2
    assert held_by(either, "base.py") != alone
    assert either.printed("import load; print(load.upper.VERSION);" + INSTALLS) == "1.0\n0"


def test_where_the_environment_has_what_a_layer_relies_on_the_environments_is_used(world: World, python: str) -> None:
    install(world, python, private_wheel(world, "base", "1.5"))
    two_layers(world, ">=1")
    code = "import sys, load; print(load.upper.VERSION);" + LAYERS
    assert world.printed(code, python=python) == f"1.5\n{[held_by(world, 'upper.py').name]}"


def test_where_the_environment_has_a_version_that_will_not_do_the_layer_is_not_used(world: World, python: str) -> None:
    install(world, python, private_wheel(world, "base", "0.5"))
    two_layers(world, ">=1")
    assert world.printed("""
        import load
        try:
            load.upper
        except load.VersionConflict as error:
            print(error.present)
    """, python=python) == "base==0.5"  # fmt: skip


def test_what_an_extra_requires_is_relied_on_too(world: World) -> None:
    world.wheel("base")
    world.wheel("upper", extras={"more": ["base"]}, files={"upper.py": "import base\nVERSION = base.VERSION\n"})
    declare(world, "base", "upper[more]")
    world.extra["LOAD_INSTALLER"] = "pip"
    assert world.printed("import load; load.base; print(load.upper.VERSION)") == "1.0"
    assert world.printed("import load; print(load.upper.VERSION)") == "1.0"


# --- broken wheels


def test_half_a_wheel_is_refused_and_leaves_nothing(either: World) -> None:
    either.wheel("tool", corrupt="truncated")
    declare(either, "tool")
    said = either.error("load.tool")
    assert said.startswith(
        "InstallFailed: 'tool' could not be installed for 'tool': the wheel on the index is broken\n"
    ), said
    assert either.layers() == []
    either.wheel("tool", "1.1")
    assert either.printed("import load; print(load.tool.VERSION)") == "1.1"


def escapes(world: World) -> dict[str, str]:
    """Paths in a wheel that lead out of its place."""
    return {"../escaped.py": "", "../" * 6 + "escaped.py": "", f"{world.path}/escaped.py": ""}


@pytest.mark.parametrize("number", range(3))
def test_no_file_of_a_wheel_gets_out_of_its_layer(either: World, number: int) -> None:
    path = list(escapes(either))[number]
    either.wheel("tool", files={"tool.py": "VERSION = '1.0'\n", path: "ESCAPED = True\n"})
    declare(either, "tool")
    said = either.error("print(load.tool.VERSION)\nimport escaped")
    if either.extra["LOAD_INSTALLER"] == "uv":  # it leaves such files out
        assert said == "1.0\nModuleNotFoundError: No module named 'escaped'"
    else:
        assert said.startswith("InstallFailed: 'tool' could not be installed for 'tool': ")
        assert "outside the target directory" in said
        assert either.layers() == []
    assert list(either.path.rglob("escaped.py")) == []


def test_a_wheel_whose_record_lies_about_hashes_gives_the_bytes_that_the_index_vouches_for(either: World) -> None:
    either.wheel("tool", corrupt="record")
    declare(either, "tool")
    assert either.printed("import load; print(load.tool.VERSION)") == "1.0"


def test_a_file_whose_hash_is_not_that_of_the_index_is_refused(either: World) -> None:
    either.wheel("tool")
    either.index.fault["tool-1.0-py3-none-any.whl"] = "wrong-hash"
    declare(either, "tool")
    said = either.error("load.tool")
    assert said.startswith(
        "InstallFailed: 'tool' could not be installed for 'tool': what the index sent is not what its hash says\n"
    )
    assert either.layers() == []


def test_a_download_that_breaks_off_is_refused_and_the_next_call_succeeds(either: World) -> None:
    either.wheel("tool", files={"tool.py": "VERSION = '1.0'\n" + "#" * 100_000})
    either.index.fault["tool-1.0-py3-none-any.whl"] = "cut"
    declare(either, "tool")
    assert either.error("load.tool", UV_HTTP_RETRIES="0", PIP_RETRIES="0").startswith(
        "InstallFailed: 'tool' could not be installed for 'tool': "
    )
    assert either.layers() == []
    either.index.fault.clear()
    assert either.printed("import load; print(load.tool.VERSION)") == "1.0"


def test_a_number_in_a_name_is_not_taken_for_a_status_of_the_index(either: World) -> None:
    declare(either, "area403")
    said = either.error("load.area403")
    assert said.startswith("InstallFailed: 'area403' could not be installed for 'area403': ")
    assert "did not let us in" not in said


def test_a_refusal_of_the_index_is_said(world: World) -> None:
    world.index.fault["tool"] = 403
    declare(world, "tool")
    # pip takes a page that it may not read for one that is not there, and says nothing of the status.
    assert "the index did not let us in (401 or 403)" in world.error("load.tool", LOAD_INSTALLER="uv")
