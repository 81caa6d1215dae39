"""What a target says: a module name, a reference, a requirement or a path; and how a reference becomes an object."""

from __future__ import annotations

import sys

from load._errors import InvalidTarget
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from types import ModuleType
    from typing import Any

LONGEST = 1_000  # characters; the longest dotted name on the public index has 120
_VERSION_STARTS = "=<>!~["
_PATH_STARTS = ("./", "../", "/", "~", ".\\", "..\\")
_FILE_ENDINGS = (".py", ".whl")


class Target(Value):
    """A parsed target.

    ``kind`` is ``module`` (``a.b``), ``reference`` (``pkg.mod:Obj.attr``), ``requirement`` (:pep:`508`) or ``path``;
    ``module`` and ``attribute`` are set for the first two, ``text`` is always what the user wrote.
    """

    kind: str
    text: str
    module: str = ""
    attribute: str = ""


def parse(target: str | os.PathLike[str]) -> Target:
    """Say what ``target`` is.

    Raises:
        InvalidTarget: if it is none of the kinds, and why.
    """
    if not isinstance(target, str):
        return _parse_path_object(target)
    if len(target) > LONGEST:
        raise InvalidTarget(target, f"longer than {LONGEST:,} characters")
    text = target.strip()
    if not text:
        raise InvalidTarget(target, "it is empty")
    if "\x00" in text or "\n" in text or "\r" in text:
        raise InvalidTarget(target, "it contains a control character")
    return _parse_text(text)


def parse_spec(spec: str) -> tuple[str, Target]:
    """The alias ("" where there is none) and the target of ``[alias=]target``; ``numpy>=2`` and ``a==1`` have no alias.

    Raises:
        InvalidTarget: if the target is none.
    """
    if not isinstance(spec, str):
        raise InvalidTarget(spec, f"a spec is text, not {type(spec).__name__}")
    alias, equals, target = spec.partition("=")
    if not equals or target.startswith("=") or not alias.strip().isidentifier():
        return "", parse(spec)
    if not target.strip():
        raise InvalidTarget(spec, "there is nothing after the '='")
    return alias.strip(), parse(target.strip())


def _parse_path_object(target: object) -> Target:
    fspath = getattr(type(target), "__fspath__", None)
    if fspath is None:
        raise InvalidTarget(target, f"a target is a str or a path, not {type(target).__name__}")
    path = fspath(target)
    if not isinstance(path, str):
        raise InvalidTarget(target, "a path must be text, not bytes")
    return Target("path", path)


def _parse_text(text: str) -> Target:
    if text.startswith("-"):
        raise InvalidTarget(text, "it starts with '-', as an option of an installer would")
    if text.startswith(_PATH_STARTS) or (text.endswith(_FILE_ENDINGS) and "://" not in text and "@" not in text):
        return Target("path", text)
    if is_module_name(text):
        return Target("module", text, text)
    name, at, _ = text.partition("@")
    if at and not set(name) & set("/\\:"):
        raise InvalidTarget(text, "a requirement with an address ('name @ …') cannot be loaded by this version")
    if ".." in text.lstrip(".") and all(not part or part.isidentifier() for part in text.split(".")):
        raise InvalidTarget(text, "there is nothing between two of its dots")
    if "/" in text or "\\" in text or "://" in text:
        raise InvalidTarget(
            text,
            "it looks like a repository, an address or a path",
            ways=(
                "a path starts with './', '../', '/' or '~', or ends with '.py' or '.whl'",
                "repositories and addresses cannot be loaded by this version",
            ),
        )
    module, colon, attribute = text.partition(":")
    if colon:
        return _parse_reference(text, module, attribute)
    return _parse_requirement(text)


def _parse_reference(text: str, module: str, attribute: str) -> Target:
    module, attribute = module.strip(), attribute.strip()
    if not is_module_name(module):
        raise InvalidTarget(text, f"{module!r} before the ':' is not a module name")
    if not is_module_name(attribute):
        raise InvalidTarget(text, f"{attribute!r} after the ':' is not a dotted name of an attribute")
    return Target("reference", text, module, attribute)


def _parse_requirement(text: str) -> Target:
    keyword = next((part for part in text.split(".") if _is_keyword(part)), None)
    if keyword is not None:
        raise InvalidTarget(text, f"{keyword!r} is a word of the Python language, no module can have that name")
    if text.startswith("."):
        raise InvalidTarget(text, "a module name is absolute, it does not start with '.'")
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise InvalidTarget(
            text, f"neither a module name, a reference nor a requirement: {str(error).splitlines()[0]}"
        ) from None
    if requirement.url is not None:
        raise InvalidTarget(text, "a requirement with an address ('name @ …') cannot be loaded by this version")
    return Target("requirement", str(requirement))


def is_module_name(text: str) -> bool:
    """Whether ``import text`` could be written: dotted identifiers, no keywords."""
    return all(part.isidentifier() and not _is_keyword(part) for part in text.split("."))


def _is_keyword(word: str) -> bool:
    from keyword import iskeyword

    return iskeyword(word)


def import_module(name: str) -> ModuleType:
    """Import and return the module ``name``, waiting for another thread that is importing it (:func:`importlib.import_module`).

    ``__import__`` goes through the import system's own locks; a bare look at ``sys.modules`` would see modules that are
    still being initialised.
    """
    __import__(name)
    return sys.modules[name]


def forget_listings() -> None:
    """Have path entry finders look at their directories again, and try those that were not there.

    ``importlib.invalidate_caches`` does this too, and imports ``importlib.metadata`` for it (20-35 ms).
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None:
            sys.path_importer_cache.pop(path, None)
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()


def resolve(module: ModuleType, attribute: str) -> Any:
    """The object at the dotted ``attribute`` of ``module``.

    Raises:
        AttributeError: naming the part that is missing.
    """
    value: Any = module
    for part in attribute.split("."):
        value = getattr(value, part)
    return value
