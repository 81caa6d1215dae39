"""`@requires`: the modules are there before a function's first call, and the function stays what it was."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from conftest import World
from load._requires import Requirement, decorate


class Shelf:
    """What a requirement asks for its modules; it counts how often."""

    def __init__(self, **modules: object) -> None:
        self.modules = modules
        self.asked: list[tuple[str, ...]] = []
        self.error: Exception | None = None

    def __call__(self, specs: tuple[str, ...]) -> dict[str, Any]:
        self.asked.append(specs)
        if self.error is not None:
            raise self.error
        return self.modules

    def requires(self, *specs: str) -> Callable[[Any], Any]:
        requirement = Requirement(specs, self)
        return lambda function: decorate(function, requirement)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


# --- once, before the first call


def test_nothing_is_loaded_before_the_first_call_and_nothing_after_it(shelf: Shelf) -> None:
    @shelf.requires("a", "b=c")
    def double(number: int) -> int:
        return 2 * number

    assert shelf.asked == []
    assert [double(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert shelf.asked == [("a", "b=c")]


def test_what_fails_is_tried_again_at_the_next_call(shelf: Shelf) -> None:
    calls = []

    @shelf.requires("a")
    def function() -> None:
        calls.append(1)

    shelf.error = ImportError("not yet")
    for _ in range(2):
        with pytest.raises(ImportError, match=r"^not yet$"):
            function()
    assert (len(shelf.asked), calls) == (2, []), "the body never runs without its modules"
    shelf.error = None
    function(), function()
    assert (len(shelf.asked), calls) == (3, [1, 1])


# --- names


def test_a_name_is_bound_only_where_it_is_unbound(shelf: Shelf) -> None:
    shelf.modules.update(taken="new", free="new")
    place: dict[str, Any] = {"taken": "old"}
    exec("def function(): return taken, free", place)
    assert shelf.requires("taken", "free")(place["function"])() == ("old", "new")
    assert (place["taken"], place["free"]) == ("old", "new")


def test_a_call_that_fails_binds_nothing(shelf: Shelf) -> None:
    shelf.error, place = ImportError("no"), dict[str, Any]()
    exec("def function(): ...", place)
    with pytest.raises(ImportError):
        shelf.requires("free")(place["function"])()
    assert "free" not in place


# --- every kind of function


def test_a_method_gets_its_instance(shelf: Shelf) -> None:
    class Counter:
        start = 3

        @shelf.requires("a")
        def plain(self, more: int) -> int:
            """The docstring."""
            return self.start + more

        @classmethod
        @shelf.requires("a")
        def of_class(cls, more: int) -> int:
            return cls.start + more

        @staticmethod
        @shelf.requires("a")
        def static(more: int) -> int:
            return more

        @property
        @shelf.requires("a")
        def shown(self) -> int:
            return self.start

    counter = Counter()
    assert (counter.plain(1), counter.of_class(1), Counter.of_class(1), counter.static(1), counter.shown) == (
        4,
        4,
        4,
        1,
        3,
    )
    assert Counter.plain.__doc__ == "The docstring." and len(shelf.asked) == 4


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_it_may_stand_above_staticmethod_and_classmethod(shelf: Shelf, kind: Any) -> None:
    class Counter:
        @shelf.requires("a")
        @kind  # type: ignore[untyped-decorator]
        def method(*arguments: object) -> int:
            return len(arguments)

    assert Counter.method() in (0, 1) and len(shelf.asked) == 1


def test_a_coroutine_function_stays_one_and_loads_when_awaited(shelf: Shelf) -> None:
    @shelf.requires("a")
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert inspect.iscoroutinefunction(double)
    coroutine = double(2)
    assert shelf.asked == []
    assert run(coroutine) == 4 and run(double(3)) == 6
    assert len(shelf.asked) == 1


def test_a_generator_function_stays_one_with_send_throw_close_and_its_return_value(shelf: Shelf) -> None:
    closed = []

    @shelf.requires("a")
    def echo(first: str) -> Generator[str, str, str]:
        said = first
        try:
            while said != "end":
                try:
                    said = yield said
                except ValueError as error:
                    said = f"caught {error}"
        finally:
            closed.append(said)
        return "returned"

    assert inspect.isgeneratorfunction(echo)
    generator: Any = echo("one")
    assert shelf.asked == []
    assert [next(generator), generator.send("two"), generator.throw(ValueError("x"))] == ["one", "two", "caught x"]
    with pytest.raises(StopIteration) as stop:
        generator.send("end")
    assert stop.value.value == "returned"
    other = echo("other")
    next(other), other.close()
    assert closed == ["end", "other"] and len(shelf.asked) == 1


def test_a_decorated_generator_function_can_be_a_context_manager(shelf: Shelf) -> None:
    seen: list[object] = []

    @contextmanager
    @shelf.requires("a")
    def guarded() -> Iterator[int]:
        try:
            yield 7
        except ValueError as error:
            seen.append(str(error))

    with guarded() as value:
        seen.append(value)
        raise ValueError("inside")
    assert seen == [7, "inside"]  # type: ignore[unreachable]


async def conversation() -> AsyncGenerator[str, str]:
    said = "begin"
    try:
        while said != "end":
            try:
                said = yield said
            except ValueError as error:
                said = f"caught {error}"
            await asyncio.sleep(0)
    finally:
        CLOSED.append(said)


CLOSED: list[str] = []


@pytest.fixture
def talk(shelf: Shelf) -> Any:
    CLOSED.clear()
    return shelf.requires("a")(conversation)


def test_an_asynchronous_generator_passes_on_what_is_sent_and_thrown(talk: Any, shelf: Shelf) -> None:
    async def main() -> list[str]:
        generator = talk()
        assert shelf.asked == []
        heard = [await anext(generator), await generator.asend("two"), await generator.athrow(ValueError("x"))]
        heard.append(await generator.asend("three"))
        with pytest.raises(StopAsyncIteration):
            await generator.asend("end")
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        return heard

    assert inspect.isasyncgenfunction(talk)
    assert run(main()) == ["begin", "two", "caught x", "three"]
    assert CLOSED == ["end"] and len(shelf.asked) == 1


def test_closing_an_asynchronous_generator_closes_the_function_s_own(talk: Any) -> None:
    async def main() -> None:
        generator = talk()
        await anext(generator)
        await generator.aclose()
        assert CLOSED == ["begin"], "closed at once, not when it is collected"

    run(main())


def test_what_an_asynchronous_generator_does_not_catch_comes_out(talk: Any) -> None:
    async def main() -> None:
        generator = talk()
        await anext(generator)
        with pytest.raises(KeyError, match=r"^'x'$"):
            await generator.athrow(KeyError("x"))
        assert CLOSED == ["begin"]

    run(main())


def test_an_exhausted_loop_ends_an_asynchronous_generator(shelf: Shelf) -> None:
    @shelf.requires("a")
    async def count() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def main() -> list[int]:
        return [number async for number in count()]

    assert run(main()) == [0, 1, 2]


@pytest.mark.parametrize("caught", [True, False])
def test_a_decorated_asynchronous_generator_function_can_be_a_context_manager(shelf: Shelf, caught: bool) -> None:
    seen = []

    @asynccontextmanager
    @shelf.requires("a")
    async def guarded() -> AsyncIterator[int]:
        try:
            yield 7
        except ValueError as error:
            seen.append(str(error))
            if not caught:
                raise
        finally:
            seen.append("left")

    async def main() -> None:
        async with guarded() as value:
            assert value == 7
            raise ValueError("inside")

    if caught:
        run(main())
    else:
        with pytest.raises(ValueError, match=r"^inside$"):
            run(main())
    assert seen == ["inside", "left"]


def test_a_task_that_is_cancelled_inside_an_asynchronous_generator_leaves_it_properly(shelf: Shelf) -> None:
    left = []

    @shelf.requires("a")
    async def wait() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            left.append(True)

    async def consume(begun: asyncio.Event) -> None:
        async for _ in wait():
            begun.set()

    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(consume(begun))
        await begun.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left == [True]

    run(main())


# --- it stays what it was


def sample_plain(a: int, /, b: str = "x", *rest: int, key: float = 1.5, **more: object) -> str:
    """What it does."""
    return f"{a}{b}{rest}{key}{more}"


async def sample_coroutine(a: int) -> None:
    """What it awaits."""


def sample_generator(a: int) -> Iterator[int]:
    """What it yields."""
    yield a


async def sample_async_generator(a: int) -> AsyncIterator[int]:
    """What it yields in time."""
    yield a


@pytest.mark.parametrize("function", [sample_plain, sample_coroutine, sample_generator, sample_async_generator])
def test_a_decorated_function_keeps_its_kind_its_name_its_signature_and_its_docstring(
    shelf: Shelf, function: Callable[..., Any]
) -> None:
    decorated = shelf.requires("a")(function)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.isfunction)
    assert [kind(decorated) for kind in kinds] == [kind(function) for kind in kinds]
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        assert getattr(decorated, name) == getattr(function, name)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert inspect.unwrap(decorated) is function


def test_arguments_arrive_as_they_were_given(shelf: Shelf) -> None:
    decorated = shelf.requires("a")(sample_plain)
    assert decorated(1, "y", 2, 3, key=4.0, other=5) == sample_plain(1, "y", 2, 3, key=4.0, other=5)
    with pytest.raises(TypeError, match=r"^sample_plain\(\) missing 1 required positional argument: 'a'$"):
        decorated()


def test_an_error_of_the_function_is_the_function_s_own(shelf: Shelf) -> None:
    @shelf.requires("a")
    def fail() -> None:
        raise LookupError("mine")

    for _ in range(2):
        with pytest.raises(LookupError, match=r"^mine$"):
            fail()
    assert len(shelf.asked) == 1


# --- through the face


def test_modules_are_loaded_once_and_bound_by_alias_or_by_their_own_name(world: World) -> None:
    world.write(
        {"first.py": "import sys\nsys.runs = getattr(sys, 'runs', 0) + 1", "pack/__init__.py": "", "pack/sub.py": ""}
    )
    code = """
        import load, sys

        @load.requires("first", "other=pack.sub", "pack.sub", "json:dumps")
        def function():
            return first.__name__, other.__name__, pack.__name__, dumps([1])

        print(sorted(name for name in ("first", "other", "pack", "dumps") if name in globals()), "first" in sys.modules)
        print(function(), function(), sys.runs)
        events = len(load.history())
        function()
        print(len(load.history()) - events, load.load_decorator is load.requires)
    """
    call = "('first', 'pack.sub', 'pack', '[1]')"
    assert world.printed(code) == f"[] False\n{call} {call} 1\n0 True"


def test_a_missing_module_is_a_load_error_at_the_call_and_the_call_can_be_repeated(world: World) -> None:
    world.extra["LOAD_NO_INSTALL"] = "1"
    code = """
        import importlib, load, pathlib

        @load.requires("later_on")
        def function():
            return later_on.VALUE

        try:
            function()
        except load.LoadError as error:
            print(type(error).__name__, error.name, "later_on" in globals())
        pathlib.Path("later_on.py").write_text("VALUE = 7")
        importlib.invalidate_caches()
        print(function())
    """
    assert world.printed(code) == "InstallRefused later_on False\n7"


def test_whatever_is_missing_is_installed_in_one_transaction(world: World) -> None:
    world.wheel("oneof")
    world.wheel("twoof")
    world.write({"requirements.txt": "oneof\ntwoof\n"})
    code = """
        import load

        @load.requires("oneof", "two=twoof")
        def function():
            return oneof.VERSION, two.VERSION

        print(function(), [event.kind for event in load.history()].count("install"))
    """
    assert world.printed(code) == "('1.0', '1.0') 1"
    assert len(world.layers()) == 1


@pytest.mark.parametrize(
    ("spec", "name", "is_called"),
    [
        pytest.param("json", "json", "json", id="module"),
        pytest.param("xml.dom", "xml", "xml", id="sub-module"),
        pytest.param("collections.OrderedDict", "OrderedDict", "OrderedDict", id="class"),
        pytest.param("os.path", "os", "os", id="module of another name"),
        pytest.param("plt", "plt", "matplotlib.pyplot", id="alias of the table"),
        pytest.param("math:pi", "pi", "3.141592653589793", id="value without a name"),
    ],
)
def test_a_spec_without_alias_binds_what_an_import_statement_would(
    world: World, spec: str, name: str, is_called: str
) -> None:
    world.write({"matplotlib/__init__.py": "", "matplotlib/pyplot.py": ""})
    code = f"""
        import load

        @load.requires({spec!r})
        def function():
            return {name}

        value = function()
        print(getattr(value, "__name__", value), "" in globals())
    """
    assert world.printed(code) == f"{is_called} False"


def test_a_decorator_that_is_shared_binds_its_names_in_every_module_that_uses_it(world: World) -> None:
    uses = "from shared import needs_json\n@needs_json\ndef function():\n    return json.__name__"
    world.write({"shared.py": "import load\nneeds_json = load.requires('json')", "one.py": uses, "two.py": uses})
    assert world.printed("import one, two; print(one.function(), two.function())") == "json json"


def test_a_spec_that_names_nothing_is_refused_at_the_call(world: World) -> None:
    code = """
        @load.requires("two words")
        def function(): ...
        function()
    """
    assert world.error(code).startswith("InvalidTarget: cannot load 'two words': neither a module name, ")


def test_the_event_says_who_called_the_function(world: World) -> None:
    code = """
        import load

        @load.requires("colorsys")
        def function(): ...

        function()
        print(load.history()[-1].caller)
    """
    assert world.printed(code) == f"{world.work}/main.py:7"
