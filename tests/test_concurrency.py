"""One install for everybody: many processes and threads ask at once, one of them installs, the others wait and import."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from conftest import World

pytestmark = pytest.mark.slow

# Waits for the file "go", then has every thread load every group of targets given as an argument ("a,b" is one call).
CROWD = """
    import json, pathlib, sys, threading, time
    import load

    THREADS, groups = int(sys.argv[2]), [group.split(",") for group in sys.argv[3:]]
    errors, modules = [], []

    def ask(number):
        for group in groups[number % len(groups):] + groups[:number % len(groups)]:
            try:
                found = load.import_aliases(*group)
                modules.extend(found if isinstance(found, tuple) else [found])
            except BaseException as error:
                errors.append(f"{type(error).__name__}: {error}")

    load.settings()
    pathlib.Path(f"ready-{sys.argv[1]}").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.005)
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({
        "errors": errors,
        "loaded": sorted({f"{module.__name__} {module.VERSION}" for module in modules}),
        "count": len(modules),
        "installs": sum(event.kind == "install" for event in load.history()),
        "layers": [path for path in sys.path if "/layers/" in path],
    }))
"""


@contextmanager
def ended(processes: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    """Whatever happens, these processes are gone afterwards."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def start(world: World, *arguments: str, script: str = "main.py", **changes: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script, *arguments],
        cwd=world.work,
        env=world.environ(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_there(world: World, name: str, processes: Sequence[subprocess.Popen[str]] = ()) -> None:
    """Wait for a file in the working directory; a process that has failed meanwhile fails the test."""
    for _ in range(6000):
        if (world.work / name).exists():
            return
        failed = [process for process in processes if process.poll()]
        assert not failed, failed[0].communicate()[1]
        time.sleep(0.01)
    raise AssertionError(f"{name} did not appear within 60 s")


def crowd(world: World, groups: Sequence[Sequence[str]], threads: int = 1) -> list[dict[str, Any]]:
    """What came of one process for each of the groups, all let go at the same moment."""
    world.write({"main.py": CROWD})
    for old in ("go", *(path.name for path in world.work.glob("ready-*"))):
        (world.work / old).unlink(missing_ok=True)
    processes = [start(world, str(number), str(threads), *group) for number, group in enumerate(groups)]
    with ended(processes):
        for number in range(len(processes)):
            until_there(world, f"ready-{number}", processes)
        (world.work / "go").touch()
        said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [json.loads(out) for out, _ in said]


def two_wheels(world: World) -> None:
    """A distribution that depends on another, both declared."""
    world.wheel("base")
    world.wheel("upper", requires=["base"], files={"upper.py": "import base\nVERSION = base.VERSION\n"})
    world.write({"requirements.txt": "base\nupper\n"})


def test_of_eighty_that_ask_at_once_one_installs_and_everybody_imports(either: World) -> None:
    two_wheels(either)
    said = crowd(either, [["upper,base"]] * 20, threads=4)
    assert [each["errors"] for each in said] == [[]] * 20
    assert [each["loaded"] for each in said] == [["base 1.0", "upper 1.0"]] * 20
    assert [each["count"] for each in said] == [8] * 20
    assert sum(each["installs"] for each in said) == 1
    assert sorted(either.index.downloads()) == ["base-1.0-py3-none-any.whl", "upper-1.0-py3-none-any.whl"]
    assert (either.index.hits("upper"), either.index.hits("base")) == (1, 1)
    assert len(either.layers()) == 1
    assert list(either.home.glob("1/*/stage/*")) == []


def test_those_who_come_later_install_nothing(world: World) -> None:
    two_wheels(world)
    crowd(world, [["upper"]])
    world.index.requests.clear()
    said = crowd(world, [["upper"]] * 4, threads=2)
    assert [(each["installs"], each["errors"]) for each in said] == [(0, [])] * 4
    assert world.index.requests == []


def test_every_process_puts_the_layer_on_its_path_once_whatever_its_threads_do(world: World) -> None:
    two_wheels(world)
    said = crowd(world, [["upper,base"]] * 3, threads=8)
    assert [len(each["layers"]) for each in said] == [1, 1, 1]
    assert {path for each in said for path in each["layers"]} == {
        str(path) for path in world.home.glob("1/*/layers/*/lib/*/site-packages")
    }


def test_overlapping_requests_at_once_all_succeed_with_the_same_versions(either: World) -> None:
    two_wheels(either)
    either.wheel("other", requires=["base"])
    either.write({"requirements.txt": "base\nupper\nother\n"})
    said = crowd(either, [["upper"], ["base"], ["upper,other"], ["other", "base"]] * 2, threads=2)
    assert [each["errors"] for each in said] == [[]] * 8
    assert {entry for each in said for entry in each["loaded"]} == {"base 1.0", "other 1.0", "upper 1.0"}
    # A set that is asked for twice is installed once: there are four different ones.
    assert 1 <= sum(each["installs"] for each in said) <= 4
    assert list(either.home.glob("1/*/stage/*")) == []


def test_different_requests_in_parallel_make_a_layer_each(either: World) -> None:
    names = [f"thing{number}" for number in range(6)]
    for name in names:
        either.wheel(name)
    either.write({"requirements.txt": "\n".join(names)})
    said = crowd(either, [[name] for name in names])
    assert [(each["errors"], each["loaded"], each["installs"]) for each in said] == [
        ([], [f"{name} 1.0"], 1) for name in names
    ]
    assert len(either.layers()) == 6


def test_a_request_that_hangs_holds_up_nobody_who_asks_for_something_else(either: World) -> None:
    either.wheel("quick")
    either.wheel("stuck")
    either.index.fault["stuck"] = "hang"
    either.write({"requirements.txt": "quick\nstuck\n", "stuck_main.py": "import load\nload.stuck\n"})
    stuck = start(either, script="stuck_main.py")
    with ended([stuck]):
        while not either.index.hits("stuck"):
            assert stuck.poll() is None
            time.sleep(0.01)
        assert either.printed("import load; print(load.quick.VERSION)") == "1.0"
        assert stuck.poll() is None


def test_threads_that_ask_for_different_things_all_get_them(either: World) -> None:
    names = [f"thing{number}" for number in range(4)]
    for name in names:
        either.wheel(name)
    either.write({"requirements.txt": "\n".join(names)})
    (said,) = crowd(either, [names], threads=8)
    assert said["errors"] == []
    assert (said["count"], said["installs"], len(set(said["layers"])), len(said["layers"])) == (32, 4, 4, 4)


def test_one_failing_run_answers_all_who_wait_and_a_later_request_tries_anew(either: World) -> None:
    either.write({"requirements.txt": "absent\n"})
    (alone,) = crowd(either, [["absent"]])
    once = either.index.hits("absent")
    assert once >= 1
    either.index.requests.clear()
    either.index.delay = 1.0  # all eleven have asked before the first answer arrives
    said = crowd(either, [["absent"]] * 11)
    assert either.index.hits("absent") == once
    assert [each["errors"] for each in said] == [alone["errors"]] * 11
    assert alone["errors"][0].startswith("InstallFailed: 'absent' could not be installed for 'absent': ")
    either.index.delay = 0
    either.wheel("absent")
    (later,) = crowd(either, [["absent"]])
    assert (later["errors"], later["loaded"]) == ([], ["absent 1.0"])


def test_a_failure_is_forgotten_by_the_process_that_had_it(either: World) -> None:
    either.write({"requirements.txt": "absent\n"})
    either.write({"main.py": """
        import pathlib, time, load
        try:
            load.absent
        except load.InstallFailed:
            pathlib.Path("failed").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        print(load.absent.VERSION)
    """})  # fmt: skip
    process = start(either)
    with ended([process]):
        until_there(either, "failed", [process])
        either.wheel("absent")
        (either.work / "go").touch()
        out, error = process.communicate(timeout=60)
    assert (out.strip(), process.returncode) == ("1.0", 0), error


def test_who_asks_for_something_else_does_not_get_anothers_failure(world: World) -> None:
    world.wheel("present")
    world.write({"requirements.txt": "absent\npresent\n"})
    world.index.delay = 0.3
    first, second = crowd(world, [["absent"], ["present"]])
    assert len(first["errors"]) == 1
    assert (second["errors"], second["loaded"]) == ([], ["present 1.0"])


def test_who_asks_another_index_does_not_get_anothers_failure(world: World) -> None:
    world.wheel("thing")
    world.write({"requirements.txt": "thing\n", "main.py": CROWD, "go": ""})
    world.index.delay = 1.5
    wrong = start(world, "0", "1", "thing", PIP_INDEX_URL=world.index.url + "missing/")
    with ended([wrong]):
        while not world.index.requests:
            assert wrong.poll() is None
            time.sleep(0.01)
        right = start(world, "1", "1", "thing")
        with ended([right]):
            failed, succeeded = (json.loads(each.communicate(timeout=60)[0]) for each in (wrong, right))
    assert len(failed["errors"]) == 1
    assert succeeded["errors"] == []


# Slows the opening of files whose path ends so, in the thread of that name: a race becomes a certainty.
SLOW = """
    import sys, threading, time

    def slow(event, arguments):
        if event == "open" and threading.current_thread().name == "slow" and str(arguments[0]).endswith(".lock") \\
                and "/locks/" in str(arguments[0]):
            time.sleep(1)

    sys.addaudithook(slow)
"""


def two_threads(first: str, second: str) -> str:
    """A program whose thread "slow" loads one thing and is slow to put it on the path, and whose other loads another."""
    return (
        SLOW
        + f"""
    import load
    said = {{}}

    def ask(name):
        try:
            said[name] = load.load(name).__name__
        except load.LoadError as error:
            said[name] = type(error).__name__

    threads = [threading.Thread(target=ask, args=({first!r},), name="slow"), threading.Thread(target=ask, args=({second!r},))]
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    import base
    print(said[{first!r}], said[{second!r}], base.VERSION)
"""
    )


def conflicting_layers(world: World) -> None:
    """Two layers in the store that do not go together: upper with base 1.0, and base 2.0."""
    for version in ("1.0", "2.0"):
        world.wheel("base", version)
    world.wheel("upper", requires=["base<2"], files={"upper.py": "import base\nVERSION = base.VERSION\n"})
    world.write({"requirements.txt": "base\nupper\n"})


def test_threads_that_install_never_put_two_versions_of_one_distribution_on_the_path(world: World) -> None:
    conflicting_layers(world)
    assert world.printed(two_threads("upper", "base")) == "upper base 1.0"


def test_threads_that_find_layers_never_put_two_versions_of_one_distribution_on_the_path(world: World) -> None:
    conflicting_layers(world)
    assert world.printed("import load; print(load.upper.VERSION)") == "1.0"
    assert world.printed("import load; print(load.base.VERSION)") == "2.0"
    assert world.printed(two_threads("upper", "base")) == "upper base 1.0"


def test_a_thread_never_finds_a_layer_active_that_is_not_on_the_path_yet(world: World) -> None:
    two_wheels(world)
    world.printed("import load; load.upper")
    assert world.printed("""
        import sys, threading, time
        import load

        began = threading.Event()

        def slowly(frame, event, argument):
            if frame.f_code.co_name != "activate":
                return None
            if frame.f_locals["self"].active:
                began.set()
                time.sleep(0.2)  # before every line that is left
            return slowly

        def first():
            sys.settrace(slowly)
            load.upper

        thread = threading.Thread(target=first)
        thread.start()
        began.wait()
        errors = []
        while thread.is_alive():
            try:
                load.load("upper")
            except load.LoadError as error:
                errors.append(str(error).splitlines()[0])
        thread.join()
        print(sorted(set(errors)))
    """) == "[]"  # fmt: skip


# One thread is slow to do a thing that the audit hook sees, and meanwhile another loads upper.
MEANWHILE = """
    import importlib.util, sys, threading, time
    import load

    def slow(event, arguments):
        if threading.current_thread().name != "slow" or slept:
            return
        if {condition}:
            slept.append(event)
            time.sleep(1)

    def first():
        try:
            said.append(load.load({target!r}).VERSION)
        except load.LoadError as error:
            said.append(str(error).splitlines()[0])

    load.settings()
    importlib.util.find_spec("nothing_of_that_name")  # the finders have listed every directory
    said, slept = [], []
    sys.addaudithook(slow)
    thread = threading.Thread(target=first, name="slow")
    thread.start()
    time.sleep(0.2)
    load.upper
    thread.join()
    print(said, len(slept), sum(event.kind == "install" for event in load.history()))
"""
AFTER_THE_IMPORT_FAILED = "event == 'os.listdir'"


def test_what_another_thread_has_put_on_the_path_meanwhile_is_simply_imported(world: World) -> None:
    two_wheels(world)
    world.printed("import load; load.upper")  # the layer holds base too, and was not made for it
    code = MEANWHILE.format(condition=AFTER_THE_IMPORT_FAILED, target="base")
    assert world.printed(code) == "['1.0'] 1 0"


def test_a_layer_that_another_thread_has_just_made_is_not_made_again(world: World) -> None:
    two_wheels(world)
    world.index.delay = 0.3
    assert world.printed("""
        import glob, os, sys, threading, time
        import load

        opened = []

        def slow(event, arguments):
            if event != "open":  # at the very end of the interpreter there are no threads to ask
                return
            path = str(arguments[0])
            if threading.current_thread().name != "second":
                time.sleep(0.7 if "/locks/" in path and path.endswith(".lock") else 0)  # its own layer, to put it on the path
            elif "/requests/" in path and any(each.endswith(".build") for each in opened):
                time.sleep(1.5)  # it looks again, now that it has the lock of the build, and has listed what is here
            opened.extend([path] if threading.current_thread().name == "second" else [])

        def second():
            while not glob.glob(os.environ["LOAD_HOME"] + "/1/*/stage/*.lock"):
                time.sleep(0.01)
            load.load("upper")

        load.settings()
        sys.addaudithook(slow)
        thread = threading.Thread(target=second, name="second")
        thread.start()
        load.load("upper")
        thread.join()
        print(sum(event.kind == "install" for event in load.history()))
    """) == "1"  # fmt: skip


def test_a_lock_is_free_once_released_even_if_a_forked_child_lives_on(world: World) -> None:
    two_wheels(world)
    world.index.delay = 0.5
    world.write({"forks.py": """
        import os, pathlib, threading, time
        import load
        thread = threading.Thread(target=lambda: load.upper)
        thread.start()
        while not list(pathlib.Path(os.environ["LOAD_HOME"]).glob("1/*/stage/*/layer/lib")):
            time.sleep(0.005)
        if os.fork() == 0:  # while the other thread holds the locks
            while not pathlib.Path("end").exists():
                time.sleep(0.01)
            os._exit(0)
        thread.join()
        pathlib.Path("installed").touch()
        os.wait()
    """})  # fmt: skip
    process = start(world, script="forks.py")
    with ended([process]):
        try:
            until_there(world, "installed", [process])
            world.write({"main.py": "import load; print(load.load('upper', force=True).VERSION)"})
            second = start(world)
            with ended([second]):
                assert second.communicate(timeout=15)[0].strip() == "1.0"
        finally:
            (world.work / "end").touch()  # the child has the pipes that `ended` waits for


def test_a_hit_and_a_plain_import_do_not_wait_for_an_install_in_another_thread(world: World) -> None:
    two_wheels(world)
    world.wheel("ready")
    world.write({"requirements.txt": "base\nupper\nready\n"})
    world.printed("import load; load.ready")
    world.index.fault["upper"] = "hang"
    world.write({"main.py": """
        import os, threading, time
        import load
        threading.Thread(target=lambda: load.upper, daemon=True).start()
        while not os.path.exists("asked"):
            time.sleep(0.01)
        print(load.decimal.__name__, load.ready.VERSION, flush=True)
        time.sleep(60)
    """})  # fmt: skip
    process = start(world)
    with ended([process]):
        while not world.index.hits("upper"):
            assert process.poll() is None
            time.sleep(0.01)
        (world.work / "asked").touch()
        assert process.stdout is not None
        # The install is still hanging: the index answers only when the test ends, and the installer waits for 30 s.
        assert process.stdout.readline() == "decimal 1.0\n"
        assert process.poll() is None
        assert [path.name for path in world.home.glob("1/*/stage/*.lock")] != []
