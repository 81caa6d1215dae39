"""The words after ``load.`` that are ours, bound to this process's one importer and journal."""

from __future__ import annotations

import sys

from load import _journal
from load._errors import ConfigError
from load._importer import Importer
from load._journal import Event, Journal, Progress
from load._reference import is_module_name, parse, parse_spec
from load._settings import Configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any, TypeVar

    from load._install.names import Need
    from load._install.receipts import Receipt
    from load._reference import Target
    from load._report.memory import Memory
    from load._report.narrator import Narrator
    from load._report.printing import AutoPrinter
    from load._report.table import Report
    from load._settings import Settings
    from load._unload import Unloaded

    F = TypeVar("F", bound=Callable[..., Any])

journal = Journal()
configuration = Configuration()
importer = Importer(journal, configuration)
_printers: list[AutoPrinter] = []
_narrators: list[Narrator] = []


def _tell(said: Event | Progress) -> None:
    """Let the narrator hear of installations; its room is imported with the first word of one."""
    if not _narrators and not isinstance(said, Progress):
        return
    if not _narrators:
        from load._report.narrator import Narrator

        _narrators.append(Narrator(silent=configuration.current().silent))
    _narrators[0](said)


journal.subscribe(_tell)


def load(
    target: str | os.PathLike[str],
    *,
    alias: str | None = None,
    module: str | None = None,
    requirement: str | None = None,
    index: str | None = None,
    sha256: str | None = None,
    build: bool | None = None,
    editable: bool = False,
    install: bool | None = None,
    fresh: bool = False,
    force: bool = False,
    silent: bool | None = None,
) -> Any:
    """Give what ``target`` names: imported if it is here, else from the store, else installed first if that is allowed.

    Parameters:
        target: a module name (``a.b``), an alias (``plt``), a reference (``pkg.mod:Obj.attr``, or ``a.b.C``), a requirement
            (``numpy>=1.26,<3``, ``PyYAML``; :pep:`508`), or the path of a ``.py`` file, a package or a wheel.
        alias: also bind the result as ``load.<alias>``.
        module: the module to import from a distribution or wheel whose module cannot be told.
        requirement: what to install for a module (``load("yaml", requirement="PyYAML>=6")``); what is here is checked.
        index: the name of an index to take it from.
        sha256: the hash that a wheel must have, in hexadecimal.
        build: consent to building from source, which runs the package's code before it is imported.
        editable: put a local project's source tree on the path; for projects only.
        install: False never installs; True installs without asking, if the main program says so.
        fresh: allow releases younger than the cooldown.
        force: import afresh; look at no layer of the store.
        silent: print nothing for this load.

    Raises:
        LoadError: an `ImportError`, of the kind that says why not. Nothing is half done then, and the next try can succeed.
        Exception: whatever the module's own body raises, as it is.

    Cost: a module that is here costs its import; one in the store 1-2 ms more, with no process and no network.
    """
    if index is not None:
        raise ConfigError(
            f"there is no index called {index!r}", ways=("leave index= out: your pip or uv settings name the index",)
        )
    if editable:
        raise ConfigError(
            "editable=True is for local projects, which this version cannot build",
            ways=("load the package's directory",),
        )
    if alias is not None:
        _check_alias(alias)
    parsed = parse(target)
    wish = importer.wish(
        parsed.text,
        module=module or "",
        requirement=_checked(requirement) if requirement else "",
        sha256=sha256 or "",
        install=install,
        build=bool(build),
        fresh=fresh,
        force=force,
    )
    if silent:
        with no_print():
            value = importer.load(parsed, wish)
    else:
        value = importer.load(parsed, wish)
    if alias is not None:
        _bind(alias, value)
    return value


def _checked(requirement: str) -> str:
    parsed = parse(requirement)
    return parse(parsed.text).text if parsed.kind in ("module", "requirement") else _not_a_requirement(requirement)


def _not_a_requirement(requirement: str) -> str:
    raise ConfigError(f"requirement={requirement!r} is not a requirement such as 'PyYAML>=6'")


def _bind(alias: str, value: Any) -> None:
    vars(sys.modules["load"])[alias] = value


def _check_alias(alias: str) -> None:
    if not is_module_name(alias) or "." in alias or alias.startswith("_") or alias in _public():
        way = "an identifier that is not one of load.__all__"
        raise ConfigError(f"alias={alias!r} cannot be a word after `load.`", ways=(way,))


def _public() -> Iterable[str]:
    return vars(sys.modules["load"])["__all__"]  # type: ignore[no-any-return]


def import_aliases(*specs: str) -> Any:
    """The modules of ``[alias=]target`` specs, in order; whatever is missing is installed in one transaction.

    Returns:
        A tuple, or the bare module where there is one spec.

    Raises:
        LoadError: that lists everything that cannot be had; nothing is half done then.
    """
    if not specs:
        return ()
    parsed = [parse_spec(spec) for spec in specs]
    for alias, _ in parsed:
        if alias:
            _check_alias(alias)
    found = importer.several(parsed, importer.wish(", ".join(specs)))
    for (alias, _), module in zip(parsed, found, strict=True):
        if alias:
            _bind(alias, module)
    return tuple(found) if len(found) > 1 else found[0]


def requires(*specs: str) -> Callable[[F], F]:
    """A decorator: the modules are there before the function's first call, and loaded once.

    Parameters:
        specs: ``[alias=]target``; an alias (or a module's own name) is bound in the function's module where it is unbound.

    Works on functions, methods, coroutines, generators and asynchronous generators.
    """
    from load._requires import Requirement, decorate

    def load_all(wanted: tuple[str, ...]) -> dict[str, Any]:
        parsed = [parse_spec(spec) for spec in wanted]
        found = importer.several(parsed, importer.wish(", ".join(wanted)))
        return dict(_binding(alias, target, value) for (alias, target), value in zip(parsed, found, strict=True))

    return lambda function: decorate(function, Requirement(specs, load_all))


load_decorator = requires


def _binding(alias: str, target: Target, value: Any) -> tuple[str, Any]:
    """The name and value that an import statement of a spec would bind: ``a`` and its module for ``a.b`` without alias."""
    if alias or target.kind == "reference":
        return alias or target.attribute.rpartition(".")[2], value
    if target.kind == "module" and not isinstance(value, type(sys)):
        return target.module.rpartition(".")[2], value
    if target.kind == "module" and "." in target.module:
        top = target.module.partition(".")[0]
        return top, sys.modules.get(top, value)
    return target.module or getattr(value, "__name__", ""), value


def import_temporarily(name: str) -> Any:
    """A context manager: the module inside; on leaving, what of it can be dropped is, and ``.unloaded`` tells the truth."""
    from load import _unload

    return _unload.import_temporarily(name, load, unload)


def unload(name: str) -> Unloaded:
    """Drop a module and its sub-modules where Python can import them again; the report says what stays and why.

    Raises:
        LoadError: if it is not loaded.
    """
    from load import _unload

    return _unload.unload(name, journal, _forget, _journal.caller())


def _forget(modules: Iterable[ModuleType]) -> None:
    gone = {id(module) for module in modules}
    face = vars(sys.modules["load"])
    for name in [name for name, value in face.items() if id(value) in gone]:
        del face[name]


def which(name: str) -> Need:
    """What ``name`` (a module, an alias or a distribution) needs, and why we believe so. No network, no import.

    Raises:
        InvalidTarget: if it names nothing.
    """
    return importer.which(parse(name))


def configure(**settings: object) -> Settings:
    """Change settings for this process, all or none; the settings then in force.

    Raises:
        ConfigError: for an unknown setting or value, or if a library would make its user's policy less strict.
    """
    now = configuration.configure(settings, _journal.caller_frame())
    for narrator in _narrators:
        narrator.silent = now.silent
    if "print_limit" in settings:
        set_print_limit(now.print_limit)
    if "auto_print" in settings:
        enable_auto_print(now.print_limit) if now.auto_print else disable_auto_print()
    return now


def settings() -> Settings:
    """The settings in force: a call over the environment over the project file over the default; what restricts wins."""
    return configuration.current()


def info() -> dict[str, Any]:
    """The state of this process: what is cached and printed, the mode, the store and its active layers."""
    now = settings()
    cached = [
        name
        for name, value in vars(sys.modules["load"]).items()
        if isinstance(value, type(sys)) and not name.startswith("_")
    ]
    return {
        "cache_size": len(cached),
        "cached_modules": sorted(cached),
        "auto_print": _printer().enabled,
        "print_limit": _printer().limit,
        "mode": now.mode,
        "store": importer.obtainer.store(now).home,
        "layers": [layer.id for layer in importer.obtainer.active_layers()],
    }


def env(**changes: str) -> dict[str, str]:
    """The environment for a child process, with the layers of this one on its ``PYTHONPATH``; ``changes`` are added."""
    return {**importer.obtainer.environ(), **changes}


def receipts() -> tuple[Receipt, ...]:
    """The receipts of every layer in the store, of all processes, oldest first."""
    from load._install.receipts import receipts

    return tuple(sorted(receipts(importer.obtainer.store(settings())), key=lambda receipt: receipt.created))


def history() -> tuple[Event, ...]:
    """What happened in this process, in the order in which it ended."""
    return journal.history()


def report() -> Report:
    """What was loaded in this process and what it cost; ``str()`` is a table."""
    from load._report.table import report

    return report(journal.history())


def memory() -> Memory:
    """The memory of this process: resident, unique, peak, and what the machine has left, in bytes."""
    from load._report.memory import memory

    return memory()


def enable_auto_print(limit: int = 1000) -> None:
    """Print one line a load, and let ``smart_print`` show at most ``limit`` characters."""
    _printer().enable(limit)


def disable_auto_print() -> None:
    """Print no more lines."""
    _printer().disable()


def set_print_limit(limit: int) -> None:
    """Show at most ``limit`` characters of a value.

    Raises:
        ConfigError: if that is not a number of characters.
    """
    _printer().set_print_limit(limit)


def no_print() -> Any:
    """A context manager in which neither loads nor ``smart_print`` print anything."""
    from load._report.printing import no_print

    return no_print()


def smart_print(obj: object, name: str | None = None) -> None:
    """Print a value within the limit, in the way that suits it: modules, arrays, frames, responses, collections, the rest."""
    _printer().smart_print(obj, name)


def _printer() -> AutoPrinter:
    if not _printers:
        from load._report.printing import AutoPrinter

        _printers.append(AutoPrinter(journal, configuration.current().print_limit))
    return _printers[0]


if configuration.current().auto_print:
    _printer().enable(configuration.current().print_limit)
