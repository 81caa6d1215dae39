"""The face: `load.x` is the module x, whatever it takes; every other word after `load.` is a known one."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import load
from conftest import World
from load._install.name_table import TABLE

SOURCE = Path(load.__file__).parent
FACE: Any = load  # a type checker does not know that this module can be called
NO_PART = """\
ModuleMissing: no module named 'load.{name}': '{name}' is no part of `load`
Ways out:
  - from load import {name}
  - load("{name}")"""


@pytest.fixture
def local(world: World) -> World:
    """A world where nothing can be installed, with two modules beside the program."""
    world.extra["LOAD_NO_INSTALL"] = "1"
    world.write(
        {"mine.py": "VALUE = 7\nclass Thing:\n    size = 3\n", "pack/__init__.py": "", "pack/sub.py": "VALUE = 8"}
    )
    return world


# --- what it is


def test_it_is_a_module_that_can_be_called() -> None:
    assert FACE is load is sys.modules["load"]
    assert type(FACE) is load.LoadModule and type(FACE).__mro__[1] is types.ModuleType
    assert FACE("json") is load.load("json") is sys.modules["json"]


def test_its_signature_is_that_of_the_function() -> None:
    assert inspect.signature(FACE) == inspect.signature(load.load)
    parameters = inspect.signature(FACE).parameters
    assert list(parameters) == [
        "target", "alias", "module", "requirement", "index", "sha256", "build", "editable", "install", "fresh", "force",
        "silent",
    ]  # fmt: skip
    kinds = [parameter.kind for parameter in parameters.values()]
    assert kinds == [inspect.Parameter.POSITIONAL_OR_KEYWORD] + [inspect.Parameter.KEYWORD_ONLY] * 11


@pytest.mark.parametrize("call", ["load()", "load('json', 'np')", "load('json', nope=1)", "load(alias='x')"])
def test_wrong_arguments_are_a_type_error(local: World, call: str) -> None:
    assert local.error(call).startswith("TypeError: ")


def test_importing_it_imports_built_in_modules_only(world: World) -> None:
    code = """
        import sys
        before = set(sys.modules)
        import load
        new = set(sys.modules) - before
        print(sorted(new - set(sys.builtin_module_names)))
    """
    assert world.printed(code, "-S", PYTHONPATH=str(SOURCE.parent)) == "['load']"
    assert world.printed(code) == "['load']"


def test_importing_it_reads_one_file_of_ours_and_starts_nothing(world: World) -> None:
    code = f"""
        import sys
        seen = []
        def watch(event, args):
            if event in ("subprocess.Popen", "os.posix_spawn", "socket.connect", "os.mkdir"):
                seen.append(event)
            if event == "open" and str(args[0]).startswith({str(SOURCE)!r}):
                seen.append(args[0].rpartition("/")[2].partition(".")[0])
        sys.addaudithook(watch)
        import load
        print(set(seen))
    """
    assert world.printed(code) == "{'__init__'}"
    assert not world.home.exists()


def test_it_can_be_reloaded(local: World) -> None:
    code = """
        import importlib, load
        kept = load.mine
        print(importlib.reload(load) is load, load.mine is kept, load("json").__name__, load.pack.__name__)
        try:
            import load.numpy
        except ImportError as error:
            print(error.name)
    """
    assert local.printed(code) == "True True json pack\nload.numpy"


# --- load.x


def test_an_attribute_is_the_module_of_that_name(local: World) -> None:
    code = """
        import load
        import mine
        print(load.mine is mine, load.json is __import__("json"), load.mine.VALUE)
    """
    assert local.printed(code) == "True True 7"


def test_a_hit_is_kept_in_the_module_s_own_dict(local: World) -> None:
    code = """
        import load
        print("mine" in vars(load))
        first = load.mine
        print(vars(load)["mine"] is first)
        calls = []
        load.__getattr__ = lambda name: calls.append(name)
        print(load.mine is first, calls)
    """
    assert local.printed(code) == "False\nTrue\nTrue []"


def test_what_is_dropped_from_sys_modules_later_stays_here(local: World) -> None:
    code = """
        import load, sys
        first = load.mine
        del sys.modules["mine"]
        print(load.mine is first)
        import mine
        print(mine is first, load.mine is first)
    """
    assert local.printed(code) == "True\nFalse True"


def test_a_module_that_is_still_being_initialised_is_given_and_not_kept(local: World) -> None:
    local.write(
        {
            "itself.py": """
            import load
            me = load.itself
            kept = "itself" in vars(load)
            if not load.mine.VALUE:
                raise RuntimeError("not yet")
        """
        }
    )
    code = """
        import load
        load.mine.VALUE = 0
        for _ in range(2):
            try:
                load.itself
            except RuntimeError as error:
                print(error, "itself" in vars(load))
        load.mine.VALUE = 1
        print(load.itself.me is load.itself, load.itself.kept, "itself" in vars(load))
    """
    assert local.printed(code) == "not yet False\nnot yet False\nTrue False True"


def test_modules_that_load_one_another_get_what_import_would_give_them(local: World) -> None:
    local.write({"a.py": "import load\nX = 1\nb = load.b\n", "b.py": "import load\nX = load.a.X + 1\na = load.a\n"})
    assert local.printed("import load; print(load.a.b.X, load.b.a is load.a)") == "2 True"


def test_a_failure_is_not_kept_and_the_module_is_found_once_it_is_there(local: World) -> None:
    code = """
        import importlib, load, pathlib
        for _ in range(2):
            try:
                load.later_on
            except load.LoadError as error:
                print(type(error).__name__, error.name, "later_on" in vars(load))
        pathlib.Path("later_on.py").write_text("VALUE = 7")
        importlib.invalidate_caches()
        print(load.later_on.VALUE)
    """
    assert local.printed(code) == "InstallRefused later_on False\nInstallRefused later_on False\n7"


def test_a_module_that_appears_is_found_without_any_help(local: World) -> None:
    code = """
        import load, os, pathlib
        os.utime(".", ns=(1, 1))
        for attempt in range(2):
            try:
                print(load.later_on.VALUE)
            except load.LoadError:
                stamp = os.stat(".").st_mtime_ns
                pathlib.Path("later_on.py").write_text("VALUE = 7")
                os.utime(".", ns=(stamp, stamp))  # as where a directory's time has steps of a second or two
    """
    assert local.printed(code) == "7"


def test_from_load_import_gives_modules_under_any_name(local: World) -> None:
    code = """
        from load import mine, pack as package, json as j
        import load
        print(mine is load.mine, package is load.pack, j.__name__)
    """
    assert local.printed(code) == "True True json"


def test_from_load_import_of_what_cannot_be_had_is_an_import_error(local: World) -> None:
    assert local.error("from load import nope_nope") == local.error("load.nope_nope")
    assert local.error("from load import nope_nope").startswith("InstallRefused: 'nope_nope' is not here")


def test_asking_whether_there_is_a_name_raises_too(local: World) -> None:
    assert local.error("hasattr(load, 'nope_nope')").startswith("InstallRefused: ")
    assert local.error("getattr(load, 'nope_nope', None)").startswith("InstallRefused: ")


def test_threads_that_touch_one_module_at_once_run_it_once(local: World) -> None:
    local.write({"slow.py": "import time, mine\nmine.VALUE += 1\ntime.sleep(0.1)\nDONE = True"})
    code = """
        import load, threading
        start, seen = threading.Barrier(8), []
        def work():
            start.wait()
            seen.append((load.slow, load.slow.DONE))
        threads = [threading.Thread(target=work) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(len(seen), len(set(seen)), load.mine.VALUE)
    """
    assert local.printed(code) == "8 1 8"


# --- the errors of a module's own body


def test_the_error_of_a_body_is_the_body_s_own_with_a_note(local: World) -> None:
    local.write({"broken.py": "raise ValueError('mine')"})
    code = """
        import load
        for attempt in (lambda: load.broken, lambda: load("broken")):
            try:
                attempt()
            except ValueError as error:
                print(error.args, error.__notes__)
    """
    note = f"(while loading 'broken', asked for at {local.work}/main.py:3)"
    assert local.printed(code) == f"('mine',) [{note!r}]\n('mine',) [{note!r}]"


def test_a_missing_module_inside_of_another_is_named_and_the_outer_one_is_not_installed(world: World) -> None:
    world.wheel("outer")
    world.write({"outer.py": "import inner_of_it", "requirements.txt": "outer\n"})
    code = """
        import load
        try:
            load.outer
        except ModuleNotFoundError as error:
            print(type(error).__name__, error, error.name, len(error.__notes__), "outer" in vars(load))
    """
    assert world.printed(code) == "ModuleNotFoundError No module named 'inner_of_it' inner_of_it 1 False"
    assert world.index.requests == []


def test_an_attribute_error_of_a_body_is_no_missing_attribute(local: World) -> None:
    local.write({"broken.py": "import json\njson.nope"})
    code = """
        import load
        try:
            load.broken
        except load.LoadError as error:
            print(error, "|", error.name, type(error.__cause__).__name__)
        try:
            load("broken")
        except AttributeError as error:
            print(error)
    """
    inside = "module 'json' has no attribute 'nope'"
    assert local.printed(code) == (
        f"the body of 'broken' raised AttributeError: {inside} | broken AttributeError\n{inside}"
    )


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
def test_what_ends_a_program_ends_it(local: World, error: str) -> None:
    local.write({"ending.py": f"raise {error}"})
    code = f"""
        import load
        try:
            load.ending
        except {error} as error:
            print("ended", getattr(error, "__notes__", []))
    """
    assert local.printed(code) == "ended []"


# --- import load.x


@pytest.mark.parametrize(
    "statement", ["import load.{0}", "import load.{0} as x", "from load.{0} import y", "load.__import__"]
)
def test_a_sub_module_of_ours_is_not_what_is_meant(local: World, statement: str) -> None:
    if statement == "load.__import__":
        statement = "__import__('importlib').import_module('load.{0}')"
    for name in ("numpy", "mine", "json"):
        assert local.error(statement.format(name)) == NO_PART.format(name=name)


def test_that_message_is_still_there_when_import_s_caches_were_emptied(local: World) -> None:
    code = """
        import importlib
        importlib.invalidate_caches()
        import load.numpy
    """
    assert local.error(code) == NO_PART.format(name="numpy")


def test_a_room_that_is_not_there_is_missed_as_usual(local: World) -> None:
    assert local.error("import load._nope") == "ModuleNotFoundError: No module named 'load._nope'"
    assert local.error("from load import _nope").startswith("ImportError: cannot import name '_nope' from 'load'")


def test_our_own_rooms_are_imported_as_usual(local: World) -> None:
    code = (
        "import load._install.names, load._errors as e; print(load._install.names.TABLE.__class__.__name__, e.__name__)"
    )
    assert local.printed(code) == "NameTable load._errors"


# --- public words


def test_every_public_word_resolves_and_is_kept(local: World) -> None:
    code = """
        import load
        for word in load.__all__:
            value = getattr(load, word)
            assert vars(load)[word] is value is getattr(load, word), word
        print(len(load.__all__) == len(set(load.__all__)) > 30)
    """
    assert local.printed(code) == "True"


def test_importing_a_star_gives_the_public_words_and_touches_no_module_of_the_user_s(local: World) -> None:
    code = """
        import sys
        before = set(globals())
        from load import *
        import load as module
        new = set(globals()) - before - {"before", "module", "new"}
        print(new == set(module.__all__), "mine" in sys.modules, load is module.load)
    """
    assert local.printed(code) == "True False True"


def test_no_public_word_hides_a_module_of_the_standard_library() -> None:
    assert set(load.__all__) & sys.stdlib_module_names == set()


def test_no_public_word_hides_a_popular_module_or_an_alias() -> None:
    agree = {row.value or row.name.replace("-", "_") for row in TABLE.rows("agree")}
    curated = {row.name.partition(".")[0] for row in TABLE.rows("curated")}
    aliases = {row.name for row in TABLE.rows("alias")}
    assert len(agree) >= 600 and len(curated) >= 300 and len(aliases) >= 50
    assert set(load.__all__) & (agree | curated | aliases) == set()


def test_there_is_no_other_public_word(local: World) -> None:
    code = "import load; print(sorted(word for word in vars(load) if not word.startswith('_')))"
    assert set(eval(local.printed(code))) <= set(load.__all__)


def test_a_module_whose_name_we_took_is_reached_by_calling(local: World) -> None:
    local.write({"report.py": "VALUE = 'mine'", "settings.py": "VALUE = 'mine too'"})
    code = """
        import load
        print(load("report").VALUE, load("settings").VALUE, callable(load.report), load.settings().mode)
    """
    assert local.printed(code) == "mine mine too True auto"


def test_a_module_of_the_user_s_own_wins_over_an_alias_of_the_table(local: World) -> None:
    local.write({"plt.py": "VALUE = 'mine'", "np/__init__.py": "VALUE = 'mine'"})
    assert local.printed("import load; print(load.plt.VALUE, load('np').VALUE)") == "mine mine"


# --- load(target)


@pytest.mark.parametrize(
    ("target", "expression"),
    [
        ("os.path", "os.path"),
        ("xml.dom.minidom", "__import__('xml.dom.minidom').dom.minidom"),
        ("mine", "__import__('mine')"),
        ("pack.sub", "__import__('pack.sub').sub"),
        ("collections:OrderedDict", "collections.OrderedDict"),
        ("collections.OrderedDict", "collections.OrderedDict"),
        ("os:path.join", "os.path.join"),
        ("mine:Thing.size", "3"),
        ("mine.VALUE", "7"),
        ("math:pi", "__import__('math').pi"),
        ("./mine.py", "__import__('mine')"),
    ],
)
def test_a_target_gives_what_it_names(local: World, target: str, expression: str) -> None:
    code = (
        f"import collections, os, load; found = load({target!r}); print(found is {expression} or found == {expression})"
    )
    assert local.printed(code) == "True"


def test_a_reference_to_what_a_module_does_not_define_says_what_may_be_meant(local: World) -> None:
    assert local.error("load('json:dunps')") == (
        "LoadError: 'json:dunps': module 'json' has no attribute 'dunps'\nWays out:\n  - did you mean dumps, dump?"
    )
    assert local.error("load('json:zzz')") == "LoadError: 'json:zzz': module 'json' has no attribute 'zzz'"


def test_a_reference_to_what_an_object_does_not_define_says_what_may_be_meant(local: World) -> None:
    assert local.error("load('mine:Thing.sise')") == (
        "LoadError: 'mine:Thing.sise': type object 'Thing' has no attribute 'sise'\nWays out:\n  - did you mean size?"
    )


def test_a_dotted_name_that_is_neither_a_module_nor_an_object_is_missing(local: World) -> None:
    message = local.error("load('mine.nope')")
    assert message.startswith("ModuleMissing: no module named 'mine.nope': 'mine' is your own code at ")
    assert message.endswith("mine.py, which has no 'mine.nope'")
    assert local.error("load('collections.Nope')") == (
        "ModuleMissing: no module named 'collections.Nope': 'collections' is in Python's own library, "
        "which has no 'collections.Nope'"
    )


def test_a_module_wins_over_an_attribute_of_the_same_name(local: World) -> None:
    local.write({"twice/__init__.py": "sub = 'the attribute'", "twice/sub.py": "VALUE = 9"})
    assert local.printed("import load; print(load('twice.sub').VALUE, load('twice:sub').VALUE)") == "9 9"


def test_an_alias_of_the_table_is_the_module_that_it_stands_for(local: World) -> None:
    local.write({"matplotlib/__init__.py": "", "matplotlib/pyplot.py": "VALUE = 1"})
    code = "import load; print(load.plt.__name__, load('plt') is load.plt, load('plt:VALUE'), 'plt' in vars(load))"
    assert local.printed(code) == "matplotlib.pyplot True 1 True"


def test_an_alias_is_explained(local: World) -> None:
    code = "import load; need = load.which('plt'); print(need.module, need.requirement, need.because)"
    assert local.printed(code) == "matplotlib.pyplot matplotlib alias"
    assert local.index.requests == []


# --- load(target, alias=...)


def test_an_alias_is_bound_as_an_attribute(local: World) -> None:
    code = """
        import load
        print(load("pack.sub", alias="ps") is load.ps, load("mine:Thing", alias="Kind") is load.Kind, load.ps.VALUE)
    """
    assert local.printed(code) == "True True 8"


def test_an_alias_may_take_the_place_of_another_one(local: World) -> None:
    code = "import load; load('mine', alias='it'); load('pack', alias='it'); print(load.it.__name__)"
    assert local.printed(code) == "pack"


UNFIT = ["load", "configure", "LoadError", "_private", "two words", "", "a.b", "1st"]


@pytest.mark.parametrize("alias", [*UNFIT, pytest.param("class")])
def test_an_alias_that_no_attribute_can_be_is_refused(local: World, alias: str) -> None:
    message = (
        f"ConfigError: alias={alias!r} cannot be a word after `load.`\n"
        "Ways out:\n"
        "  - an identifier that is not one of load.__all__"
    )
    assert local.error(f"load('mine', alias={alias!r})") == message
    code = f"""
        import load
        before = dict(vars(load))
        try:
            load("mine", alias={alias!r})
        except load.ConfigError:
            pass
        print({alias!r} in set(vars(load)) - set(load.__all__) - set(before))
    """
    assert local.printed(code) == "False"


def test_a_refused_alias_loads_nothing(local: World) -> None:
    code = """
        import load, sys
        for attempt in (lambda: load("mine", alias="load"), lambda: load.import_aliases("good=mine", "load=pack")):
            try:
                attempt()
            except load.ConfigError:
                print("good" in vars(load), "mine" in sys.modules, "pack" in sys.modules)
    """
    assert local.printed(code) == "False False False\nFalse False False"


def test_several_are_loaded_at_once_in_their_order(local: World) -> None:
    code = """
        import load
        thing, sub, j = load.import_aliases("mine:Thing", "ps=pack.sub", "json")
        print(thing.__name__, sub is load.ps, j.__name__, load.import_aliases("it=mine") is load.it, load.import_aliases())
    """
    assert local.printed(code) == "Thing True json True ()"


def test_if_one_of_several_is_missing_none_is_bound_and_all_are_listed(local: World) -> None:
    code = """
        import load
        try:
            load.import_aliases("good=mine", "nope_one", "bad=nope_two")
        except load.LoadError as error:
            print(str(error).splitlines()[0], [name in str(error) for name in ("nope_one", "nope_two")])
        print("good" in vars(load), "bad" in vars(load))
    """
    assert local.printed(code) == "2 of 2 cannot be loaded: [True, True]\nFalse False"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a=", "InvalidTarget: cannot load 'a=': there is nothing after the '='"),
        (5, "InvalidTarget: cannot load '5': a spec is text, not int"),
        ("a=b c", "InvalidTarget: cannot load 'b c': neither a module name, "),
        ("-r=x", "InvalidTarget: cannot load '-r=x': it starts with '-', "),
    ],
)
def test_a_spec_that_is_none_is_refused(local: World, spec: object, message: str) -> None:
    assert local.error(f"load.import_aliases('json', {spec!r})").startswith(message)


# --- other options


def test_an_index_that_nobody_knows_is_refused(local: World) -> None:
    assert local.error("load('mine', index='company')") == (
        "ConfigError: there is no index called 'company'\n"
        "Ways out:\n"
        "  - leave index= out: your pip or uv settings name the index"
    )


def test_what_is_here_is_checked_against_a_requirement(local: World) -> None:
    assert local.printed("import load; print(load('psutil', requirement='psutil>=1').__name__)") == "psutil"
    message = local.error("load('psutil', requirement='psutil>=1000')")
    assert message.startswith("VersionConflict: 'psutil' needs psutil>=1000, but psutil==")
    assert local.error("load('mine', requirement='./x')") == (
        "ConfigError: requirement='./x' is not a requirement such as 'PyYAML>=6'"
    )


def test_force_runs_a_module_anew(local: World) -> None:
    code = """
        import load
        first = load.mine
        first.VALUE = 0
        print(load("mine").VALUE, load("mine", force=True).VALUE, load.mine is first)
    """
    assert local.printed(code) == "0 7 True"


def test_force_does_not_run_compiled_code_twice(local: World) -> None:
    assert local.error("load.psutil\nload('psutil', force=True)") == (
        "LoadError: 'psutil' contains compiled code, which Python cannot load twice\nWays out:\n  - start a new process"
    )
    assert local.printed("import load; print(load('psutil', force=True).__name__)") == "psutil"


def test_a_silent_load_prints_nothing_and_another_does(local: World) -> None:
    local.extra["LOAD_AUTO_PRINT"] = "1"
    silent, other = (local.run(f"import load; load('mine'{option})") for option in (", silent=True", ""))
    assert silent.stdout + silent.stderr == "" and "mine" in other.stdout + other.stderr


# --- info, settings, env


def test_info_tells_the_state_of_the_process(local: World) -> None:
    code = """
        import load
        print(load.info())
    """
    info = eval(local.printed(code))
    assert {key: info[key] for key in ("auto_print", "print_limit", "mode", "store", "layers")} == {
        "auto_print": False,
        "print_limit": 1000,
        "mode": "auto",
        "store": str(local.home),
        "layers": [],
    }


def test_info_counts_what_is_cached_and_nothing_else(local: World) -> None:
    code = """
        import load
        print(load.info()["cache_size"], load.info()["cached_modules"])
        load.mine, load.json, load("pack", alias="p"), load("pack.sub"), load("mine:Thing", alias="T")
        print(load.info()["cache_size"], load.info()["cached_modules"])
        load.unload("mine")
        print(load.info()["cached_modules"])
    """
    assert local.printed(code) == "0 []\n3 ['json', 'mine', 'p']\n['json', 'p']"


def test_info_tells_the_settings_in_force(local: World) -> None:
    code = """
        import load
        load.info()
        load.configure(mode="ask", print_limit=50, home="elsewhere")
        print([load.info()[key] for key in ("mode", "print_limit")], load.info()["store"].endswith("/work/elsewhere"))
    """
    assert local.printed(code) == "['ask', 50] True"


def test_info_lists_the_active_layers(world: World) -> None:
    world.wheel("tiny")
    world.write({"requirements.txt": "tiny\n"})
    code = "import load; load.tiny; print(load.info()['layers'], load.info()['cached_modules'][-1])"
    assert world.printed(code) == f"[{world.layers()[0].name!r}] tiny"


def test_a_child_with_the_environment_of_env_sees_the_layers_and_another_does_not(world: World) -> None:
    world.wheel("tiny")
    world.write({"requirements.txt": "tiny\n"})
    code = """
        import load, os, subprocess, sys
        load.tiny
        def child(env):
            line = "import os, tiny; print(tiny.VERSION, os.environ.get('EXTRA'))"
            return subprocess.run([sys.executable, "-c", line], env=env, capture_output=True, text=True)
        print(child(load.env(EXTRA="more")).stdout, "No module named 'tiny'" in child(dict(os.environ)).stderr)
    """
    assert world.printed(code) == "1.0 more\n True"


def test_env_is_this_environment_where_there_are_no_layers(local: World) -> None:
    code = "import load, os; print(load.env() == dict(os.environ), load.env(A='1') == {**os.environ, 'A': '1'})"
    assert local.printed(code) == "True True"


def test_env_puts_the_layers_behind_the_user_s_own_path(world: World) -> None:
    world.wheel("tiny")
    world.write({"requirements.txt": "tiny\n", "own/own_module.py": ""})
    own = str(world.work / "own")
    code = "import load; load.tiny; print(load.env()['PYTHONPATH'])"
    first, *layers = world.printed(code, PYTHONPATH=own).split(":")
    assert first == own and [Path(layer).is_relative_to(world.layers()[0]) for layer in layers] == [True]


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_a_program_that_only_imports_it_runs_where_none_of_its_requirements_are(tmp_path: Path) -> None:
    code = "import load; print(load.json.__name__, load('colorsys:rgb_to_hsv').__name__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={
            "PYTHONPATH": str(SOURCE.parent),
            "LOAD_HOME": str(tmp_path),
            "LOAD_NO_INSTALL": "1",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "json rgb_to_hsv\n", "")
