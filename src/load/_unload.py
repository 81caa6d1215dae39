"""Unloading, and the truth about it: what was dropped, what stays and why, and what it gave back."""

from __future__ import annotations

import sys

from load._errors import LoadError
from load._journal import resident
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from load._journal import Journal


class Kept(Value):
    """A module that stays in memory, and why."""

    module: str
    why: str


class Unloaded(Value):
    """What unloading did: ``before`` and ``after`` are the resident memory in bytes, as measured."""

    name: str
    dropped: tuple[str, ...]
    kept: tuple[Kept, ...]
    before: int
    after: int

    @property
    def freed(self) -> int:
        """Bytes given back; often none, for the allocator keeps pages, and negative if others allocated meanwhile."""
        return self.before - self.after

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.dropped)} modules dropped, {self.freed / 2**20:+.1f} MiB given back"]
        reasons = dict.fromkeys(kept.why for kept in self.kept)
        for why in reasons:
            names = [kept.module for kept in self.kept if kept.why == why]
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            lines.append(f"  kept, because {why}: {shown}")
        return "\n".join(lines)


def unload(
    name: str, journal: Journal, forget: Callable[[Iterable[ModuleType]], None], caller: str | None = None
) -> Unloaded:
    """Drop a module and its sub-modules, if Python can import them again afterwards; say what stays.

    Parameters:
        name: a module's name; sub-modules go with it.
        forget: called with the modules dropped, so that caches of them can be emptied.

    Raises:
        LoadError: if no such module is loaded.

    A package with a C extension stays whole: the interpreter cannot load numpy's twice, so that a later ``import numpy``
    would fail. Cost: one ``gc.collect()``, 5-100 ms.
    """
    tree = _tree(name)
    if not tree:
        raise LoadError(f"{name!r} is not loaded: there is nothing to unload", name=name)
    with journal.timed("unload", name, caller=caller) as span:
        before = resident()
        kept = _kept(name, tree)
        dropped = () if kept else tuple(tree)
        _drop(dropped, forget)
        report = Unloaded(name, dropped, kept, before, resident())
        span.detail = f"{len(dropped)} dropped, {len(kept)} kept"
    return report


def _tree(name: str) -> list[str]:
    return [each for each in sorted(sys.modules) if each == name or each.startswith(name + ".")]


def _kept(name: str, tree: list[str]) -> tuple[Kept, ...]:
    top = name.partition(".")[0]
    if top == __name__.partition(".")[0]:
        return tuple(Kept(each, "it is `load` itself") for each in tree)
    if top in sys.stdlib_module_names or top == "__main__":
        return tuple(Kept(each, "it is a part of Python that other modules rely on") for each in tree)
    extensions = [each for each in tree if is_extension(sys.modules[each])]
    if not extensions:
        return ()
    why = f"the C extension {extensions[0]} cannot be unloaded, and importing the rest twice would break it"
    return tuple(Kept(each, "it is a C extension" if each in extensions else why) for each in tree)


def is_extension(module: ModuleType) -> bool:
    """Whether a module is compiled code, which the interpreter can neither unload nor load twice."""
    from importlib.machinery import EXTENSION_SUFFIXES

    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
    return isinstance(origin, str) and (origin == "built-in" or origin.endswith(tuple(EXTENSION_SUFFIXES)))


def has_extension(name: str) -> bool:
    """Whether a loaded module or one of its sub-modules is compiled code."""
    return any(is_extension(sys.modules[each]) for each in _tree(name))


def _drop(names: Iterable[str], forget: Callable[[Iterable[ModuleType]], None]) -> None:
    import gc

    modules = []
    for each in names:
        module = sys.modules.pop(each, None)
        if module is None:
            continue
        modules.append(module)
        parent, _, child = each.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(child) is module:
            delattr(sys.modules[parent], child)
    forget(modules)
    modules.clear()
    gc.collect()


class import_temporarily:  # noqa: N801 - a context manager, used as a function
    """A context manager: the module inside, and afterwards nothing of it that can be dropped.

    Parameters:
        name: a target, as for ``load``.

    After its exit ``unloaded`` is the `Unloaded` report. A module that was loaded before stays.
    """

    def __init__(self, name: str, load: Callable[[str], ModuleType], unload: Callable[[str], Unloaded]) -> None:
        self._target = name
        self._load = load
        self._unload = unload
        self._before: frozenset[str] = frozenset()
        self._name = ""
        self.unloaded: Unloaded | None = None

    def __enter__(self) -> ModuleType:
        self._before = frozenset(sys.modules)
        module = self._load(self._target)
        if not isinstance(module, type(sys)):
            raise LoadError(
                f"{self._target!r} is no module: only modules can be imported temporarily", name=self._target
            )
        self._name = module.__name__
        return module

    def __exit__(self, *error: object) -> None:
        name = self._topmost()
        if name in self._before:
            tree = _tree(name)
            kept = [Kept(each, "it was loaded before") for each in tree if each in self._before]
            kept += [
                Kept(each, f"it belongs to {name}, which was loaded before")
                for each in tree
                if each not in self._before
            ]
            self.unloaded = Unloaded(self._name, (), tuple(kept), resident(), resident())
        elif name in sys.modules:
            self.unloaded = self._unload(name)
        else:
            self.unloaded = Unloaded(self._name, (), (), resident(), resident())

    def _topmost(self) -> str:
        """The module, or the topmost of its packages that was imported only for it."""
        name = self._name
        while (parent := name.rpartition(".")[0]) and parent not in self._before:
            name = parent
        return name
