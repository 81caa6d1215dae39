"""The interpreter's own environment is never touched, and where nothing can be written nothing is left."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import load
from conftest import World

pytestmark = pytest.mark.slow

SOURCE = Path(load.__file__).resolve().parents[1]
LIBRARIES = Path(str(distribution("packaging").locate_file("")))
"""The two places that `load`, its dependencies, uv and pip are imported from."""
PROGRAM = "import load; print(load.upper.VERSION, load.base.VERSION)"
WHOLE = "1.0 1.0"


@pytest.fixture
def python(world: World) -> Path:
    """The interpreter of a virtual environment that sees this one's libraries and has nothing of its own."""
    directory = world.path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True, timeout=60)
    (site_of(directory) / "outside.pth").write_text(f"{SOURCE}\n{LIBRARIES}\n")
    return directory / "bin" / "python"


def site_of(prefix: Path) -> Path:
    (site,) = prefix.glob("lib/python3*/site-packages")
    return site


def two_wheels(world: World) -> None:
    world.wheel("base")
    world.wheel("upper", requires=["base"], data={"scripts/upper-tool": "#!python\n", "data/share/upper.txt": "data"})
    world.write({"requirements.txt": "base\nupper\n"})


def tree(directory: Path) -> dict[str, str]:
    """Every file and link below a directory and what is in it, compiled byte code left out."""
    files = (path for path in directory.rglob("*") if "__pycache__" not in path.parts and not path.is_dir())
    return {
        str(path.relative_to(directory)): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def unprivileged(python: str | Path) -> tuple[str, ...]:
    """The words that start an interpreter for which the permissions of files count, which root's usually do not."""
    if os.geteuid() != 0:
        return (str(python),)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root passes over permissions, and there is no setpriv to give that up")
    return setpriv, "--bounding-set", "-dac_override,-dac_read_search", str(python)


def with_small_disk(store: Path, size: str) -> tuple[str, ...]:
    """The words that start an interpreter for which, and for no other process, ``store`` is a disk of that size."""
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    if unshare is None or mount is None:
        pytest.skip("there is no unshare or no mount")
    store.mkdir()
    private = (unshare, "-m") if os.geteuid() == 0 else (unshare, "-Urm")
    script = f'{mount} -t tmpfs -o size={size},mode=700 tmpfs "{store}"'
    if subprocess.run([*private, "sh", "-c", script], capture_output=True, timeout=30, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    return *private, "sh", "-c", f'{script} && exec "{sys.executable}" "$0"'


def test_the_environment_is_byte_for_byte_what_it_was(either: World, python: Path) -> None:
    two_wheels(either)
    venv = either.path / "venv"
    before = tree(venv)
    assert either.printed(PROGRAM, python=str(python)) == WHOLE
    assert tree(venv) == before
    assert "upper" not in " ".join(map(str, site_of(venv).iterdir()))


def test_a_plain_pip_would_have_changed_the_environment(world: World, python: Path) -> None:
    two_wheels(world)
    before = tree(world.path / "venv")
    world.printed(
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', 'upper'], check=True)",
        python=str(python),
    )
    assert tree(world.path / "venv") != before


def test_an_environment_that_holds_an_older_version_is_byte_for_byte_what_it_was(either: World, python: Path) -> None:
    for version in ("1.0", "2.0"):
        either.wheel("base", version)
    install(either, python, "base==1.0")
    either.wheel("upper", requires=["base>=2"])
    either.write({"requirements.txt": "upper\n"})
    before = tree(either.path / "venv")
    assert either.printed("""
        import load
        try:
            load.upper
        except load.VersionConflict as error:
            print(error.present)
    """, python=str(python)) == "base==1.0"  # fmt: skip
    assert tree(either.path / "venv") == before


def install(world: World, python: Path, *requirements: str) -> None:
    """Install into the environment as its user would, with pip."""
    command: list[str | Path] = [python, "-m", "pip", "install", "-q", *requirements]
    done = subprocess.run(command, env=world.environ(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def managed(world: World) -> Path:
    """An interpreter outside of any virtual environment, whose distributor forbids others to install into it (PEP 668)."""
    real = Path(os.path.realpath(sys.executable))
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefix = world.path / "distribution"
    library = prefix / "lib" / name
    (library / "site-packages").mkdir(parents=True)
    (prefix / "bin").mkdir()
    for entry in (Path(sys.base_prefix) / "lib" / name).iterdir():
        if entry.name not in ("site-packages", "__pycache__"):
            (library / entry.name).symlink_to(entry)
    (library / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=hands off\n")
    (library / "site-packages" / "outside.pth").write_text(f"{SOURCE}\n{LIBRARIES}\n")
    shutil.copy2(real, prefix / "bin" / name)
    shutil.copymode(real, prefix / "bin" / name)
    if (
        world.printed("import sys; print(sys.prefix, sys.base_prefix)", python=str(prefix / "bin" / name))
        != f"{prefix} {prefix}"
    ):
        pytest.skip("a copy of this interpreter does not find its library beside itself")
    return prefix / "bin" / name


def test_an_externally_managed_interpreter_does_not_matter_for_the_store(either: World, managed: Path) -> None:
    two_wheels(either)
    before = tree(managed.parent.parent / "lib" / managed.name / "site-packages")
    assert either.printed(PROGRAM, python=str(managed)) == WHOLE
    assert tree(managed.parent.parent / "lib" / managed.name / "site-packages") == before


def test_the_same_interpreter_refuses_a_plain_install(world: World, managed: Path) -> None:
    two_wheels(world)
    for command in ([managed, "-m", "pip"], [sys.executable, "-m", "uv", "pip"]):
        python = ["--python", str(managed)] if "uv" in command else []
        refused = subprocess.run(
            [*command, "install", *python, "upper"],
            env=world.environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode != 0
        assert "hands off" in refused.stdout + refused.stderr


def test_read_only_site_packages_do_not_matter_for_the_store(either: World, python: Path) -> None:
    two_wheels(either)
    site = site_of(either.path / "venv")
    site.chmod(0o555)
    program, *arguments = unprivileged(python)
    try:
        probe = f"open({str(site / 'probe')!r}, 'w')"
        assert "PermissionError" in either.run(probe, *arguments, python=program).stderr
        assert either.printed(PROGRAM, *arguments, python=program) == WHOLE
    finally:
        site.chmod(0o755)


def test_into_the_environment_a_layer_is_published_by_one_pth_file(either: World, python: Path) -> None:
    two_wheels(either)
    site = site_of(either.path / "venv")
    before = {path.name for path in site.iterdir()}
    assert either.printed(PROGRAM, python=str(python), LOAD_INTO="env") == WHOLE
    (added,) = {path.name for path in site.iterdir()} - before - {"__pycache__"}
    assert added.startswith("load-")
    assert added.endswith(".pth")
    assert either.layers() == []
    assert either.printed("import upper, base; print(upper.VERSION, base.VERSION)", python=str(python)) == WHOLE
    either.index.requests.clear()
    kinds = "import load; load.upper; print([event.kind for event in load.history()])"
    assert either.printed(kinds, python=str(python)) == "['import']"
    assert either.index.requests == []


def test_into_the_store_a_plain_import_finds_nothing(world: World, python: Path) -> None:
    two_wheels(world)
    assert world.printed(PROGRAM, python=str(python)) == WHOLE
    assert "No module named 'upper'" in world.run("import upper", python=str(python)).stderr


# Ends the process, as SIGKILL does, just before it renames something to a name that ends so.
KILLED = """
    import os, signal, sys

    def watch(event, arguments):
        if event == "os.rename" and str(arguments[1]).endswith(os.environ["KILLED_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    import load
    load.upper
"""


def test_into_the_environment_killed_before_the_publication_nothing_is_importable_and_the_next_call_repairs(
    either: World, python: Path
) -> None:
    two_wheels(either)
    killed = either.run(KILLED, python=str(python), LOAD_INTO="env", KILLED_AT=".pth")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list((either.path / "venv" / "share" / "load").glob("1/*/layers/*"))) == 1
    assert "No module named 'upper'" in either.run("import upper", python=str(python)).stderr
    assert either.printed(PROGRAM, python=str(python), LOAD_INTO="env") == WHOLE
    assert either.printed("import upper; print(upper.VERSION)", python=str(python)) == "1.0"


def test_into_the_environment_all_layers_that_are_relied_on_are_published(world: World, python: Path) -> None:
    two_wheels(world)
    world.printed("import load; load.base; load.upper", python=str(python), LOAD_INTO="env")
    assert len(list(site_of(world.path / "venv").glob("load-*.pth"))) == 2
    assert world.printed("import upper, base; print(upper.VERSION, base.VERSION)", python=str(python)) == WHOLE


def test_into_the_environment_where_there_is_none_says_so(world: World) -> None:
    two_wheels(world)
    code = """
        import load
        try:
            load.upper
        except load.ConfigError as error:
            print(error)
    """
    base = os.path.realpath(sys.executable)
    paths = os.pathsep.join([str(SOURCE), str(LIBRARIES)])
    assert world.printed(code, python=base, LOAD_INTO="env", PYTHONPATH=paths) == (
        "into='env' places packages in the active virtual environment, and there is none\n"
        "Ways out:\n"
        "  - run inside of a virtual environment\n"
        "  - use the store: into='store'"
    )


CAUGHT = """
    import load
    try:
        load.upper
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    import os, glob
    print([path for kind in ("layers", "stage") for path in glob.glob(f"{os.environ['LOAD_HOME']}/1/*/{kind}/*")])
"""
"""Says what went wrong, and lists what is left in layers/ and stage/."""


def test_a_store_that_cannot_be_written_is_a_clear_error(either: World) -> None:
    two_wheels(either)
    either.home.mkdir()
    either.home.chmod(0o555)
    program, *arguments = unprivileged(sys.executable)
    assert either.printed(CAUGHT, *arguments, python=program) == (
        f"InstallFailed: 'upper' could not be installed for 'upper': Permission denied ({either.home}/1)\n"
        "Ways out:\n"
        "  - another store: LOAD_HOME=/a/directory/of/yours\n"
        "[]"
    )


def test_a_store_below_a_file_is_a_clear_error(world: World) -> None:
    two_wheels(world)
    (world.path / "file").touch()
    said = world.printed(CAUGHT, LOAD_HOME=str(world.path / "file" / "store"))
    assert said.startswith("InstallFailed: 'upper' could not be installed for 'upper': Not a directory (")


def test_a_store_that_became_read_only_still_serves_what_it_has(world: World) -> None:
    two_wheels(world)
    assert world.printed(PROGRAM) == WHOLE
    program, *arguments = unprivileged(sys.executable)
    directories = [path for path in world.home.rglob("*") if path.is_dir()]
    for directory in directories:
        directory.chmod(0o555)
    try:
        assert world.printed(PROGRAM, *arguments, python=program, PYTHONDONTWRITEBYTECODE="1") == WHOLE
    finally:
        for directory in directories:
            directory.chmod(0o755)


@pytest.mark.parametrize("mode", [0o757, 0o775])
def test_a_store_that_others_can_write_is_refused_with_the_command_that_mends_it(world: World, mode: int) -> None:
    two_wheels(world)
    world.home.mkdir()
    world.home.chmod(mode)
    assert world.printed(CAUGHT) == (
        f"ConfigError: the store {world.home} can be written by other users of this machine\n"
        "Ways out:\n"
        f"  - chmod go-w {world.home}\n"
        "  - another store: LOAD_HOME=/a/directory/of/yours\n"
        "[]"
    )
    world.home.chmod(mode & ~0o022)
    assert world.printed(PROGRAM) == WHOLE


def test_a_store_that_others_can_write_is_refused_for_a_hit_too(world: World) -> None:
    two_wheels(world)
    assert world.printed(PROGRAM) == WHOLE
    world.home.chmod(0o777)
    assert world.printed(CAUGHT).startswith(f"ConfigError: the store {world.home} can be written by other users")


def test_a_full_disk_is_a_clear_error_and_leaves_no_layer(either: World) -> None:
    either.wheel(
        "upper", files={"upper/__init__.py": "VERSION = '1.0'\n", "upper/data.bin": b"\0" * 4_000_000, "upper/x.py": ""}
    )
    either.write({"requirements.txt": "upper\n"})
    program, *arguments = with_small_disk(either.home, "2m")
    said = either.printed(CAUGHT, *arguments, python=program)
    assert said.startswith(
        "InstallFailed: 'upper' could not be installed for 'upper': there is no space left on the disk\n"
    )
    assert said.endswith("  - free some space\n  - another store: LOAD_HOME=/a/directory/of/yours\n[]")


def test_the_same_disk_with_more_space_will_do(world: World) -> None:
    two_wheels(world)
    program, *arguments = with_small_disk(world.home, "4m")
    assert world.printed(PROGRAM, *arguments, python=program) == WHOLE


def test_a_disk_too_full_for_our_own_files_is_a_clear_error(world: World) -> None:
    two_wheels(world)
    program, *arguments = with_small_disk(world.home, "16k")
    said = world.printed(CAUGHT, *arguments, python=program)
    assert said == (
        "InstallFailed: 'upper' could not be installed for 'upper': there is no space left on the disk\n"
        "Ways out:\n"
        "  - another store: LOAD_HOME=/a/directory/of/yours\n"
        "[]"
    )
