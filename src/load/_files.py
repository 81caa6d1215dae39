"""Local files and packages as modules that never replace another module."""

from __future__ import annotations

import os
import sys

from load._errors import InvalidTarget
from load._reference import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


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
        return spec_from_file_location(fullname, file, submodule_search_locations=package)

    def load(self, path: str, *, again: bool = False) -> ModuleType:
        """The module of a ``.py`` file or of a directory with an ``__init__.py``; ``again`` runs a loaded one anew.

        Raises:
            InvalidTarget: if there is no such file.
            Exception: whatever the file's own body raises; ``sys.modules`` is then as it was.
        """
        file = _code_file(path)
        name = self._names.get(file) or self._name(file)
        if again and name in sys.modules:
            from importlib import reload

            return reload(sys.modules[name])
        return import_module(name)

    def _name(self, file: str) -> str:
        if self not in sys.meta_path:
            sys.meta_path.append(self)
        stem = _stem(file)
        importable = _importable_as(stem)
        if importable is not None and os.path.realpath(importable) == file:
            return self._names.setdefault(file, stem)  # `import stem` finds this very file
        taken = importable is not None or stem in sys.modules or stem in self._files or stem in sys.stdlib_module_names
        name = self._names.setdefault(file, f"{stem}_{_digest(file)}" if taken else stem)
        self._files[name] = file
        return name


def _code_file(path: str) -> str:
    real = os.path.realpath(os.path.expanduser(path))
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
