"""Killed at any instant, nothing half-installed is ever importable, and the next call repairs by itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from conftest import World

FILES = 300
PROGRAM = "import load; print(load.upper.part299.NUMBER, load.base.VERSION)"
WHOLE = "299 1.0"


def big_wheels(world: World) -> None:
    """A distribution of several hundred files, and one that it depends on."""
    files = {f"upper/part{number}.py": f"NUMBER = {number}\n" for number in range(FILES)}
    imports = "".join(f"from upper import part{number}\n" for number in range(FILES))
    world.wheel("base")
    world.wheel("upper", requires=["base"], files={"upper/__init__.py": imports, **files})
    world.write({"requirements.txt": "base\nupper\n"})


def start(world: World, program: str = PROGRAM, script: str = "main.py", **changes: str) -> subprocess.Popen[str]:
    """Run a program as the leader of a process group of its own."""
    world.write({script: program})
    return subprocess.Popen(
        [sys.executable, script],
        cwd=world.work,
        env=world.environ(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def installers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that a process has started: installers live in sessions of their own."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill(process: subprocess.Popen[str], *, with_installer: bool) -> list[psutil.Process]:
    """Kill the process group, and with it the installer or not; the installers that live on."""
    installers = installers_of(process)
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    for each in installers if with_installer else ():
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.communicate()
    return [] if with_installer else installers


def is_whole(record: Path) -> bool:
    """Whether every file that a RECORD lists is there with the bytes that it lists."""
    site = record.parent.parent
    with record.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    return len(rows) > 1 and all(_is_as_listed(site / path, digest) for path, digest, _ in rows)


def _is_as_listed(file: Path, digest: str) -> bool:
    if not file.is_file():
        return False
    found = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
    return digest in ("", f"sha256={found}")


def half_installed(world: World) -> list[Path]:
    """The layers that are not whole: a plain scan, which asks nothing of the library."""
    return [layer for layer in world.layers() if not _is_whole_layer(layer)]


def _is_whole_layer(layer: Path) -> bool:
    records = list(layer.glob("lib/*/site-packages/*.dist-info/RECORD"))
    described = (layer / "layer").is_file() and (layer / "layer").read_text().endswith("end\n")
    return described and (layer / "receipt.json").is_file() and bool(records) and all(map(is_whole, records))


def stages(world: World) -> list[Path]:
    return sorted(world.home.glob("1/*/stage/*"))


def test_the_scan_finds_a_missing_a_changed_and_an_undescribed_file(world: World) -> None:
    big_wheels(world)
    assert world.printed(PROGRAM) == WHOLE
    (layer,) = world.layers()
    assert half_installed(world) == []
    (part,) = layer.glob("lib/*/site-packages/upper/part7.py")
    part.write_text("NUMBER = 8\n")
    assert half_installed(world) == [layer]
    part.unlink()
    assert half_installed(world) == [layer]
    part.write_text("NUMBER = 7\n")
    assert half_installed(world) == []
    (layer / "layer").unlink()
    assert half_installed(world) == [layer]


@pytest.mark.slow
def test_killed_at_any_instant_nothing_half_installed_is_importable_and_the_next_call_succeeds(either: World) -> None:
    big_wheels(either)
    assert either.printed(PROGRAM) == WHOLE
    shutil.rmtree(either.home)
    began = time.monotonic()
    assert either.printed(PROGRAM) == WHOLE  # the installer's cache is warm from here on
    whole = time.monotonic() - began
    shutil.rmtree(either.home)
    instants = random.Random(7)
    killed = 0
    for number in range(25):
        process = start(either)
        time.sleep(instants.uniform(0.1, 1.0) * whole)
        killed += process.poll() is None
        living = kill(process, with_installer=number % 2 == 0)
        assert half_installed(either) == [], number
        psutil.wait_procs(living, timeout=60)
        assert half_installed(either) == [], number
        if number % 3 == 2:
            assert either.printed(PROGRAM) == WHOLE
            assert (half_installed(either), len(either.layers()), stages(either)) == ([], 1, [])
            shutil.rmtree(either.home)
    assert killed >= 13


# Ends the process, as SIGKILL does, just before the nth thing that it does to a file of the store.
AT_THE_NTH = """
    import os, re, signal, sys

    at, home = int(os.environ["KILL_AT"]), os.environ["LOAD_HOME"]
    steps = []

    def count(event, arguments):
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "subprocess.Popen"):
            return
        path = str(arguments[1] if event == "os.rename" else arguments[0])
        if event != "subprocess.Popen" and not path.startswith(home):
            return
        # One step of a kind is enough: the metadata of eighty distributions are lent and taken back.
        step = event + " " + re.sub(r"/[^/]*[0-9][^/.]*", "/…", path.partition(home)[2])
        if step not in steps:
            steps.append(step)
            if len(steps) == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    import load
    load.upper
    print(len(steps))
"""


@pytest.mark.slow
def test_killed_before_any_kind_of_step_on_the_disk_the_next_call_repairs(world: World) -> None:
    world.wheel("base")
    world.wheel("upper", requires=["base"])
    world.write({"requirements.txt": "base\nupper\n"})
    steps = int(world.printed(AT_THE_NTH, KILL_AT="0").splitlines()[-1])
    assert steps >= 10
    for number in range(1, steps + 1):
        shutil.rmtree(world.home)
        assert world.run(AT_THE_NTH, KILL_AT=str(number)).returncode == -signal.SIGKILL, number
        assert half_installed(world) == [], number
        assert world.printed("import load; print(load.upper.VERSION, load.base.VERSION)") == "1.0 1.0", number
        assert (half_installed(world), len(world.layers()), stages(world)) == ([], 1, []), number


def test_a_waiter_takes_over_when_the_builder_is_killed(either: World) -> None:
    big_wheels(either)
    either.index.delay = 1.0
    builder = start(either)
    try:
        while not either.index.requests:
            assert builder.poll() is None
            time.sleep(0.01)
        waiter = start(
            either, PROGRAM + "; print(sum(event.kind == 'install' for event in load.history()))", "waiter.py"
        )
        while not waits_for_a_build(waiter):
            assert waiter.poll() is None
            time.sleep(0.01)
        either.index.delay = 0
        assert builder.poll() is None
        psutil.wait_procs(kill(builder, with_installer=False), timeout=60)
        out, error = waiter.communicate(timeout=60)
    finally:
        builder.kill()
    assert out.split() == [*WHOLE.split(), "1"], error
    assert (half_installed(either), len(either.layers())) == ([], 1)


def waits_for_a_build(process: subprocess.Popen[str]) -> bool:
    """Whether it has opened the lock of a build and started no installer: it waits, for another holds that lock."""
    try:
        opened = [os.readlink(each) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
    except OSError:
        return False
    return any(path.endswith(".build") for path in opened) and not installers_of(process)


def test_orphan_stages_are_swept_and_living_ones_are_not(world: World) -> None:
    big_wheels(world)
    world.wheel("other")
    world.wheel("third")
    world.write({"requirements.txt": "base\nupper\nother\nthird\n"})
    world.index.fault["upper"] = world.index.fault["other"] = "hang"
    killed, living = start(world), start(world, "import load; load.other", "living.py")
    try:
        for project in ("upper", "other"):
            while not world.index.hits(project):
                time.sleep(0.01)
        kill(killed, with_installer=True)
        orphans = [each for each in stages(world) if each.name.startswith(f"{killed.pid}-")]
        assert len(orphans) == 2  # the directory and its lock
        assert world.printed("import load; print(load.third.VERSION)") == "1.0"
        left = {each.name.partition("-")[0] for each in stages(world)}
        assert left == {str(living.pid)}
        assert living.poll() is None
    finally:
        kill(living, with_installer=True)


# A program stops at an audit event on a stage's lock file, says so by a file, and goes on when another file is there.
STOPS = """
    import os, sys, time

    def stop(event, arguments):
        if event != {event!r}:
            return
        path = arguments[0] if event == "open" else os.readlink(f"/proc/self/fd/{{arguments[0]}}")
        if "/stage/" in str(path) and str(path).endswith(".lock") and not os.path.exists({name!r} + "-waits"):
            open({name!r} + "-waits", "x").close()
            while not os.path.exists({name!r} + "-goes"):
                time.sleep(0.01)

    sys.addaudithook(stop)
"""
SWEEPS = """
    import os
    from load._install.staging import sweep
    from load._install.store import Store
    sweep(Store(os.environ["LOAD_HOME"]))
"""


def until_there(world: World, name: str, process: subprocess.Popen[str]) -> None:
    while not (world.work / name).exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def test_of_two_that_sweep_at_once_none_removes_a_stage_that_is_just_being_made(world: World) -> None:
    big_wheels(world)
    world.index.fault["upper"] = "hang"
    maker = start(
        world, STOPS.format(event="fcntl.flock", name="maker") + "    import load\n    load.upper\n", "maker.py"
    )
    processes = [maker]
    try:
        until_there(world, "maker-waits", maker)  # it has opened the lock file of its stage, and not locked it
        second = start(world, STOPS.format(event="open", name="second") + SWEEPS, "second.py")
        processes.append(second)
        until_there(world, "second-waits", second)  # it has listed that lock file, and not opened it
        world.printed(SWEEPS)
        (world.work / "maker-goes").touch()
        while not world.index.hits("upper"):
            assert maker.poll() is None
            time.sleep(0.01)
        (world.work / "second-goes").touch()
        assert second.wait(timeout=60) == 0
        assert [each for each in stages(world) if each.name.startswith(f"{maker.pid}-") and each.is_dir()] != []
    finally:
        for process in processes:
            kill(process, with_installer=True)


def test_what_an_orphaned_installer_writes_after_the_sweep_is_swept_later(either: World) -> None:
    big_wheels(either)
    either.wheel("third")
    either.wheel("fourth")
    either.write({"requirements.txt": "base\nupper\nthird\nfourth\n"})
    either.index.delay = 1.0
    process = start(either)
    while not either.index.requests:
        time.sleep(0.01)
    living = kill(process, with_installer=False)
    either.index.delay = 0
    assert either.printed("import load; print(load.third.VERSION)") == "1.0"
    psutil.wait_procs(living, timeout=60)
    assert half_installed(either) == []
    assert either.printed("import load; print(load.fourth.VERSION)") == "1.0"
    assert stages(either) == []


def test_a_killed_first_import_leaves_a_layer_that_can_be_imported(world: World) -> None:
    world.wheel(
        "slowmod",
        files={"slowmod.py": "import os, signal\nif os.environ.get('DIE'): os.kill(os.getpid(), signal.SIGKILL)\n"},
    )
    world.write({"requirements.txt": "slowmod\n"})
    assert world.run("import load; load.slowmod", DIE="1").returncode == -signal.SIGKILL
    assert (half_installed(world), len(world.layers())) == ([], 1)
    world.index.requests.clear()
    assert world.printed("import load; print(load.slowmod.__name__)") == "slowmod"
    assert world.index.requests == []


def test_ctrl_c_in_the_middle_ends_the_installer_and_leaves_nothing(either: World) -> None:
    big_wheels(either)
    either.index.fault["upper"] = "hang"
    process = start(either)
    while not either.index.hits("upper"):
        assert process.poll() is None
        time.sleep(0.01)
    installers = installers_of(process)
    assert installers != []
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert error.rstrip().endswith("KeyboardInterrupt")
    assert psutil.wait_procs(installers, timeout=10)[1] == []
    assert (either.layers(), stages(either)) == ([], [])
