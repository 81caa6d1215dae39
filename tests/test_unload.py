"""`unload` and `import_temporarily` tell the truth: what was dropped, what stays and why, and nothing breaks afterwards."""

from __future__ import annotations

import pytest

from conftest import World
from load._unload import Kept, Unloaded

PACKAGE = {"pack/__init__.py": "VALUE = []", "pack/sub.py": "", "pack/inner/__init__.py": "", "pack/inner/deep.py": ""}
BEFORE = "it was loaded before"
PYTHON = "it is a part of Python that other modules rely on"
ASSERT_WARNINGS_ARE_ERRORS = ("-W", "error")


@pytest.fixture
def pack(world: World) -> World:
    """A world with a package of four modules beside the program, and its look-alike, which nothing may touch."""
    world.write({**PACKAGE, "packed.py": "", "pack_other/__init__.py": ""})
    return world


# --- what can be dropped


def test_a_pure_package_is_dropped_with_its_sub_modules_and_can_be_imported_anew(pack: World) -> None:
    code = """
        import load, sys
        import pack.sub, pack.inner.deep, packed, pack_other
        first = pack
        report = load.unload("pack")
        print(report.name, report.dropped, report.kept)
        print([name for name in sys.modules if name.startswith("pack")])
        import pack.inner.deep
        print(pack is first, pack.VALUE is first.VALUE, pack.inner.deep is sys.modules["pack.inner.deep"])
    """
    assert pack.printed(code).splitlines() == [
        "pack ('pack', 'pack.inner', 'pack.inner.deep', 'pack.sub') ()",
        "['packed', 'pack_other']",
        "False False True",
    ]


def test_a_sub_module_is_dropped_from_its_parent_too(pack: World) -> None:
    code = """
        import load, sys
        import pack.sub, pack.inner.deep
        first = pack.sub
        print(load.unload("pack.sub").dropped, hasattr(pack, "sub"), hasattr(pack, "inner"))
        import pack.sub
        print(pack.sub is first, pack.sub is sys.modules["pack.sub"])
    """
    assert pack.printed(code) == "('pack.sub',) False True\nFalse True"


def test_an_attribute_of_the_parent_that_is_something_else_stays(pack: World) -> None:
    code = """
        import load
        import pack.sub
        pack.sub = "not the module"
        load.unload("pack.sub")
        print(pack.sub)
    """
    assert pack.printed(code) == "not the module"


def test_the_face_forgets_what_was_dropped_and_nothing_else(pack: World) -> None:
    code = """
        import load, sys
        first, other = load.pack, load.packed
        load("pack.sub", alias="mine")
        load.unload("pack")
        print(sorted({"pack", "packed", "mine"} & set(vars(load))), load.packed is other)
        print(load.pack is first, load.pack is sys.modules["pack"])
    """
    assert pack.printed(code) == "['packed'] True\nFalse True"


def test_what_came_from_the_store_can_be_dropped_and_is_found_again(world: World) -> None:
    world.wheel("pure", files={"pure/__init__.py": "", "pure/part.py": ""})
    world.write({"requirements.txt": "pure\n"})
    code = """
        import load
        first = load("pure.part")
        print(load.unload("pure").dropped)
        print(load("pure.part") is first, [event.kind for event in load.history()].count("install"))
    """
    assert world.printed(code) == "('pure', 'pure.part')\nFalse 1"


def test_a_local_file_is_dropped_and_loaded_again_by_its_path(world: World) -> None:
    world.write({"lib/json.py": "VALUE = 7"})
    code = """
        import load
        first = load("./lib/json.py")
        print(load.unload(first.__name__).dropped == (first.__name__,))
        print(load("./lib/json.py") is first, load("./lib/json.py").VALUE)
    """
    assert world.printed(code) == "True\nFalse 7"


def test_an_event_says_what_was_unloaded(pack: World) -> None:
    code = """
        import load, pack.sub
        load.unload("pack")
        event = load.history()[-1]
        print(event.kind, event.name, event.detail, event.seconds > 0)
    """
    assert pack.printed(code) == "unload pack 2 dropped, 0 kept True"


def test_the_event_of_an_unload_says_who_asked(pack: World) -> None:
    code = """
        import load, pack
        load.unload("pack")
        print(load.history()[-1].caller)
    """
    assert pack.printed(code) == f"{pack.work}/main.py:3"


# --- what stays


def test_a_package_with_a_c_extension_stays_whole_and_goes_on_working(world: World) -> None:
    code = """
        import sys
        import psutil
        import load
        report = load.unload("psutil")
        extension = next(name for name in sys.modules if name.startswith("psutil._psutil"))
        print(report.dropped, {kept.module: kept.why for kept in report.kept if kept.module in ("psutil", extension)})
        print(sys.modules["psutil"] is psutil, len(report.kept))
        import psutil as again
        from psutil import Process
        print(again is psutil, Process().pid > 0, load.psutil is psutil)
    """
    lines = world.printed(code, *ASSERT_WARNINGS_ARE_ERRORS).splitlines()
    assert lines[0].startswith("() {") and lines[0].endswith("}")
    reasons = eval(lines[0][3:])
    extension = next(name for name in reasons if name != "psutil")
    assert reasons == {
        "psutil": f"the C extension {extension} cannot be unloaded, and importing the rest twice would break it",
        extension: "it is a C extension",
    }
    assert lines[1].startswith("True ") and int(lines[1].split()[1]) >= 2
    assert lines[2] == "True True True"


def test_a_part_of_a_package_that_holds_no_extension_can_be_dropped(world: World) -> None:
    code = """
        import load, psutil, sys
        print(load.unload("psutil._common").dropped, "psutil" in sys.modules)
        import psutil._common
        print(psutil._common is sys.modules["psutil._common"], psutil.Process().pid > 0)
    """
    assert world.printed(code, *ASSERT_WARNINGS_ARE_ERRORS) == "('psutil._common',) True\nTrue True"


@pytest.mark.parametrize("name", ["json", "sys", "collections", "os", "_ctypes", "__main__"])
def test_the_standard_library_stays(world: World, name: str) -> None:
    code = f"""
        import sys
        import json, collections, _ctypes
        import load
        before = dict(sys.modules)
        report = load.unload({name!r})
        print(report.dropped, {{kept.why for kept in report.kept}}, report.kept[0].module)
        print([each for each in before if sys.modules.get(each) is not before[each]])
    """
    assert world.printed(code) == f"() {{{PYTHON!r}}} {name}\n[]"


def test_load_itself_stays(world: World) -> None:
    code = """
        import load, sys
        report = load.unload("load")
        print(report.dropped, {kept.why for kept in report.kept}, "load._api" in [kept.module for kept in report.kept])
        print(load.unload("load._api").dropped, sys.modules["load"] is load, load.json.__name__)
    """
    assert world.printed(code) == "() {'it is `load` itself'} True\n() True json"


@pytest.mark.parametrize("name", ["nope", "pack.nope", "load.nope", "", "json.nope"])
def test_what_is_not_loaded_cannot_be_unloaded(pack: World, name: str) -> None:
    message = pack.error(f"import pack\nload.unload({name!r})")
    assert message == f"LoadError: {name!r} is not loaded: there is nothing to unload"
    assert pack.index.requests == []


def test_unloading_twice_is_an_error_the_second_time(pack: World) -> None:
    message = "LoadError: 'pack' is not loaded: there is nothing to unload"
    assert pack.error("import pack\nload.unload('pack')\nload.unload('pack')") == message


# --- the report


def test_the_report_is_read_as_text() -> None:
    kept = (Kept("a.c", "it is a C extension"), *(Kept(f"a.m{number}", "of the rest") for number in range(7)))
    assert str(Unloaded("a", (), kept, 10 * 2**20, 9 * 2**20)) == (
        "a: 0 modules dropped, +1.0 MiB given back\n"
        "  kept, because it is a C extension: a.c\n"
        "  kept, because of the rest: a.m0, a.m1, a.m2, a.m3, a.m4 and 2 more"
    )
    assert str(Unloaded("a", ("a", "a.b"), (), 2**20, 2 * 2**20)) == "a: 2 modules dropped, -1.0 MiB given back"


def test_what_was_freed_is_the_difference_of_what_was_measured() -> None:
    assert Unloaded("a", (), (), 5, 3).freed == 2
    assert Unloaded("a", (), (), 3, 5).freed == -2


def test_memory_is_measured_before_and_after_and_not_made_up(world: World) -> None:
    world.write({"large.py": "HELD = bytearray(b'x') * (64 << 20)"})
    code = """
        import load, large
        del large
        report = load.unload("large")
        print(report.freed >> 20 >= 60, report.before > report.after > 1 << 20)
    """
    assert world.printed(code) == "True True"


def test_memory_that_is_still_referred_to_is_not_said_to_be_freed(world: World) -> None:
    world.write({"large.py": "HELD = bytearray(b'x') * (64 << 20)"})
    code = """
        import load, large
        report = load.unload("large")
        print(report.dropped, abs(report.freed) >> 20 < 8, len(large.HELD) >> 20)
    """
    assert world.printed(code) == "('large',) True 64"


# --- import_temporarily


def test_a_module_is_there_inside_and_gone_afterwards(pack: World) -> None:
    code = """
        import load, sys
        with load.import_temporarily("pack") as module:
            import pack.sub
            print(module is sys.modules["pack"])
        print([name for name in sys.modules if name.startswith("pack")])
        import pack
        print(pack is module)
    """
    assert pack.printed(code) == "True\n[]\nFalse"


def test_the_context_manager_has_the_report_after_its_exit_and_not_before(pack: World) -> None:
    code = """
        import load
        context = load.import_temporarily("pack")
        print(context.unloaded)
        with context:
            print(context.unloaded)
        print(context.unloaded.name, context.unloaded.dropped, context.unloaded.kept)
    """
    assert pack.printed(code) == "None\nNone\npack ('pack',) ()"


def test_an_error_inside_comes_out_and_the_module_is_dropped_all_the_same(pack: World) -> None:
    code = """
        import load, sys
        try:
            with load.import_temporarily("pack"):
                raise KeyError("mine")
        except KeyError as error:
            print(repr(error), "pack" in sys.modules)
    """
    assert pack.printed(code) == "KeyError('mine') False"


def test_a_module_that_was_loaded_before_stays_and_that_is_said(pack: World) -> None:
    code = """
        import load, sys
        import pack.sub
        context = load.import_temporarily("pack")
        with context as module:
            print(module is pack)
        print(context.unloaded.dropped, [tuple(kept) for kept in context.unloaded.kept], sys.modules["pack"] is pack)
    """
    assert pack.printed(code) == f"True\n() [('pack', {BEFORE!r}), ('pack.sub', {BEFORE!r})] True"


def test_a_sub_module_that_was_not_loaded_before_is_not_said_to_have_been(pack: World) -> None:
    code = """
        import load, pack
        context = load.import_temporarily("pack")
        with context:
            import pack.sub
        print([kept.module for kept in context.unloaded.kept if kept.why == "it was loaded before"])
    """
    assert pack.printed(code) == "['pack']"


def test_contexts_of_one_module_may_be_nested(pack: World) -> None:
    code = """
        import load, sys
        with load.import_temporarily("pack") as outer:
            with load.import_temporarily("pack") as inner:
                print(inner is outer)
            print(sys.modules["pack"] is outer)
        print("pack" in sys.modules)
    """
    assert pack.printed(code) == "True\nTrue\nFalse"


def test_what_is_unloaded_inside_is_not_unloaded_twice(pack: World) -> None:
    code = """
        import load
        context = load.import_temporarily("pack")
        with context:
            load.unload("pack")
        print(context.unloaded.dropped, context.unloaded.kept)
    """
    assert pack.printed(code) == "() ()"


def test_the_parents_that_were_imported_for_it_go_too(pack: World) -> None:
    code = """
        import load, sys
        context = load.import_temporarily("pack.inner.deep")
        with context:
            pass
        print([name for name in sys.modules if name.startswith("pack")], context.unloaded.dropped)
    """
    assert pack.printed(code) == "[] ('pack', 'pack.inner', 'pack.inner.deep')"


def test_parents_that_were_there_before_stay(pack: World) -> None:
    code = """
        import load, pack, sys
        with load.import_temporarily("pack.sub"):
            pass
        print([name for name in sys.modules if name.startswith("pack")], hasattr(pack, "sub"))
    """
    assert pack.printed(code) == "['pack'] False"


def test_a_c_extension_stays_after_the_context_and_works(world: World) -> None:
    code = """
        import load, sys
        context = load.import_temporarily("psutil")
        with context as module:
            pass
        print(context.unloaded.dropped, sys.modules["psutil"] is module, len(context.unloaded.kept) > 1)
        import psutil
        print(psutil is module, psutil.Process().pid > 0)
    """
    assert world.printed(code, *ASSERT_WARNINGS_ARE_ERRORS) == "() True True\nTrue True"


def test_what_cannot_be_loaded_raises_at_the_entrance(world: World) -> None:
    world.extra["LOAD_NO_INSTALL"] = "1"
    code = """
        import load
        context = load.import_temporarily("nope_nope")
        try:
            with context:
                print("never")
        except load.LoadError as error:
            print(type(error).__name__, context.unloaded)
    """
    assert world.printed(code) == "InstallRefused None"


def test_only_a_module_can_be_imported_temporarily(world: World) -> None:
    message = world.error("with load.import_temporarily('colorsys:rgb_to_hsv'): print('never')")
    assert message.startswith(("InvalidTarget: ", "LoadError: "))


def test_memory_does_not_grow_with_repetition(world: World) -> None:
    world.write({"large.py": "HELD = bytearray(b'x') * (16 << 20)"})
    code = """
        import load
        first = None
        for _ in range(20):
            context = load.import_temporarily("large")
            with context:
                pass
            first = first or context.unloaded.after
        print((context.unloaded.after - first) >> 20 < 64)  # the allocator keeps some; twenty of them would be 320
    """
    assert world.printed(code) == "True"
