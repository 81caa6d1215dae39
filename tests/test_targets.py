"""What a target says; and what says nothing is refused, with its reason, before anything is touched."""

from __future__ import annotations

import pickle
import sys
import threading
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from conftest import World
from load._errors import InvalidTarget, LoadError
from load._reference import LONGEST, Target, import_module, is_module_name, parse, resolve

NOT_A_PLACE = """\
it looks like a repository, an address or a path
Ways out:
  - a path starts with './', '../', '/' or '~', or ends with '.py' or '.whl'
  - repositories and addresses cannot be loaded by this version"""
OPTION = "it starts with '-', as an option of an installer would"
CONTROL = "it contains a control character"
KEYWORD = "is a word of the Python language, no module can have that name"
ABSOLUTE = "a module name is absolute, it does not start with '.'"


class PathOf:
    """Something that says it is a path."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __fspath__(self) -> object:
        return self.answer

    def __str__(self) -> str:
        return f"PathOf({self.answer!r})"


def refused(target: object) -> InvalidTarget:
    with pytest.raises(InvalidTarget) as caught:
        parse(target)  # type: ignore[arg-type]
    return caught.value


# --- what can be loaded


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("json", Target("module", "json", "json")),
        ("os.path", Target("module", "os.path", "os.path")),
        ("  json\t", Target("module", "json", "json")),
        ("_private", Target("module", "_private", "_private")),
        ("match", Target("module", "match", "match")),  # a soft keyword: `import match` is Python
        ("numрy", Target("module", "numрy", "numрy")),  # `import` takes Cyrillic; that no index does is said later
        ("json:dumps", Target("reference", "json:dumps", "json", "dumps")),
        ("pkg.mod:Obj.attr", Target("reference", "pkg.mod:Obj.attr", "pkg.mod", "Obj.attr")),
        ("pkg.mod : Obj", Target("reference", "pkg.mod : Obj", "pkg.mod", "Obj")),
        ("scikit-learn", Target("requirement", "scikit-learn")),
        ("numpy>=1.26,<3", Target("requirement", "numpy<3,>=1.26")),
        ("pandas[excel]~=2.0", Target("requirement", "pandas[excel]~=2.0")),
        ('tomli; python_version<"3.11"', Target("requirement", 'tomli; python_version < "3.11"')),
        ("torch==2.0+cu118", Target("requirement", "torch==2.0+cu118")),
        ("./tools.py", Target("path", "./tools.py")),
        ("../project", Target("path", "../project")),
        ("/srv/tools", Target("path", "/srv/tools")),
        ("~/tools", Target("path", "~/tools")),
        (".\\tools.py", Target("path", ".\\tools.py")),
        ("..\\tools", Target("path", "..\\tools")),
        ("tools.py", Target("path", "tools.py")),
        ("thing-1.0-py3-none-any.whl", Target("path", "thing-1.0-py3-none-any.whl")),
        (PurePosixPath("tools"), Target("path", "tools")),
        (PathOf("json"), Target("path", "json")),
    ],
    ids=str,
)
def test_a_target_is_a_module_a_reference_a_requirement_or_a_path(text: str, target: Target) -> None:
    assert parse(text) == target


def test_the_longest_target_is_one_and_a_character_more_is_not() -> None:
    assert parse("x" * LONGEST).kind == "module"
    assert str(refused("x" * (LONGEST + 1))) == (
        f"cannot load {'x' * 100!r}…{'x' * 8!r} (1,001 characters): longer than 1,000 characters"
    )


# --- what cannot


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        (" \t ", "it is empty"),
        ("\n", "it is empty"),
        ("js\x00on", CONTROL),
        ("js\non", CONTROL),
        ("js\ron", CONTROL),
        ("./js\x00on.py", CONTROL),
        ("-r", OPTION),
        ("--index-url=x", OPTION),
        (" -x", OPTION),
        ("-x.py", OPTION),
        ("-x:y", OPTION),
        ("class", f"'class' {KEYWORD}"),
        ("None", f"'None' {KEYWORD}"),
        ("a.import.b", f"'import' {KEYWORD}"),
        (".relative", ABSOLUTE),
        ("..relative", ABSOLUTE),
        (".", ABSOLUTE),
        ("owner/repo", NOT_A_PLACE),
        ("owner/repo@v1.2", NOT_A_PLACE),
        ("github:owner/repo", NOT_A_PLACE),
        ("git+https://host/repo", NOT_A_PLACE),
        ("https://host/thing-1.0-py3-none-any.whl", NOT_A_PLACE),
        ("https://host/tools.py", NOT_A_PLACE),
        ("C:\\tools", NOT_A_PLACE),
        ("a:", "'' after the ':' is not a dotted name of an attribute"),
        ("a:b c", "'b c' after the ':' is not a dotted name of an attribute"),
        ("a:b:c", "'b:c' after the ':' is not a dotted name of an attribute"),
        ("a:class", "'class' after the ':' is not a dotted name of an attribute"),
        (":b", "'' before the ':' is not a module name"),
        ("a-b:c", "'a-b' before the ':' is not a module name"),
        ("class:c", "'class' before the ':' is not a module name"),
        ("name @ address", "a requirement with an address ('name @ …') cannot be loaded by this version"),
    ],
    ids=ascii,
)
def test_what_names_nothing_is_refused_with_its_reason(text: str, problem: str) -> None:
    assert str(refused(text)) == f"cannot load {(text.strip() or text)!r}: {problem}"


UNREADABLE = ["two words", "a\tb", "a\x1bb", "a\x07", "a\u2028b", "numpy>=", "a[", "a;b", "=x", "a,b"]


@pytest.mark.parametrize("text", UNREADABLE, ids=ascii)
def test_what_packaging_cannot_read_is_refused_with_what_packaging_says(text: str) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        Requirement(text)
    said = str(caught.value).splitlines()[0]
    problem = f"neither a module name, a reference nor a requirement: {said}"
    assert str(refused(text)) == f"cannot load {text!r}: {problem}"
    assert "\n" not in str(refused(text)), "packaging draws an arrow below the text; that is not repeated"


@pytest.mark.parametrize(
    "text", ["name @ https://host/x", "name @ https://host/x-1.0-py3-none-any.whl", "name @ file:x"]
)
def test_a_requirement_with_an_address_is_named_for_what_it_is(text: str) -> None:
    problem = "a requirement with an address ('name @ …') cannot be loaded by this version"
    assert str(refused(text)) == f"cannot load {text!r}: {problem}"


@pytest.mark.parametrize("text", ["os..path", "a...b"])
def test_a_module_name_with_an_empty_part_is_no_distribution_s_name(text: str) -> None:
    assert str(refused(text)).startswith(f"cannot load {text!r}: ")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, "cannot load '5': a target is a str or a path, not int"),
        (None, "cannot load 'None': a target is a str or a path, not NoneType"),
        (b"json", "cannot load \"b'json'\": a target is a str or a path, not bytes"),
        (["json"], "cannot load \"['json']\": a target is a str or a path, not list"),
        (PathOf(b"json"), "cannot load \"PathOf(b'json')\": a path must be text, not bytes"),
    ],
    ids=str,
)
def test_what_is_neither_text_nor_a_path_is_refused(target: object, message: str) -> None:
    assert str(refused(target)) == message


def test_a_long_target_does_not_fill_the_screen() -> None:
    whole = "a" + "x" * 99_998 + "z"
    beginning, end = "a" + "x" * 99, "x" * 7 + "z"
    assert str(refused(whole)) == (
        f"cannot load {beginning!r}…{end!r} (100,000 characters): longer than 1,000 characters"
    )


def test_the_error_says_what_was_asked_and_survives_pickling() -> None:
    error = refused("a:")
    assert {LoadError, ImportError, ValueError} <= set(type(error).__mro__)
    assert (error.name, error.target) == ("a:", "a:")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.name, again.target) == (InvalidTarget, str(error), "a:", "a:")


def test_an_error_about_a_long_target_has_no_name_but_has_the_target() -> None:
    error = refused("x" * 2_000)
    assert error.name is None and error.target == "x" * 2_000


# --- whatever the text


@given(st.one_of(st.text(), st.text(st.characters()), st.text("ab1_.:-+@/\\~<>=![]() \t\n\0", max_size=30)))
@settings(deadline=None)
@example("\ud800")
@example("a" * 999 + ".")
@example("0")
@example("a.b-c")
@example("a:b.c")
@example("x.py")
def test_any_text_is_a_target_or_is_refused(text: str) -> None:
    try:
        target = parse(text)
    except InvalidTarget as error:
        said, about = str(error), error.target
        assert said.startswith("cannot load ") and about in (text, text.strip())
        return
    assert target.text and not set("\0\r\n") & set(target.text)
    assert target.kind == "path" or not target.text.startswith("-"), "it would reach an installer as an option"
    assert is_module_name(target.module) == (target.kind in ("module", "reference"))
    assert is_module_name(target.attribute) == (target.kind == "reference")
    if target.kind == "requirement":
        assert Requirement(target.text).url is None


@given(st.text("ab1_é.- ", max_size=12))
@settings(deadline=None)
@example("a..b")
@example("")
def test_a_module_name_is_what_an_import_statement_takes(text: str) -> None:
    try:
        compile(f"import {text}", "", "exec")
        importable = text == text.strip() and " " not in text
    except SyntaxError:
        importable = False
    assert is_module_name(text) == importable


def test_a_text_of_any_length_is_refused_before_it_is_parsed(world: World) -> None:
    code = """
        import sys
        from load._errors import InvalidTarget
        from load._reference import parse
        for text in ("two words " * 10**6, "a." * 10**6, "a:" * 10**6, " " * 10**6, "a" * 10**6 + ".py", "\\ud800" * 10**6):
            try:
                print(parse(text))
            except InvalidTarget:
                pass
        print("packaging" in sys.modules)
    """
    assert world.printed(code) == "False"


# --- nothing is touched


def test_refusing_a_target_asks_no_index_starts_no_process_and_makes_no_store(world: World) -> None:
    code = """
        import load, sys
        seen = []
        watched = {"subprocess.Popen", "os.posix_spawn", "os.fork", "socket.connect", "os.mkdir"}
        sys.addaudithook(lambda event, args: seen.append(event) if event in watched else None)
        bad = ["", "-r x", "a b", "a/b", "class", ".x", "a:", ":b", "a\\0b", "x" * 10**5, 5, None, b"x", "n @ https://h/x"]
        for target in bad:
            try:
                print(load(target))
            except load.InvalidTarget as error:
                assert isinstance(error, load.LoadError) and isinstance(error, ValueError)
        print(seen, len(bad))
    """
    assert world.printed(code) == "[] 14"
    assert world.index.requests == [] and not world.home.exists()


def test_an_attribute_that_no_identifier_is_gets_the_way_to_ask_for_it(world: World) -> None:
    assert world.error("getattr(load, 'scikit-learn')") == (
        "InvalidTarget: cannot load 'scikit-learn': an attribute of `load` is a module's name\n"
        "Ways out:\n"
        "  - load('scikit-learn')"
    )
    assert world.error("getattr(load, './tools.py')") == (
        "InvalidTarget: cannot load './tools.py': an attribute of `load` is a module's name\n"
        "Ways out:\n"
        "  - load('./tools.py')"
    )
    assert world.error("getattr(load, 'class')") == f"InvalidTarget: cannot load 'class': 'class' {KEYWORD}"
    assert world.index.requests == []


def test_a_look_alike_letter_is_named_and_what_it_looks_like_is_offered(world: World) -> None:
    message = (
        "InstallRefused: 'numрy' is not here: 'numрy' contains 'р' (CYRILLIC SMALL LETTER ER), "
        "which no distribution's name can\n"
        "Ways out:\n"
        "  - did you mean numpy, numpyro?"
    )
    assert world.error("load('numрy')") == world.error("load.numрy") == message
    assert world.index.requests == []


def test_a_module_of_the_user_s_own_may_have_any_letters(world: World) -> None:
    world.write({"числа.py": "VALUE = 7"})
    assert world.printed("import load; print(load.числа.VALUE, load('числа').VALUE)") == "7 7"


# --- from a reference to an object


def test_a_reference_is_resolved_part_by_part() -> None:
    module = ModuleType("somewhere")
    module.Outer = type("Outer", (), {"Inner": type("Inner", (), {"value": 7})})  # type: ignore[attr-defined]
    assert resolve(module, "Outer.Inner.value") == 7
    with pytest.raises(AttributeError, match=r"^type object 'Outer' has no attribute 'Iner'$"):
        resolve(module, "Outer.Iner.value")


def test_importing_by_name_gives_the_sub_module_and_not_its_parent() -> None:
    assert import_module("xml.dom.minidom") is sys.modules["xml.dom.minidom"]
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'xml\.dom\.nope'$"):
        import_module("xml.dom.nope")


def test_importing_waits_for_the_thread_that_is_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_start.py").write_text("import slow_gate\nslow_gate.wait()\nREADY = True\n")
    entered, go = threading.Event(), threading.Event()
    gate = ModuleType("slow_gate")
    gate.wait = lambda: [entered.set(), go.wait(30)]  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "slow_gate", gate)
    first = threading.Thread(target=import_module, args=("slow_to_start",))
    seen: list[bool] = []
    second = threading.Thread(target=lambda: seen.append(hasattr(import_module("slow_to_start"), "READY")))
    first.start()
    assert entered.wait(30)
    assert not hasattr(sys.modules["slow_to_start"], "READY"), "a bare look at sys.modules sees it half done"
    second.start()
    second.join(0.2)
    assert second.is_alive() and not seen, "it waits"
    go.set()
    first.join(30)
    second.join(30)
    monkeypatch.delitem(sys.modules, "slow_to_start")
    assert seen == [True]
