"""Makes any importable thing available the moment it is touched: imported if it is here, installed first if it is not.

    import load
    load.numpy                                  # the module, imported or installed and imported
    load("sklearn.linear_model:LinearRegression")
    np, plt = load.import_aliases("numpy", "plt=matplotlib.pyplot")

Every word after ``load.`` is a module of yours, except those in ``load.__all__``.
"""

import sys as _sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Where each public word lives: a room is imported when one of its words is first used.
_ROOMS = {
    "load": "_api",
    "import_aliases": "_api",
    "requires": "_api",
    "load_decorator": "_api",
    "import_temporarily": "_api",
    "unload": "_api",
    "which": "_api",
    "configure": "_api",
    "settings": "_api",
    "info": "_api",
    "env": "_api",
    "history": "_api",
    "report": "_api",
    "memory": "_api",
    "receipts": "_api",
    "enable_auto_print": "_api",
    "disable_auto_print": "_api",
    "set_print_limit": "_api",
    "no_print": "_api",
    "smart_print": "_api",
    "Event": "_journal",
    "Need": "_install.names",
    "Receipt": "_install.receipts",
    "Settings": "_settings",
    "Unloaded": "_unload",
    "LoadError": "_errors",
    "ModuleMissing": "_errors",
    "InstallRefused": "_errors",
    "InstallFailed": "_errors",
    "VersionConflict": "_errors",
    "AmbiguousModule": "_errors",
    "InvalidTarget": "_errors",
    "ConfigError": "_errors",
}
__all__ = ["LoadModule", *_ROOMS]  # noqa: PLE0604 - a list of the words above


class LoadModule(type(_sys)):  # type: ignore[misc]  # types.ModuleType, whose module need not be imported for it
    """The type of this module: a module that can be called."""

    def __call__(self, target: "Any", **options: "Any") -> "Any":
        """``load(target, …)`` is ``load.load(target, …)``."""
        return self.load(target, **options)

    def __dir__(self) -> "list[str]":
        return sorted({*vars(self), *__all__})

    def __reduce__(self) -> "tuple[Any, ...]":
        from importlib import import_module

        return import_module, (__name__,)


class _NoSubmodules:
    """A path entry finder: says what to write instead of ``import load.numpy``, which asks for a sub-module of ours."""

    def find_spec(self, fullname: str, _target: "ModuleType | None" = None) -> "ModuleSpec | None":
        name = fullname.rpartition(".")[2]
        if name.startswith("_"):
            return None
        from load._errors import ModuleMissing

        ways = (f"from load import {name}", f'load("{name}")')
        raise ModuleMissing(f"no module named {fullname!r}: {name!r} is no part of `load`", name=fullname, ways=ways)


# In the module's own dict: a `__getattr__` of the class would cost every hit 50-70 ns instead of 13-18 (docs/performance.md).
def __getattr__(name: str) -> "Any":
    if name == "__signature__":
        from inspect import signature

        return signature(_face.load)
    if name.startswith("_"):  # tools ask for such names all day; nothing is to be imported for them
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = _ROOMS.get(name)
    if room is not None:
        from importlib import import_module

        return vars(_face).setdefault(name, getattr(import_module(f"{__name__}.{room}"), name))
    from load import _api

    module, finished = _api.importer.attribute(name)
    # A body that is still running may yet fail, and what failed must not be kept.
    return vars(_face).setdefault(name, module) if finished else module


del TYPE_CHECKING  # every word after `load.` that is not ours is the user's
_face = _sys.modules[__name__]
_face.__class__ = LoadModule
__path__ = [*__path__, __path__[0] + "/…"]  # a place that no file can have, for the finder above
_sys.path_importer_cache[__path__[-1]] = _NoSubmodules()
