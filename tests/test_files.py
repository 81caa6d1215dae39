"""Local files as modules: the same path is the same module, and no other module is ever replaced."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import World
from load._errors import InvalidTarget
from load._files import LocalFiles


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalFiles]:
    """The room's object in an import system that is put back afterwards; the working directory is a new one."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = dict(sys.modules)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield LocalFiles()
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def write(path: str, text: str, mtime_ns: int | None = None) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if mtime_ns is not None:
        os.utime(file, ns=(mtime_ns, mtime_ns))
    return file.resolve()


def importable(directory: str) -> None:
    sys.path.insert(0, str(Path(directory).resolve()))


def refusal(files: LocalFiles, path: str) -> str:
    before = dict(sys.modules)
    with pytest.raises(InvalidTarget) as caught:
        files.load(path)
    assert sys.modules == before
    return str(caught.value)


# --- what a file becomes


def test_a_file_becomes_the_module_of_its_stem(files: LocalFiles) -> None:
    file = write("gadgets.py", "VALUE = 7")
    module = files.load("./gadgets.py")
    assert (module.VALUE, module.__name__, module.__file__) == (7, "gadgets", str(file))
    assert sys.modules["gadgets"] is module


def test_a_directory_with_an_init_is_a_package_and_its_parts_can_be_imported(files: LocalFiles) -> None:
    write("plugins/__init__.py", "from .one import VALUE")
    write("plugins/one.py", "VALUE = 1")
    write("plugins/two.py", "from . import VALUE\nfrom .one import VALUE as SAME")
    package = files.load("./plugins")
    assert (package.__name__, package.VALUE, package.__path__) == ("plugins", 1, [str(Path("plugins").resolve())])
    import plugins.two  # type: ignore[import-not-found]

    assert (plugins.two.VALUE, plugins.two.SAME) == (1, 1)


@pytest.mark.parametrize("name", ["my-gadgets.py", "1st.py", "my gadgets.py", "a.b.py", "class-.py"])
def test_a_stem_that_no_identifier_is_becomes_one(files: LocalFiles, name: str) -> None:
    write(name, "VALUE = 7")
    module = files.load(f"./{name}")
    assert module.VALUE == 7 and module.__name__.isidentifier()
    assert sys.modules[module.__name__] is module


def test_letters_of_other_languages_stay_in_the_name(files: LocalFiles) -> None:
    write("größe.py", "")
    assert files.load("./größe.py").__name__ == "größe"


def test_a_home_directory_is_expanded(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    write("home/of_the_house.py", "VALUE = 7")
    monkeypatch.setenv("HOME", str(Path("home").resolve()))
    assert files.load("~/of_the_house.py").VALUE == 7


def test_it_is_an_ordinary_module_to_pickle_inspect_and_reload(files: LocalFiles) -> None:
    import importlib
    import inspect
    import pickle

    write("shapes.py", "class Circle:\n    radius = 1\n")
    module = files.load("./shapes.py")
    assert type(pickle.loads(pickle.dumps(module.Circle()))) is module.Circle
    assert inspect.getsource(module.Circle) == "class Circle:\n    radius = 1\n"
    assert module.__spec__ is not None and module.__spec__.origin == module.__file__
    assert importlib.reload(module) is module


# --- the same path


@pytest.mark.parametrize(
    "other", ["gadgets.py", "sub/../gadgets.py", "link.py", "{here}/gadgets.py", "./linked/gadgets.py"]
)
def test_every_spelling_of_a_path_is_one_module_run_once(files: LocalFiles, other: str) -> None:
    write("gadgets.py", "import sys\nsys.runs_of_gadgets = getattr(sys, 'runs_of_gadgets', 0) + 1")
    write("sub/x", "")
    Path("link.py").symlink_to("gadgets.py")
    Path("linked").symlink_to(".")
    try:
        assert files.load(other.format(here=Path.cwd())) is files.load("./gadgets.py")
        assert sys.runs_of_gadgets == 1  # type: ignore[attr-defined]
    finally:
        del sys.runs_of_gadgets  # type: ignore[attr-defined]


def test_a_package_and_its_init_are_one_module(files: LocalFiles) -> None:
    write("pack/__init__.py", "")
    assert files.load("./pack") is files.load("./pack/") is files.load("./pack/__init__.py")


def test_two_paths_are_two_modules(files: LocalFiles) -> None:
    write("one/gadgets.py", "VALUE = 1")
    write("two/gadgets.py", "VALUE = 2")
    one, two = files.load("./one/gadgets.py"), files.load("./two/gadgets.py")
    assert (one.VALUE, two.VALUE) == (1, 2)
    assert one.__name__ == "gadgets" and two.__name__.startswith("gadgets_")
    assert files.load("./two/gadgets.py") is two and files.load("./one/gadgets.py") is one


def test_a_path_means_another_file_after_the_directory_has_changed(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gadgets.py", "VALUE = 1")
    write("sub/gadgets.py", "VALUE = 2")
    assert files.load("./gadgets.py").VALUE == 1
    monkeypatch.chdir("sub")
    assert files.load("./gadgets.py").VALUE == 2


def test_a_file_that_import_finds_is_the_module_that_import_gives(files: LocalFiles) -> None:
    write("beside.py", "VALUE = 7")
    importable(".")
    module = files.load("./beside.py")
    import beside  # type: ignore[import-not-found]

    assert beside is module and module.__name__ == "beside"


def test_a_module_that_was_imported_is_not_run_again_for_its_path(files: LocalFiles) -> None:
    write("beside.py", "VALUE = 7")
    importable(".")
    import beside

    beside.VALUE = 8
    assert files.load("./beside.py") is beside


# --- other modules stay what they are


def test_a_loaded_module_of_the_same_name_stays(files: LocalFiles) -> None:
    write("elsewhere/gadgets.py", "VALUE = 'other'")
    write("gadgets.py", "VALUE = 'mine'")
    importable("elsewhere")
    import gadgets  # type: ignore[import-not-found]

    mine = files.load("./gadgets.py")
    assert (mine.VALUE, mine is gadgets, sys.modules["gadgets"] is gadgets) == ("mine", False, True)
    assert mine.__name__.startswith("gadgets_") and sys.modules[mine.__name__] is mine


def test_a_module_of_the_same_name_that_is_not_loaded_yet_can_still_be(files: LocalFiles) -> None:
    write("elsewhere/gadgets.py", "VALUE = 'other'")
    write("gadgets.py", "VALUE = 'mine'")
    importable("elsewhere")
    assert files.load("./gadgets.py").VALUE == "mine"
    import gadgets

    assert gadgets.VALUE == "other"


def test_a_namespace_package_of_the_same_name_can_still_be_imported(files: LocalFiles) -> None:
    write("elsewhere/spread/part.py", "VALUE = 'other'")
    write("spread.py", "VALUE = 'mine'")
    importable("elsewhere")
    assert files.load("./spread.py").VALUE == "mine"
    import spread.part  # type: ignore[import-not-found]

    assert spread.part.VALUE == "other"


@pytest.mark.parametrize("name", ["json", "colorsys", "antigravity", "sys", "time", "_thread", "__future__"])
def test_the_standard_library_keeps_its_names(files: LocalFiles, name: str) -> None:
    write(f"{name}.py", "VALUE = 'mine'")
    before = sys.modules.get(name)
    module = files.load(f"./{name}.py")
    assert module.VALUE == "mine" and module.__name__ != name
    assert sys.modules.get(name) is before


@pytest.mark.parametrize("name", ["stat", "time"])
def test_the_standard_library_keeps_its_names_from_files_beside_the_program(files: LocalFiles, name: str) -> None:
    write(f"{name}.py", "VALUE = 'mine'")
    importable(".")
    before = sys.modules.get(name)
    module = files.load(f"./{name}.py")
    assert getattr(module, "VALUE", "Python's own") == "mine" and module.__name__ != name
    assert sys.modules.get(name) is before


def test_a_loaded_module_is_not_mistaken_for_a_file_that_import_would_find_now(files: LocalFiles) -> None:
    write("elsewhere/gadgets.py", "VALUE = 'other'")
    write("gadgets.py", "VALUE = 'mine'")
    importable("elsewhere")
    import gadgets

    importable(".")  # as when a program changes sys.path after its first imports
    assert files.load("./gadgets.py").VALUE == "mine"
    assert sys.modules["gadgets"] is gadgets


def test_the_name_of_a_file_does_not_depend_on_the_process(world: World) -> None:
    world.write({"one/json.py": "", "two/json.py": ""})
    code = "import load; print(load('./one/json.py').__name__, load('./two/json.py').__name__)"
    first, second = world.printed(code).split()
    assert world.printed(code).split() == [first, second] and first != second


def test_nothing_is_found_by_a_name_that_was_not_given_out(files: LocalFiles) -> None:
    write("gadgets.py", "")
    assert files.find_spec("gadgets") is None
    files.load("./gadgets.py")
    assert files.find_spec("gadgets") is not None and files.find_spec("other") is None
    assert sys.meta_path.count(files) == 1 and sys.meta_path[-1] is files, "it is asked last"


# --- bodies that fail


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ValueError('no')", ValueError),
        ("def", SyntaxError),
        ("import no_such_module_at_all", ModuleNotFoundError),
        ("raise AttributeError('no')", AttributeError),
        ("raise SystemExit(3)", SystemExit),
        ("import os.nope", ModuleNotFoundError),
        ("\x00", (SyntaxError, ValueError)),
    ],
    ids=ascii,
)
def test_a_body_that_raises_leaves_the_modules_as_they_were_and_can_be_mended(
    files: LocalFiles, body: str, error: type[BaseException]
) -> None:
    write("broken.py", body, mtime_ns=1)
    before = dict(sys.modules)
    for _ in range(2):
        with pytest.raises(error):
            files.load("./broken.py")
        assert sys.modules == before
    write("broken.py", "VALUE = 'mended'", mtime_ns=2_000_000_000)
    assert files.load("./broken.py").VALUE == "mended"


def test_the_error_of_the_body_is_the_body_s_own(files: LocalFiles) -> None:
    file = write("broken.py", "x = 1\ny = x +\n")
    with pytest.raises(SyntaxError) as caught:
        files.load("./broken.py")
    assert (caught.value.filename, caught.value.lineno) == (str(file), 2)


def test_a_failing_package_takes_the_parts_it_had_imported_with_it(files: LocalFiles) -> None:
    write("plugins/__init__.py", "import plugins.one\nraise ValueError('no')")
    write("plugins/one.py", "VALUE = 1")
    before = dict(sys.modules)
    with pytest.raises(ValueError, match=r"^no$"):
        files.load("./plugins")
    assert sys.modules == before


@pytest.mark.parametrize("again", [False, True], ids=["after a failure", "by force"])
def test_a_change_of_the_same_size_in_the_same_second_is_seen(files: LocalFiles, again: bool) -> None:
    write("gadgets.py", "VALUE = 1" if again else "raise 1 / 0", mtime_ns=5_000_000_000)
    if again:
        assert files.load("./gadgets.py").VALUE == 1
    else:
        with pytest.raises(ZeroDivisionError):
            files.load("./gadgets.py")
    write("gadgets.py", "VALUE = 2" if again else "VALUE = 2  ", mtime_ns=5_000_000_001)
    assert files.load("./gadgets.py", again=again).VALUE == 2


# --- again


def test_force_runs_the_file_anew_in_the_same_module(files: LocalFiles) -> None:
    write("gadgets.py", "VALUE = 1\nOLD = True", mtime_ns=1)
    module = files.load("./gadgets.py")
    write("gadgets.py", "VALUE = 2", mtime_ns=2_000_000_000)
    assert files.load("./gadgets.py").VALUE == 1
    assert files.load("./gadgets.py", again=True) is module and module.VALUE == 2


def test_force_on_a_file_that_is_not_loaded_yet_just_loads_it(files: LocalFiles) -> None:
    write("gadgets.py", "import sys\nsys.runs_of_gadgets = getattr(sys, 'runs_of_gadgets', 0) + 1")
    files.load("./gadgets.py", again=True)
    assert sys.__dict__.pop("runs_of_gadgets") == 1


def test_a_module_that_was_dropped_is_loaded_again_by_its_path(files: LocalFiles) -> None:
    write("gadgets.py", "VALUE = 1")
    first = files.load("./gadgets.py")
    del sys.modules["gadgets"]
    assert files.load("./gadgets.py") is not first
    assert files.load("./gadgets.py").__name__ == "gadgets"


# --- what is no module


def test_what_is_no_module_is_refused_with_the_path_that_was_looked_at(files: LocalFiles) -> None:
    here = Path.cwd()
    write("data.txt", "")
    write("no_package/module.py", "")
    write("dir.py/module.py", "")
    assert refusal(files, "./nope.py") == f"cannot load './nope.py': there is no file {here}/nope.py"
    assert refusal(files, "./data.txt") == (
        f"cannot load './data.txt': {here}/data.txt is not a .py file, a package or a wheel"
    )
    for name in ("no_package", "dir.py"):
        assert refusal(files, f"./{name}") == (
            f"cannot load './{name}': the directory {here}/{name} has no __init__.py, so it is not a package"
        )


@pytest.mark.parametrize("path", ["./gad\x00gets.py", "./gad\ud800gets.py"], ids=ascii)
def test_what_no_file_system_can_have_is_refused_like_any_other_missing_file(files: LocalFiles, path: str) -> None:
    assert refusal(files, path).startswith(f"cannot load {path!r}: ")


def test_a_broken_link_is_a_missing_file(files: LocalFiles) -> None:
    Path("link.py").symlink_to("gone.py")
    assert refusal(files, "./link.py") == f"cannot load './link.py': there is no file {Path.cwd()}/gone.py"


# --- threads


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_threads_that_load_one_file_at_once_run_it_once(files: LocalFiles) -> None:
    write("slow.py", "import sys, time\nsys.runs_of_slow.append(1)\ntime.sleep(0.05)\nDONE = True")
    sys.runs_of_slow = []  # type: ignore[attr-defined]
    start, seen = threading.Barrier(8), []

    def work() -> None:
        start.wait(30)
        module = files.load("./slow.py")
        seen.append((id(module), module.DONE))

    threads = [threading.Thread(target=work) for _ in range(8)]
    run_all(threads)
    runs = sys.__dict__.pop("runs_of_slow")
    assert len(seen) == 8 and len(set(seen)) == 1 and runs == [1]
    assert sys.meta_path.count(files) == 1


def test_threads_that_load_files_of_one_stem_get_each_their_own(files: LocalFiles) -> None:
    count = 16
    for number in range(count):
        write(f"{number}/same.py", f"VALUE = {number}")
    start, seen = threading.Barrier(count), {}

    def work(number: int) -> None:
        start.wait(30)
        seen[number] = files.load(f"./{number}/same.py").VALUE

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_all(threads)
    finally:
        sys.setswitchinterval(interval)
    assert seen == {number: number for number in range(count)}


# --- through the face


def test_the_face_takes_text_and_path_objects_and_force(world: World) -> None:
    world.write({"gadgets.py": "import counter\ncounter.runs += 1", "counter.py": "runs = 0"})
    code = """
        import counter, load, pathlib
        module = load("./gadgets.py")
        assert load(pathlib.Path("gadgets.py")) is load("gadgets.py") is module
        print(module.__name__, counter.runs)
        assert load("./gadgets.py", force=True) is module
        print(counter.runs, [(event.kind, event.name, event.origin) for event in load.history()][-1])
    """
    assert world.printed(code) == "gadgets 1\n2 ('import', 'gadgets', 'local file')"


def test_a_file_is_loaded_without_index_and_store(world: World) -> None:
    world.write({"gadgets.py": "VALUE = 7"})
    assert world.printed("import load; print(load('./gadgets.py').VALUE)") == "7"
    assert world.index.requests == [] and not world.home.exists()


def test_a_file_is_not_kept_as_an_attribute_unless_an_alias_says_so(world: World) -> None:
    world.write({"lib/gadgets.py": "VALUE = 7"})
    code = """
        import load
        module = load("./lib/gadgets.py")
        print("gadgets" in vars(load))
        print(load("./lib/gadgets.py", alias="mine") is load.mine is module)
    """
    assert world.printed(code) == "False\nTrue"


def test_a_failing_body_comes_with_a_note_that_says_who_asked(world: World) -> None:
    world.write({"broken.py": "raise ValueError('no')"})
    code = """
        import load
        try:
            load("./broken.py")
        except ValueError as error:
            print(error.args, error.__notes__)
    """
    asked = f"(while loading './broken.py', asked for at {world.work}/main.py:4)"
    assert world.printed(code) == f"('no',) [{asked!r}]"
