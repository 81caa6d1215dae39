"""Tools look at modules all day: none of that imports or installs anything of the user's, starts a process or asks anybody."""

from __future__ import annotations

import textwrap

import pytest

from conftest import World

PROGRAM = """\
import os, sys

seen = []
PROCESSES = {{"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system"}}
NETWORK = {{"socket.connect", "socket.getaddrinfo"}}
STORE = os.environ["LOAD_HOME"]

def watch(event, args):
    if event in PROCESSES or event in NETWORK:
        seen.append(event)
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir") and str(args[0]).startswith(STORE):
        seen.append(event + " in the store")

{before}
import load
sys.addaudithook(watch)
sys.modules.pop("users_own", None)
kept = set(vars(load))
{probe}
others = [name for name in set(vars(load)) - kept if not name.startswith("_") and name not in load.__all__]
print(seen, "users_own" in sys.modules, others)
"""
UNTOUCHED = "[] False []"


@pytest.fixture
def watched(world: World) -> World:
    """A world with a module of the user's own, and an index that would serve another one."""
    world.wheel("offered")
    world.write({"users_own.py": "VALUE = 7", "requirements.txt": "offered\n"})
    return world


def outcome(world: World, probe: str, before: str = "") -> str:
    """What a probe did, in one line; the probe's own output is dropped. Its preparation is not watched."""
    program = PROGRAM.format(before=textwrap.dedent(before), probe=textwrap.dedent(probe))
    last = world.printed(program).splitlines()[-1]
    if last == UNTOUCHED:
        assert world.index.requests == [] and not world.home.exists()
    return last


# --- what is watched for is seen


def test_using_a_module_of_the_user_s_is_seen(watched: World) -> None:
    assert outcome(watched, "load.users_own") == "[] True ['users_own']"


def test_installing_one_is_seen(watched: World) -> None:
    seen = outcome(watched, "load.offered")
    assert "subprocess.Popen" in seen and "in the store" in seen and seen.endswith("['offered']")
    assert watched.index.downloads() == ["offered-1.0-py3-none-any.whl"]


def test_asking_for_what_does_not_exist_is_seen(watched: World) -> None:
    probe = """
        try:
            load.nowhere_at_all
        except ImportError:
            pass
    """
    assert "socket.connect" in outcome(watched, probe)


# --- names that tools ask for


PRIVATE = """
    _repr_html_ _repr_mimebundle_ _ipython_display_ _ipython_canary_method_should_not_exist_ _repr_pretty_ __wrapped__
    __array__ __array_interface__ __dataframe__ __rich__ __rich_console__ __html__ __fspath__ __length_hint__ __iter__
    __test__ __warningregistry__ __annotations__ __version__ __author__ __credits__ __date__ __bases__ __self__ __func__
    __isabstractmethod__ __text_signature__ __origin__ __copy__ __deepcopy__ __getstate__ __setstate__ __getinitargs__
    _pytestfixturefunction _spec_class _mock_methods _is_coroutine __sphinx_mock__ _ __ _typeshed
""".split()  # noqa: SIM905 - as a list it would take a screen


@pytest.mark.parametrize("asked", ["hasattr(load, name)", "getattr(load, name, None)"])
def test_a_private_name_is_answered_at_once(watched: World, asked: str) -> None:
    assert outcome(watched, f"for name in {PRIVATE}: {asked}") == UNTOUCHED


def test_a_private_name_is_an_attribute_error_worded_as_python_does(watched: World) -> None:
    watched.write({"_hidden.py": "VALUE = 7"})
    assert watched.error("load._hidden") == "AttributeError: module 'load' has no attribute '_hidden'"
    assert watched.printed("import load; print(hasattr(load, '_hidden'), load('_hidden').VALUE)") == "False 7"


# --- looking at it


@pytest.mark.parametrize(
    "probe",
    [
        "dir(load), repr(load), str(load), format(load), hash(load), bool(load), vars(load), id(load)",
        "assert repr(load).startswith(\"<module 'load' from \")",
        "load == 1, load != 1, load in [1], {load: 1}[load], isinstance(load, int)",
        "getattr(load, '__dict__'), load.__name__, load.__doc__, load.__spec__, load.__path__, load.__file__",
        "import collections.abc as abc; [isinstance(load, getattr(abc, each)) for each in abc.__all__]",
        "import pprint; pprint.pprint(load)",
        "import warnings; warnings.warn('x', UserWarning)",
        "import copy; assert copy.copy(load) is load is copy.deepcopy(load)",
        "import pickle; assert all(pickle.loads(pickle.dumps(load, each)) is load for each in range(6))",
        "import weakref; assert weakref.ref(load)() is load",
        "import gc; gc.get_referrers(load), gc.get_referents(load), sys.getsizeof(load)",
        "import importlib.util, importlib.resources as r; r.files(load); importlib.util.find_spec('load')",
        "import typing; typing.get_type_hints(load)",
    ],
)
def test_looking_at_it_touches_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, probe) == UNTOUCHED


@pytest.mark.parametrize(
    "probe",
    [
        "inspect.getmembers(load)",
        "inspect.getmembers(load, callable), inspect.getmembers_static(load)",
        "inspect.signature(load), inspect.getdoc(load), inspect.getsource(load), inspect.getfile(load), inspect.getmodule(load)",
        pytest.param("inspect.signature(load.LoadModule)"),
        "inspect.unwrap(load), inspect.ismodule(load), inspect.iscoroutinefunction(load), inspect.isabstract(load)",
    ],
)
def test_inspect_touches_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, f"import inspect\n{probe}") == UNTOUCHED


def test_members_are_ours_and_python_s(watched: World) -> None:
    code = """
        import inspect, load
        names = {name for name, _ in inspect.getmembers(load)}
        print(set(load.__all__) <= names <= set(dir(load)), "users_own" in names)
    """
    assert watched.printed(code) == "True False"


def test_pydoc_and_help_touch_nothing(watched: World) -> None:
    assert outcome(watched, "pydoc.render_doc(load), pydoc.locate('load'), help(load)", "import pydoc") == UNTOUCHED


def test_walking_the_package_finds_our_rooms_only(watched: World) -> None:
    probe = """
        names = [module.name for module in pkgutil.walk_packages(load.__path__, "load.")]
        assert names and all(name.startswith("load._") for name in names), names
    """
    assert outcome(watched, probe, "import pkgutil") == UNTOUCHED


# --- sending it


@pytest.mark.parametrize("target", ["load", "function", "{'a': load, 'f': function}"])
def test_cloudpickle_sends_it_by_reference(watched: World, target: str) -> None:
    before = """
        import cloudpickle
        def function():
            return load.users_own, load.offered, load._private
    """
    assert outcome(watched, f"sent = cloudpickle.dumps({target}); cloudpickle.loads(sent)", before) == UNTOUCHED


def test_what_cloudpickle_sent_works_where_it_arrives(watched: World) -> None:
    code = """
        import cloudpickle, subprocess, sys
        import load
        def function():
            return load.users_own.VALUE
        sent = cloudpickle.dumps(function)
        receiver = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(), 'load' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", receiver], input=sent, capture_output=True)
        print("users_own" in sys.modules, done.stdout)
    """
    assert watched.printed(code) == r"False b'7 True\n'"


# --- testing with it


@pytest.mark.parametrize(
    "probe",
    [
        "mock.create_autospec(load)",
        "mock.MagicMock(spec=load).configure(), mock.MagicMock(spec_set=load), mock.NonCallableMock(wraps=load)",
        "with mock.patch('load.configure') as patched: assert load.configure is patched",
        "with mock.patch.object(load, 'settings', autospec=True): pass",
        "with mock.patch.dict(vars(load), {'users_own': 7}): assert load.users_own == 7",
        "with mock.patch.multiple(load, info=7): assert load.info == 7",
    ],
)
def test_mocks_of_our_words_touch_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, probe, "from unittest import mock") == UNTOUCHED


def test_a_module_can_be_patched_through_the_face_and_comes_back(watched: World) -> None:
    code = """
        from unittest import mock
        import load
        with mock.patch("load.users_own") as patched:
            print(load.users_own is patched)
        print(load.users_own.VALUE)
        with mock.patch("load.users_own.VALUE", 8):
            print(load.users_own.VALUE)
        print(load.users_own.VALUE)
        with mock.patch.object(load, "users_own", 9):
            print(load.users_own)
        print(load.users_own.VALUE)
    """
    assert watched.printed(code).split() == ["True", "7", "8", "7", "9", "7"]


@pytest.mark.parametrize(
    "probe",
    [
        "doctest.testmod(load)",
        "doctest.DocTestFinder().find(load)",
        "doctest.DocTestFinder().find(uses_load)",
        "unittest.defaultTestLoader.loadTestsFromModule(uses_load)",
        "with unittest.TestCase().assertWarns(UserWarning): warnings.warn('x', UserWarning)",
    ],
)
def test_test_tools_of_the_standard_library_touch_nothing(watched: World, probe: str) -> None:
    watched.write({"uses_load.py": 'import load\ndef function():\n    """\n    >>> 1\n    1\n    """\n'})
    assert outcome(watched, probe, "import doctest, unittest, warnings, uses_load") == UNTOUCHED


COLLECTED = """
    import load
    from load import requires, LoadError
    import sys

    def test_nothing_was_touched():
        assert "users_own" not in sys.modules and "offered" not in vars(load)
"""


@pytest.mark.parametrize("options", [(), ("--collect-only",), ("--doctest-modules",)], ids=" ".join)
def test_pytest_collects_a_module_that_uses_it_and_touches_nothing(watched: World, options: tuple[str, ...]) -> None:
    watched.write({"suite/test_something.py": COLLECTED})
    code = f"""
        import subprocess, sys
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=suite", "suite", *{options}]
        print(subprocess.run(pytest, capture_output=True, text=True).returncode)
    """
    assert watched.printed(code) == "0"
    assert watched.index.requests == [] and not watched.home.exists()


def test_monkeypatch_works_through_the_face(watched: World) -> None:
    watched.write(
        {
            "suite/test_something.py": """
            import load

            def test_patched(monkeypatch):
                monkeypatch.setattr("load.users_own.VALUE", 8)
                monkeypatch.setattr(load, "json", 9)
                assert (load.users_own.VALUE, load.json) == (8, 9)

            def test_restored():
                assert load.users_own.VALUE == 7 and load.json.__name__ == "json"
        """
        }
    )
    code = """
        import os, subprocess, sys
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=suite", "suite"]
        print(subprocess.run(pytest, env={**os.environ, "PYTHONPATH": "."}).returncode)
    """
    assert watched.printed(code).splitlines()[-1] == "0"


# --- completing it


TEXTS = ["load.c", "load.use", "loa", "load.configure(", "load._", pytest.param("load.")]


@pytest.mark.parametrize("text", TEXTS)
def test_the_interactive_interpreter_completes_it_and_touches_nothing(watched: World, text: str) -> None:
    probe = f"""
        completer, found = rlcompleter.Completer({{"load": load}}), []
        while (each := completer.complete({text!r}, len(found))) is not None:
            found.append(each)
        assert found or {text!r} == "load.use", found
        assert ("load.configure(" in found) == {text in ("load.", "load.c", "load.configure(")}, found
    """
    assert outcome(watched, probe, "import rlcompleter") == UNTOUCHED


@pytest.mark.parametrize("name", ["users_own", "offered"])
def test_the_interactive_interpreter_completes_nothing_behind_a_name_that_is_not_loaded(
    watched: World, name: str
) -> None:
    probe = f"rlcompleter.Completer({{'load': load}}).complete('load.{name}.', 0)"
    assert outcome(watched, probe, "import rlcompleter") == UNTOUCHED


SHELL = """
    import load
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    shell.user_ns["load"] = load
    def complete(text):
        with provisionalcompleter():
            return [each.text for each in shell.Completer.completions(text, len(text))]
    complete("shell.")
"""


@pytest.mark.parametrize("jedi", [True, False], ids=["with jedi", "without jedi"])
def test_ipython_completes_it_and_touches_nothing(watched: World, jedi: bool) -> None:
    probe = f"""
        shell.Completer.use_jedi = {jedi}
        offering = ("load.", "load.conf", "from load import ")
        for text in (*offering, "load.use", "loa", "load(", "load.configure(mo", "import load."):
            assert any("configure" in each for each in complete(text)) == (text in offering), (text, complete(text))
    """
    assert outcome(watched, probe, SHELL) == UNTOUCHED


@pytest.mark.parametrize("name", ["users_own", "offered"])
def test_ipython_completes_nothing_behind_a_name_that_is_not_loaded(watched: World, name: str) -> None:
    assert outcome(watched, f"complete('load.{name}.'), shell.object_inspect('load.{name}')", SHELL) == UNTOUCHED


def test_ipython_completes_behind_a_name_that_is_loaded(watched: World) -> None:
    probe = """
        load("users_own", alias="mine")
        assert any("VALUE" in each for each in complete("load.mine.")), complete("load.mine.")
    """
    assert outcome(watched, probe, SHELL) == "[] True ['mine']"


@pytest.mark.parametrize(
    "probe",
    [
        "shell.run_cell('load').raise_error()",
        "shell.run_cell('[load, {1: load}]').raise_error()",
        "shell.run_cell('%whos').raise_error()",
        "shell.display_formatter.format(load)",
    ],
)
def test_ipython_shows_it_and_touches_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, probe, SHELL) == UNTOUCHED


@pytest.mark.parametrize(
    "probe", ["shell.run_cell('load?')", "shell.object_inspect('load')", "shell.run_cell('%pdoc load')"]
)
def test_ipython_explains_it_and_touches_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, probe, SHELL) == UNTOUCHED


@pytest.mark.parametrize(
    "probe", ["rich.pretty.pprint(load)", "rich.pretty.pretty_repr({'a': load})", "rich.print([load])"]
)
def test_rich_shows_it_and_touches_nothing(watched: World, probe: str) -> None:
    assert outcome(watched, probe, "import rich, rich.pretty") == UNTOUCHED
