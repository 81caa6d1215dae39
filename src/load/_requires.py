"""A decorator: the modules that a function uses are there before its first call."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


class Requirement:
    """Loads its specs once, at the first call of the function, and binds their names where the function looks for them."""

    def __init__(self, specs: tuple[str, ...], load_all: Callable[[tuple[str, ...]], dict[str, Any]]) -> None:
        self._specs = specs
        self._load_all = load_all
        self._met = False

    def meet(self, namespace: dict[str, Any]) -> None:
        # Two first calls at once load twice, and the second time finds everything in sys.modules: no lock is needed.
        if not self._met:
            for name, module in self._load_all(self._specs).items():
                namespace.setdefault(name, module)
            self._met = True


def decorate(function: F, requirement: Requirement) -> F:
    """``function`` with its modules loaded before its first call; a coroutine or generator function stays one."""
    import functools
    import inspect

    if isinstance(function, staticmethod | classmethod):
        return type(function)(decorate(function.__func__, requirement))
    if inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, requirement)
    elif inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, requirement)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, requirement)
    else:
        wrapper = _plain(function, requirement)
    functools.update_wrapper(wrapper, function)
    return wrapper  # type: ignore[return-value]  # of the same kind and signature


def _plain(function: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        requirement.meet(function.__globals__)
        return function(*args, **kwargs)

    return wrapper


def _coroutine(function: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        requirement.meet(function.__globals__)
        return await function(*args, **kwargs)

    return wrapper


def _generator(function: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        requirement.meet(function.__globals__)
        return (yield from function(*args, **kwargs))

    return wrapper


def _async_generator(function: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        requirement.meet(function.__globals__)
        inner = function(*args, **kwargs)
        step = inner.__anext__()
        try:
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                # `async for` would keep what is sent or thrown (asynccontextmanager throws) from the function.
                try:
                    step = inner.asend((yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the function's
                    step = inner.athrow(error)
        finally:
            await inner.aclose()

    return wrapper
