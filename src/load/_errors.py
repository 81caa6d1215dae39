"""Every error of the library, made from facts and worded for a reader: what was seen, where, the ways out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_SHOWN = 200  # characters of the user's text that a message repeats; a 10^6-character target must not fill a screen


def shown(text: object) -> str:
    """The user's text as messages quote it: ``repr``, cut in the middle when it is long."""
    whole = text if isinstance(text, str) else str(text)
    if len(whole) <= _SHOWN:
        return repr(whole)
    return f"{whole[: _SHOWN // 2]!r}…{whole[-8:]!r} ({len(whole):,} characters)"


def together(errors: Sequence[LoadError], of: int) -> LoadError:
    """One error for several of ``of``: the error itself where there is one."""
    if len(errors) == 1:
        return errors[0]
    listed = "\n".join(f"* {error}" for error in errors)
    return LoadError(f"{len(errors)} of {of} cannot be loaded:\n{listed}", name=errors[0].name)


def rebuild(kind: type[LoadError], message: str, name: str | None, state: dict[str, Any]) -> LoadError:
    """An error made again from its finished message and its facts (in another process, or after unpickling)."""
    error = kind.__new__(kind)
    ImportError.__init__(error, message, name=name)
    error.__dict__.update(state)
    return error


class LoadError(ImportError):
    """Something could not be loaded. ``name`` is the module or target that was asked for."""

    def __init__(self, seen: str, *, name: str | None = None, ways: Iterable[str] = ()) -> None:
        lines = [seen, *(f"  - {way}" for way in ways)]
        if len(lines) > 1:
            lines[1:1] = ["Ways out:"]
        super().__init__("\n".join(lines), name=name)

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException rebuilds from `args`, which are the finished message and not the facts.
        return rebuild, (type(self), str(self), self.name, self.__dict__)


class ModuleMissing(LoadError, ModuleNotFoundError):
    """The module is not here and nothing that could be installed would provide it."""


class InvalidTarget(LoadError, ValueError):
    """The text given to ``load`` names nothing that could be loaded."""

    def __init__(self, target: object, problem: str, *, ways: Iterable[str] = ()) -> None:
        super().__init__(f"cannot load {shown(target)}: {problem}", name=_name_of(target), ways=ways)
        self.target = target


class ConfigError(LoadError, ValueError):
    """A setting is unknown, malformed, or not the caller's to change."""


class InstallRefused(LoadError, ModuleNotFoundError):
    """The policy said no, before anything was fetched.

    ``reason`` says why, ``requirement`` what would have been installed, ``candidates`` what it might have been,
    ``command`` what to type to allow it.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        *,
        requirement: str | None = None,
        candidates: Sequence[str] = (),
        command: str = "",
        ways: Iterable[str] = (),
    ) -> None:
        what = f", and {requirement!r} was not installed for it" if requirement else ""
        allow = (f"to allow it: {command}",) if command else ()
        super().__init__(f"{shown(name)} is not here{what}: {reason}", name=name, ways=(*allow, *ways))
        self.reason = reason
        self.requirement = requirement
        self.candidates = tuple(candidates)
        self.command = command


class InstallFailed(LoadError):
    """An installer was asked and could not do it; nothing was changed.

    ``log`` is what the installer said, ``returncode`` its exit status (None where none ran).
    """

    def __init__(
        self,
        name: str,
        requirement: str,
        problem: str,
        *,
        log: str = "",
        returncode: int | None = None,
        ways: Iterable[str] = (),
    ) -> None:
        super().__init__(
            f"{shown(requirement)} could not be installed for {shown(name)}: {problem}", name=name, ways=ways
        )
        self.requirement = requirement
        self.log = log
        self.returncode = returncode


class VersionConflict(LoadError):
    """What is here cannot stay as it is and satisfy the request too; nothing was changed.

    ``wanted`` is the requirement, ``present`` the version that is importable (``name==version``), ``loaded`` whether its
    modules are in memory already.
    """

    def __init__(
        self, name: str, wanted: str, present: str, *, loaded: bool, because: str = "", ways: Iterable[str] = ()
    ) -> None:
        state = "already imported" if loaded else "installed"
        tail = f" ({because})" if because else ""
        super().__init__(
            f"{shown(name)} needs {wanted}, but {present} is {state} and `load` never replaces what is here{tail}",
            name=name,
            ways=ways,
        )
        self.wanted = wanted
        self.present = present
        self.loaded = loaded


class AmbiguousModule(LoadError):
    """A distribution provides several modules and none was named; ``candidates`` are they."""

    def __init__(self, requirement: str, candidates: Sequence[str]) -> None:
        listed = ", ".join(candidates)
        super().__init__(
            f"{shown(requirement)} provides several modules: {listed}",
            name=None,
            ways=(f'say which: load({requirement!r}, module="{candidates[0]}")',),
        )
        self.requirement = requirement
        self.candidates = tuple(candidates)


def _name_of(target: object) -> str | None:
    return target if isinstance(target, str) and len(target) <= _SHOWN else None
