"""Local files and packages as modules that never replace another module."""

from __future__ import annotations

import os
import sys

from load._errors import InvalidTarget
from load._reference import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from types import ModuleType
    from typing import Any


class LocalFiles:
    """Modules of files by path: the same path gives the same module.

    It is a meta path finder, asked last and only for names that it gave out itself, so that the import system does the
    loading: its locks, its clean-up after a body that raises, ``importlib.reload``.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """Module names by real path: ``{"/home/me/tools.py": "tools"}``; entries stay for the life of the process."""
        self._files: dict[str, str] = {}
        """The same the other way round."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a file that was given a name here (:pep:`451`)."""
        file = self._files.get(fullname)
        if file is None:
            return None
        from importlib.util import spec_from_file_location

        package = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None
        loader = _source_loader()(fullname, file)
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=package)

    def load(self, path: str, *, again: bool = False) -> ModuleType:
        """The module of a ``.py`` file or of a directory with an ``__init__.py``; ``again`` runs a loaded one anew.

        Raises:
            InvalidTarget: if there is no such file.
            Exception: whatever the file's own body raises; ``sys.modules`` is then as it was.
        """
        file = _code_file(path)
        name = self._names.get(file) or self._name(file)
        if again and name in sys.modules:
            return self._reload(name, file)
        before = {each for each in list(sys.modules) if each.startswith(name + ".")}
        try:
            return import_module(name)
        except BaseException:
            # The import system takes back the package that failed, and leaves the parts that it had imported.
            for each in [each for each in list(sys.modules) if each.startswith(name + ".") and each not in before]:
                sys.modules.pop(each, None)
            raise

    def _reload(self, name: str, file: str) -> ModuleType:
        from importlib import reload

        self._files.setdefault(name, file)
        sys.meta_path.remove(self)
        sys.meta_path.insert(0, self)  # before the finder that would trust the byte code
        try:
            return reload(sys.modules[name])
        finally:
            sys.meta_path.remove(self)
            sys.meta_path.append(self)

    def _name(self, file: str) -> str:
        if self not in sys.meta_path:
            sys.meta_path.append(self)
        stem = _stem(file)
        loaded = getattr(sys.modules.get(stem), "__file__", "") if stem in sys.modules else None
        importable = _importable_as(stem) if loaded is None else loaded or ""
        free = stem not in sys.stdlib_module_names and stem not in self._files
        if free and importable is not None and os.path.realpath(importable) == file:
            return self._names.setdefault(file, stem)  # `import stem` finds this very file
        name = self._names.setdefault(file, stem if free and importable is None else f"{stem}_{_digest(file)}")
        self._files[name] = file
        return name


def _source_loader() -> type[SourceFileLoader]:
    """A loader that trusts no byte code, which is matched by whole seconds and size: what is loaded by its path is edited."""
    from importlib.machinery import SourceFileLoader

    class Loader(SourceFileLoader):
        def path_stats(self, path: str) -> Any:
            raise OSError(path)

        def set_data(self, path: str, data: Any, **_: Any) -> None:
            pass

    return Loader


def _code_file(path: str) -> str:
    try:
        real = os.path.realpath(os.path.expanduser(path))
    except ValueError as error:  # a NUL, or what the file system's encoding has not
        raise InvalidTarget(path, f"no file can be called that: {error}") from None
    if os.path.isdir(real):
        init = os.path.join(real, "__init__.py")
        if os.path.isfile(init):
            return init
        raise InvalidTarget(path, f"the directory {real} has no __init__.py, so it is not a package")
    if not os.path.exists(real):
        raise InvalidTarget(path, f"there is no file {real}")
    if not real.endswith(".py"):
        raise InvalidTarget(path, f"{real} is not a .py file, a package or a wheel")
    return real


def _stem(file: str) -> str:
    directory, base = os.path.split(file)
    stem = os.path.basename(directory) if base == "__init__.py" else base.removesuffix(".py")
    plain = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in stem)
    return plain if plain.isidentifier() else "_" + plain


def _importable_as(stem: str) -> str | None:
    """Where plain ``import stem`` would find it, or None; "" for what has no file."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(stem)
    return None if spec is None else spec.origin or ""


def _digest(text: str) -> str:
    from zlib import crc32

    return f"{crc32(text.encode()):08x}"
