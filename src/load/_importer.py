"""The story of a load, and the only room that knows more than one wing: import it; if it is not here, obtain it first."""

from __future__ import annotations

import os
import sys

from load import _journal
from load._errors import InvalidTarget, LoadError, ModuleMissing, VersionConflict, together
from load._install.declared import requirement_name
from load._install.environment import distributions, lacks_extras, only_module, provided_modules
from load._install.name_table import expand_alias
from load._install.names import module_meant
from load._install.obtain import Obtainer
from load._install.wish import Wish
from load._probes import is_probe
from load._reference import Target, import_module, parse, resolve
from load._settings import is_main_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from load._files import LocalFiles
    from load._install.environment import Installed
    from load._install.names import Need
    from load._journal import Journal
    from load._settings import Configuration


class Importer:
    """Loads what targets name, and tells the journal."""

    def __init__(self, journal: Journal, configuration: Configuration) -> None:
        self.journal = journal
        self.configuration = configuration
        self.obtainer = Obtainer(journal, configuration)
        self._files: list[LocalFiles] = []

    def attribute(self, name: str) -> tuple[ModuleType, bool]:
        """The module for ``load.<name>``, and whether it may be kept (not while its body is still running).

        Raises:
            LoadError: if it cannot be had. An ``AttributeError`` of the module's own body arrives as the cause of one,
                for attribute access would otherwise say that there is no such name.
        """
        if is_probe():
            raise AttributeError(
                f"module 'load' has no attribute {name!r}"
            )  # a tool looks around; nobody asked for a module
        target = parse(name)
        if target.kind != "module":
            raise InvalidTarget(name, "an attribute of `load` is a module's name", ways=(f"load({name!r})",))
        module = self.load(target, self.wish(name, by_attribute=True))
        return module, not getattr(getattr(module, "__spec__", None), "_initializing", False)

    def wish(self, text: str, **said: Any) -> Wish:
        """What this call wants, with who called."""
        frame = _journal.caller_frame()
        caller = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else None
        return Wish(text, caller=caller, by_program=is_main_program(frame), **said)

    def load(self, target: Target, wish: Wish) -> Any:
        """What a target names: a module, or an object in one.

        Raises:
            LoadError: if it cannot be had.
            Exception: whatever the module's own body raises, as it is.
        """
        if target.kind == "path":
            return self._path(target.text, wish)
        if target.kind == "requirement" or (wish.module and target.kind == "module"):
            return self._distribution(target.text, wish)
        if target.kind == "reference":
            return _attribute(self.module(_meant(target.module), wish), target)
        return self._module_or_attribute(_meant(target.module), wish)

    def module(self, name: str, wish: Wish) -> ModuleType:
        """The module ``name``: imported if it is here, else from the store, else installed and then imported."""
        kind = "reuse" if name in sys.modules and not wish.force else "import"
        with self.journal.timed(kind, name, caller=wish.caller, requirement=wish.requirement or None) as span:
            if wish.requirement:
                self._require(wish.requirement, name)
            module = self._import(name, wish)
            meant = name if module is not None else module_meant(name)
            if meant != name:
                module = self._import(meant, wish)
            if module is None:
                need = self.obtainer.obtain([meant], [], wish)[0]
                span.requirement = need.requirement
                module = self._import_obtained(need.module, wish)
            span.name, span.origin, span.version = module.__name__, self._origin(module), self._version(module)
        return module

    def _import(self, name: str, wish: Wish) -> ModuleType | None:
        """The module, or None where it is not here. An error of its own body is not ours to change: it gets a note."""
        try:
            return _again(name) if wish.force and name in sys.modules else import_module(name)
        except ModuleNotFoundError as error:
            if _is_about(error, name):
                return None
            error.add_note(_asked(name, wish))
            raise
        except Exception as error:
            error.add_note(_asked(name, wish))
            if wish.by_attribute and isinstance(error, AttributeError):
                raise LoadError(f"the body of {name!r} raised AttributeError: {error}", name=name) from error
            raise

    def _import_obtained(self, name: str, wish: Wish) -> ModuleType:
        module = self._import(name, wish)
        if module is not None:
            return module
        top = name.partition(".")[0]
        raise ModuleMissing(
            f"no module named {name!r}: what was installed for it does not have it",
            name=name,
            ways=(f"see what it has: dir(load({top!r}))",),
        )

    def _module_or_attribute(self, name: str, wish: Wish) -> Any:
        """The module ``a.b.C``, or last, where there is none, the object ``C`` of the module ``a.b``."""
        parent, _, last = name.rpartition(".")
        if not parent or name in sys.modules:
            return self.module(name, wish)
        if not _is_here(name):
            self.obtainer.obtain([name], [], wish)
        owner = self._import(parent, wish) if _submodule(name) is None else None
        if owner is not None and hasattr(owner, last):
            return getattr(self.module(parent, wish), last)
        try:
            return self.module(name, wish)
        except ModuleMissing:
            owner = self._import(parent, wish)
            if owner is None or not hasattr(owner, last):
                raise
            return getattr(owner, last)

    def _distribution(self, requirement: str, wish: Wish) -> ModuleType:
        """The module of a distribution asked for by its own name."""
        need = self.obtainer.need_of(requirement, wish)
        name = requirement_name(need.requirement)
        here = distributions()
        if name in here and not lacks_extras(need.requirement, here):
            module = need.module or only_module(requirement, name, provided_modules(here[name]))
            return self.module(module, wish._replace(requirement=need.requirement))
        if need.module and not wish.force and requirement == name:
            module_here = self._import(need.module, wish)  # another distribution may provide it: cv2 has four
            if module_here is not None:
                return self.module(need.module, wish)
        obtained = self.obtainer.obtain([], [requirement], wish)[0]
        return self.module(obtained.module, wish)

    def _require(self, requirement: str, module: str) -> None:
        """Check that what is here is what a requirement wants.

        Raises:
            VersionConflict: if it is another version.
        """
        from packaging.requirements import Requirement

        wanted = Requirement(requirement)
        here = distributions().get(requirement_name(requirement))
        if here is None or wanted.specifier.contains(here.version, prereleases=True):
            return
        raise _conflict(module, requirement, here)

    def _path(self, path: str, wish: Wish) -> ModuleType:
        """The module of a local file, package or wheel."""
        if path.endswith(".whl"):
            return self._wheel(path, wish)
        with self.journal.timed("import", path, caller=wish.caller) as span:
            try:
                module = self._local_files().load(path, again=wish.force)
            except Exception as error:
                if not isinstance(error, LoadError):
                    error.add_note(_asked(path, wish))
                raise
            span.name, span.origin = module.__name__, "local file"
        return module

    def _wheel(self, path: str, wish: Wish) -> ModuleType:
        from load._install.wheels import read_wheel

        wheel = read_wheel(path, wish.sha256, wish.module)
        here = distributions().get(wheel.distribution)
        if here is None:
            self.obtainer.wheel(wheel.file, wheel.need, wish)
        elif here.version != wheel.version:
            raise _conflict(wheel.need.module, f"{wheel.distribution}=={wheel.version}", here)
        return self.module(wheel.need.module, wish._replace(requirement=""))

    def _local_files(self) -> LocalFiles:
        if not self._files:
            from load._files import LocalFiles

            self._files.append(LocalFiles())
        return self._files[0]

    def several(self, specs: Sequence[tuple[str, Target]], wish: Wish) -> list[Any]:
        """What several targets name, in order; whatever is missing comes in one transaction.

        Raises:
            LoadError: that lists everything that cannot be had; nothing is installed then.
        """
        targets = [target for _, target in specs]
        missing = list(dict.fromkeys(_meant(each.module) for each in targets if each.module))
        missing = [name for name in missing if not _is_here(name)]
        here = distributions()
        requirements = [each.text for each in targets if each.kind == "requirement"]
        requirements = [text for text in requirements if requirement_name(text) not in here]
        if len(missing) + len(requirements) > 1:
            self.obtainer.obtain(missing, requirements, wish)
        found, errors = [], []
        for target in targets:
            try:
                found.append(self.load(target, wish._replace(text=target.text)))
            except LoadError as error:
                errors.append(error)
        if errors:
            raise together(errors, len(targets))
        return found

    def which(self, target: Target) -> Need:
        """What a module or a distribution needs; nothing is imported and no network asked."""
        if target.kind == "path":
            raise InvalidTarget(target.text, "a path needs nothing but itself")
        name = _meant(target.module) if target.module else target.text
        need = self.obtainer.need_of_module(name) if target.module else self.obtainer.need_of(target.text, Wish())
        return need._replace(because="alias") if name != target.text and need.requirement else need

    def _origin(self, module: ModuleType) -> str:
        """Where a module came from, in the words of the report."""
        spec = getattr(module, "__spec__", None)
        origin = getattr(spec, "origin", None) or getattr(module, "__file__", None) or ""
        if origin in ("built-in", "frozen") or module.__name__.partition(".")[0] in sys.stdlib_module_names:
            return "standard library" if origin not in ("built-in", "frozen") else "built in"
        places = [origin, *(getattr(spec, "submodule_search_locations", None) or ())]
        if any(place.startswith(layer.site + os.sep) for place in places for layer in self.obtainer.active_layers()):
            return "store"
        return (
            "environment"
            if any("site-packages" in place or "dist-packages" in place for place in places)
            else "local file"
        )

    def _version(self, module: ModuleType) -> str | None:
        """The version that a module tells of itself, or that its layer has; asking the metadata would cost 20 ms."""
        top = module.__name__.partition(".")[0]
        version = vars(sys.modules.get(top, module)).get("__version__")
        if isinstance(version, str):
            return version
        held = (held for layer in self.obtainer.active_layers() for held in layer.holds)
        return next((each.version for each in held if top in each.tops), None)


def _meant(name: str) -> str:
    """The module that a name stands for: an alias' target, unless the user has a module of that very name."""
    module = expand_alias(name)
    return name if module != name and _is_here(name) else module


def _is_about(error: ModuleNotFoundError, name: str) -> bool:
    """Whether the module that was not found is the one asked for (or its parent), and not something in its inside."""
    return error.name is not None and (name == error.name or name.startswith(error.name + "."))


def _asked(name: str, wish: Wish) -> str:
    return f"(while loading {name!r}, asked for at {wish.caller})"


def _conflict(module: str, wanted: str, here: Installed) -> VersionConflict:
    return VersionConflict(
        module,
        wanted,
        f"{here.name}=={here.version}",
        loaded=any(each in sys.modules for each in provided_modules(here)),
        ways=(
            f"ask for what {here.name} {here.version} satisfies",
            f"change {here.name} where it is installed, and start a new process",
        ),
    )


def _submodule(name: str) -> ModuleSpec | None:
    """The spec of a sub-module, whose parents are imported for that; None where there is none."""
    from importlib.util import find_spec

    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _again(name: str) -> ModuleType:
    """Run a loaded module's code again, where that is sound."""
    from importlib import reload

    from load._unload import has_extension

    if has_extension(name):
        raise LoadError(
            f"{name!r} contains compiled code, which Python cannot load twice", name=name, ways=("start a new process",)
        )
    return reload(sys.modules[name])


def _attribute(module: ModuleType, target: Target) -> Any:
    try:
        return resolve(module, target.attribute)
    except AttributeError as error:
        from difflib import get_close_matches

        close = get_close_matches(error.name or "", dir(error.obj), n=3)
        ways = (f"did you mean {', '.join(close)}?",) if close else ()
        raise LoadError(f"{target.text!r}: {error}", name=target.text, ways=ways) from error


def _is_here(name: str) -> bool:
    """Whether a module's top-level package can be imported, without importing it."""
    top = name.partition(".")[0]
    if top in sys.modules:
        return True
    from importlib.util import find_spec

    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):
        return False
