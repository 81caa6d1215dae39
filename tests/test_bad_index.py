"""Indexes that fail, lie or keep silent, and wheels that are broken: a clear error, and nothing half done."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import venv
from pathlib import Path

import pytest

from conftest import World

# pip does not tell an index that is silent from a name that it lacks.
UNREACHABLE = {
    "uv": "the index cannot be reached or does not answer",
    "pip": "pip found nothing of that name that could be used here, or could not reach the index",
}
DECLARED = {"requirements.txt": "tinymod\n"}


def failure(world: World, **changes: str) -> str:
    """The error of loading the declared ``tinymod``, after a check that nothing was left behind."""
    world.write(DECLARED)
    message = world.error("load.tinymod", **changes)
    assert world.layers() == []
    assert list(world.home.glob("1/*/stage/*")) == []
    return message


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (404, "the index has nothing of that name that could be used here"),
        (403, "the index did not let us in (401 or 403)"),
        (500, "the index cannot be reached or does not answer"),
        (503, "the index cannot be reached or does not answer"),
    ],
)
def test_an_index_that_answers_an_error_is_named_as_such(world: World, fault: int, meaning: str) -> None:
    world.wheel("tinymod")
    world.index.fault["*"] = fault
    message = failure(world, UV_HTTP_RETRIES="0")
    assert message.startswith(f"InstallFailed: 'tinymod' could not be installed for 'tinymod': {meaning}"), message
    assert "Ways out:" in message


def test_an_index_that_answers_garbage_gives_a_clear_error(either: World) -> None:
    either.wheel("tinymod")
    either.index.fault["*"] = "garbage"
    message = failure(either)
    assert message.startswith("InstallFailed: 'tinymod' could not be installed for 'tinymod': ")
    assert "Traceback" not in message


def test_an_index_that_keeps_silent_is_given_up_on(either: World) -> None:
    either.wheel("tinymod")
    either.index.fault["*"] = "hang"
    message = failure(either, LOAD_TIMEOUT="1", UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert UNREACHABLE[either.extra["LOAD_INSTALLER"]] in message


def test_an_index_that_is_not_there_gives_the_same_error(either: World) -> None:
    message = failure(either, PIP_INDEX_URL="http://127.0.0.1:9/simple/", UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert UNREACHABLE[either.extra["LOAD_INSTALLER"]] in message


def test_a_file_with_another_hash_than_the_index_says_is_refused(either: World) -> None:
    either.wheel("tinymod")
    either.index.fault["*"] = "wrong-hash"
    assert "what the index sent is not what its hash says" in failure(either)


def test_a_connection_that_breaks_off_is_a_clear_error(either: World) -> None:
    either.wheel("tinymod", files={"tinymod.py": "#" * 500_000})
    either.index.fault["*"] = "cut"
    message = failure(either, UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert message.startswith(
        "InstallFailed: 'tinymod' could not be installed for 'tinymod': the index cannot be reached"
    )


def test_a_truncated_wheel_is_refused(either: World) -> None:
    either.wheel("tinymod", corrupt="truncated")
    assert failure(either).startswith("InstallFailed: 'tinymod' could not be installed for 'tinymod': ")


def test_a_wheel_that_would_write_outside_its_place_does_not(either: World) -> None:
    either.wheel("tinymod", corrupt="escape")
    either.write(DECLARED)
    either.error("load.tinymod")
    assert list(either.path.rglob("escaped.py")) == []


def test_a_version_that_does_not_exist_is_said(either: World) -> None:
    either.wheel("tinymod")
    either.write({"requirements.txt": "tinymod>=9\n"})
    message = either.error("load.tinymod")
    assert message.startswith(
        "InstallFailed: 'tinymod>=9' could not be installed for 'tinymod': no version on the index satisfies it"
    )


def test_a_password_of_the_index_is_in_no_error_event_receipt_or_log(either: World) -> None:
    either.wheel("tinymod")
    either.index.user, either.index.password = "me", "s3cr3t"
    with_password = either.index.url.replace("//", "//me:s3cr3t@")
    wrong = either.index.url.replace("//", "//me:wr0ng@")
    either.write(DECLARED)
    assert "wr0ng" not in either.error("load.tinymod", PIP_INDEX_URL=wrong)
    code = """
        import load, pathlib
        load.tinymod
        print([str(event) for event in load.history()], load.receipts(), load.info())
    """
    done = either.run(code, PIP_INDEX_URL=with_password)
    assert done.returncode == 0, done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    kept = [file for file in either.home.rglob("*") if file.is_file() and b"s3cr3t" in file.read_bytes()]
    assert kept == []


def test_a_module_that_raises_on_import_shows_its_own_error_and_who_asked(either: World) -> None:
    either.wheel("tinymod", files={"tinymod.py": "raise RuntimeError('mine')\n"})
    either.write(DECLARED)
    done = either.run("import load\n\nload.tinymod\n")
    assert "RuntimeError: mine\n(while loading 'tinymod', asked for at " in done.stderr
    assert done.stderr.rstrip().endswith("main.py:3)")


def test_a_missing_inner_dependency_is_shown_and_nothing_is_installed_for_it_or_again(either: World) -> None:
    either.wheel("tinymod", files={"tinymod.py": "import not_declared_by_it\n"})
    either.write(DECLARED)
    code = """
        import load
        for attempt in range(2):
            try:
                load.tinymod
            except ModuleNotFoundError as error:
                print(type(error).__name__, error.name)
        print([event.kind for event in load.history()].count("install"))
    """
    assert either.printed(code) == "ModuleNotFoundError not_declared_by_it\nModuleNotFoundError not_declared_by_it\n1"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing in it, not even pip."""
    place = tmp_path_factory.mktemp("bare")
    venv.create(place, with_pip=False, symlinks=True)
    return place


def alone(world: World, bare: Path, *packages: str, path: str = "/nowhere") -> dict[str, str]:
    """Variables and interpreter of a process that has ``load`` and only the named packages of this environment."""
    import load

    beside = world.path / "packages"
    beside.mkdir()
    for name in packages:
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        (beside / name).symlink_to(Path(found.origin).parent)
    sources = os.pathsep.join([str(Path(load.__file__).parents[1]), str(beside)])
    return {"python": str(bare / "bin/python"), "PYTHONPATH": sources, "PATH": path}


def test_with_neither_uv_nor_pip_the_error_says_how_to_get_them(world: World, bare: Path) -> None:
    world.wheel("tinymod")
    world.write(DECLARED)
    assert world.error("load.tinymod", **alone(world, bare)) == (
        "InstallFailed: 'tinymod' could not be installed for 'tinymod': there is neither uv nor pip for this interpreter\n"
        "Ways out:\n"
        f"  - {bare}/bin/python -m ensurepip\n"
        "  - put the uv program on the PATH"
    )


def test_without_pip_uv_on_the_path_installs(world: World, bare: Path) -> None:
    world.wheel("tinymod")
    world.write(DECLARED)
    code = "import load; print(load.tinymod.VERSION, [r.installer for r in load.receipts()])"
    uv = shutil.which("uv", path=os.path.dirname(sys.executable))
    assert uv is not None
    assert world.printed(code, **alone(world, bare, path=os.path.dirname(uv))) == "1.0 ['uv']"


def test_without_uv_pip_installs(world: World, tmp_path: Path) -> None:
    world.wheel("tinymod")
    world.write(DECLARED)
    venv.create(tmp_path / "with pip", with_pip=True, symlinks=True)
    code = "import load; print(load.tinymod.VERSION, [r.installer for r in load.receipts()])"
    # With a cooldown, too: the pip that comes with Python may be too old to know of upload times.
    assert world.printed(code, LOAD_COOLDOWN="3", **alone(world, tmp_path / "with pip")) == "1.0 ['pip']"
