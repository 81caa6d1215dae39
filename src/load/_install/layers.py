"""A layer: what it holds, what it relies on, and how that is written down."""

from __future__ import annotations

import os
import sys

from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = "1"


class Held(Value):
    """A distribution in a layer; ``tops`` are its top-level names, those of namespace packages with a ``/`` behind."""

    name: str
    version: str
    tops: tuple[str, ...]


class Reliance(Value):
    """A distribution that a layer needs and does not hold: found then at ``version``, wanted as ``specifier``.

    ``layer`` is the id of the layer that held it then, "" for the environment.
    """

    name: str
    version: str
    specifier: str
    layer: str


class Layer(Value):
    """An immutable directory of installed files. ``site`` goes on the path, then ``paths`` (from its ``.pth`` files).

    ``code`` are the ``import`` lines of ``.pth`` files: whoever activates it runs them only with the user's consent.
    """

    id: str
    site: str
    holds: tuple[Held, ...] = ()
    relies: tuple[Reliance, ...] = ()
    paths: tuple[str, ...] = ()
    code: tuple[str, ...] = ()

    def version_of(self, distribution: str) -> str:
        """The version it holds of a (normalised) distribution, or ""."""
        return next((held.version for held in self.holds if held.name == distribution), "")


def parse_layer(layer_id: str, directory: str, text: str) -> Layer:
    """Read a layer's description.

    Raises:
        ValueError: if it is not one, or was cut off.
    """
    rows = [line.split("\t") for line in text.splitlines()]
    if not rows or rows[0] != ["layer", FORMAT] or rows[-1] != ["end"]:
        raise ValueError(f"not the description of a layer: {directory}")
    by_kind: dict[str, list[list[str]]] = {}
    for kind, *fields in rows:
        by_kind.setdefault(kind, []).append(fields)
    (site,) = by_kind["site"][0]
    return Layer(
        layer_id,
        os.path.join(directory, site),
        tuple(Held(name, version, tuple(tops.split())) for name, version, tops in by_kind.get("holds", ())),
        tuple(Reliance(*fields) for fields in by_kind.get("relies", ())),
        tuple(os.path.join(directory, path) for (path,) in by_kind.get("path", ())),
        tuple(line for (line,) in by_kind.get("code", ())),
    )


def describe_layer(
    site: str, holds: Iterable[Held], relies: Iterable[Reliance], paths: Iterable[str], code: Iterable[str]
) -> str:
    """The text that `parse_layer` reads; paths relative to the layer's directory."""
    rows: list[tuple[str, ...]] = [("layer", FORMAT), ("site", site)]
    rows += [("holds", held.name, held.version, " ".join(held.tops)) for held in holds]
    rows += [("relies", *reliance) for reliance in relies]
    rows += [("path", path) for path in paths] + [("code", line) for line in code] + [("end",)]
    return "".join("\t".join(row) + "\n" for row in rows)


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version is one that a specifier allows (:pep:`440`); pre-releases that are here count."""
    if not specifier:
        return True
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier).contains(version, prereleases=True)


def collides(top: str) -> bool:
    """Whether a top-level name (``name/`` for a namespace package) exists already, where adding it would hide or split it.

    Portions of one namespace package in several sites belong together; a portion in a user's own directory does not.
    """
    from importlib.machinery import PathFinder

    from load._install.environment import is_site

    name = top.rstrip("/")
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    try:
        spec = PathFinder.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    if spec.loader is not None and spec.origin is not None:
        return True
    portions = list(spec.submodule_search_locations or ())
    return not (top.endswith("/") and all(is_site(os.path.dirname(portion)) for portion in portions))
