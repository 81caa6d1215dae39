"""Child processes see the layers of their parent: by multiprocessing, by an executor, by a subprocess with `load.env`."""

from __future__ import annotations

import pytest

from conftest import World

METHODS = ("spawn", "forkserver", "fork")

WORKER = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor

    def by_import(thing):
        import upper
        return upper.__name__, upper.base.VERSION, type(thing).__module__

    def failing(thing):
        try:
            return by_import(thing)
        except ModuleNotFoundError as error:
            return str(error)
"""


@pytest.fixture
def wheels(world: World) -> World:
    """A distribution, and one that depends on it, in two layers."""
    world.wheel("base", files={"base.py": "VERSION = '1.0'\nclass Thing: pass\n"})
    world.wheel("upper", requires=["base"], files={"upper.py": "import base\n"})
    world.write({"requirements.txt": "base\nupper\n"})
    return world


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("default")
def test_a_child_of_multiprocessing_imports_what_the_parent_loaded(wheels: World, method: str) -> None:
    wheels.write({"work.py": WORKER})
    code = f"""
        import multiprocessing
        from work import by_import
        if __name__ == "__main__":
            import load
            thing = load.base.Thing()
            load.upper
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                print(pool.map(by_import, [thing, thing]))
    """
    assert wheels.printed(code) == "[('upper', '1.0', 'base'), ('upper', '1.0', 'base')]"


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_of_an_executor_imports_what_the_parent_loaded(wheels: World, method: str) -> None:
    wheels.write({"work.py": WORKER})
    code = f"""
        from work import *
        if __name__ == "__main__":
            import load
            thing = load.base.Thing()
            load.upper
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context({method!r})) as pool:
                print(list(pool.map(by_import, [thing, thing])))
    """
    assert wheels.printed(code) == "[('upper', '1.0', 'base'), ('upper', '1.0', 'base')]"


@pytest.mark.parametrize("method", METHODS)
def test_a_child_of_a_parent_that_loaded_nothing_finds_nothing(wheels: World, method: str) -> None:
    wheels.printed("import load; load.upper")  # it is in the store, and not on the parent's path
    wheels.write({"work.py": WORKER})
    code = f"""
        from work import *
        if __name__ == "__main__":
            import load
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context({method!r})) as pool:
                print(list(pool.map(failing, [None])))
    """
    assert wheels.printed(code) == "[\"No module named 'upper'\"]"


@pytest.mark.parametrize("method", METHODS)
def test_a_child_loads_for_itself_what_the_parent_did_not(wheels: World, method: str) -> None:
    wheels.write({"work.py": "import load\ndef loads(_):\n    return load.upper.base.VERSION\n"})
    code = f"""
        import multiprocessing
        from work import loads
        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                print(pool.map(loads, range(4)))
    """
    assert wheels.printed(code) == "['1.0', '1.0', '1.0', '1.0']"
    assert len(wheels.layers()) == 1


def test_a_subprocess_with_our_environment_imports_what_the_parent_loaded(wheels: World) -> None:
    assert wheels.printed("""
        import subprocess, sys, load
        load.base
        load.upper
        child = "import upper, os, sys; print(upper.base.VERSION, os.environ['MARK'], 'load' in sys.modules)"
        print(subprocess.run([sys.executable, "-c", child], env=load.env(MARK="x"), capture_output=True, text=True).stdout)
    """) == "1.0 x False"  # fmt: skip


def test_a_subprocess_without_our_environment_does_not(wheels: World) -> None:
    assert wheels.printed("""
        import subprocess, sys, load
        load.upper
        print(subprocess.run([sys.executable, "-c", "import upper"], capture_output=True, text=True).stderr.splitlines()[-1])
    """) == "ModuleNotFoundError: No module named 'upper'"  # fmt: skip


def test_a_subprocess_of_a_subprocess_sees_the_layers_too(wheels: World) -> None:
    assert wheels.printed("""
        import subprocess, sys, load
        load.upper
        inner = "import upper; print(upper.base.VERSION)"
        outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
        print(subprocess.run([sys.executable, "-c", outer], env=load.env(), capture_output=True, text=True).stdout)
    """) == "1.0"  # fmt: skip


def test_the_callers_own_python_path_comes_first_and_nothing_is_added_where_nothing_was_loaded(wheels: World) -> None:
    code = """
        import os, load
        before = dict(os.environ)
        assert load.env() == before
        load.upper
        first, *layers = load.env()["PYTHONPATH"].split(os.pathsep)
        print(first, len(layers), dict(os.environ) == before)
    """
    assert wheels.printed(code, PYTHONPATH="/nowhere/of/mine") == "/nowhere/of/mine 1 True"


def test_in_a_child_too_a_stray_module_hides_none_of_the_standard_library(wheels: World) -> None:
    """The layers that come last in the parent come first in the child, for that is what PYTHONPATH does."""
    wheels.wheel("shadows", files={"shadows/__init__.py": "", "colorsys.py": "STRAY = True\n", "shadows/x.py": ""})
    wheels.write({"requirements.txt": "shadows\n"})
    assert wheels.printed("""
        import subprocess, sys, load
        load.shadows
        child = "import colorsys; print(hasattr(colorsys, 'STRAY'))"
        print(subprocess.run([sys.executable, "-c", child], env=load.env(), capture_output=True, text=True).stdout)
    """) == "False"  # fmt: skip


def test_what_the_child_is_given_counts_as_here_when_it_loads_for_itself(wheels: World) -> None:
    wheels.wheel("base", "2.0")
    wheels.wheel("wants", requires=["base"])
    wheels.write({"requirements.txt": "base<2\nupper\nwants\n"})
    assert wheels.printed("""
        import subprocess, sys, load
        load.base
        child = "import load; load.wants; print([r.summary() for r in load.receipts()][-1], load.base.VERSION)"
        print(subprocess.run([sys.executable, "-c", child], env=load.env(), capture_output=True, text=True).stdout)
    """).startswith("wants 1.0; ")  # fmt: skip


def test_a_child_forked_while_another_thread_installs_can_load_for_itself(wheels: World) -> None:
    wheels.wheel("other")
    wheels.write({"requirements.txt": "base\nupper\nother\n"})
    wheels.index.delay = 0.5
    out = wheels.run("""
        import os, pathlib, select, sys, threading, time, warnings
        import load
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=lambda: load.upper)
        thread.start()
        while not list(pathlib.Path(os.environ["LOAD_HOME"]).glob("1/*/stage/*/layer/lib")):
            time.sleep(0.005)
        pid = os.fork()
        if pid == 0:
            print(load.other.VERSION, flush=True)
            os._exit(0)
        for _ in range(1500):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                break
            time.sleep(0.01)
        else:
            os.kill(pid, 9)
            print("the child hangs", flush=True)
        thread.join()
        print(load.upper.base.VERSION)
    """)  # fmt: skip
    assert out.stdout.split("\n") == ["1.0", "1.0", ""], out.stderr
