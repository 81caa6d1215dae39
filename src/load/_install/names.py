"""From a module name to what an installer takes: the order of evidence, and how sure we are."""

from __future__ import annotations

import sys

from load._install.declared import requirement_name
from load._install.environment import normalise, providers
from load._install.name_table import TABLE
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from load._install.declared import Declared
    from load._install.environment import Installed
    from load._install.name_table import Row

# The kinds of evidence that name something installable; with any other `because` the requirement is "".
TRUSTED = frozenset({"declared", "curated", "alias"})


class Need(Value):
    """What a module needs, and why we believe so.

    ``requirement`` is "" where nothing is to be installed for the name: then ``because`` says why (``standard library``,
    ``removed from the standard library``, ``local``, ``installed``, ``generic word``, ``namespace``, ``elsewhere``,
    ``no distribution name``) and ``warning`` tells it to a reader. ``candidates`` are names that may be meant.
    """

    module: str
    requirement: str
    because: str
    candidates: tuple[str, ...] = ()
    warning: str = ""

    @property
    def key(self) -> str:
        """What the index of requests knows it by: the module, or the distribution where the module is not known yet."""
        return self.module or f"distribution {requirement_name(self.requirement)}"


def need_for(module: str, declared: Declared, installed: Mapping[str, Installed]) -> Need:
    """What ``module`` needs; it is taken as not importable. Never touches the network, never imports it.

    The order of evidence: the standard library and what lies beside the program are never installed; then what the
    project declares, what is installed already, the curated table (longest dotted prefix first), the namespace
    rule, words too generic to guess, and last the same name.
    """
    top = module.partition(".")[0]
    return (
        _from_tool_names(module, declared)
        or _standard_library(module, top)
        or _local(module, top)
        or _declared(module, declared)
        or _installed(module, top, installed)
        or _known(module)
        or _not_guessed(module, top)
        or _same_name(module, top)
    )


def need_of_present(module: str, declared: Declared, installed: Mapping[str, Installed]) -> Need | None:
    """What a module that can be imported needs, or None if it cannot. Nothing is imported."""
    top = module.partition(".")[0]
    said = _from_tool_names(module, declared)
    if said is not None:
        return said
    location = _location(top)
    if top in sys.stdlib_module_names:
        return (
            None if location is None and top not in sys.builtin_module_names else Need(module, "", "standard library")
        )
    if location is None:
        return None
    here = providers(module, installed) or providers(top, installed)
    if not here:
        return Need(module, "", "local", (), location)
    first, *others = here
    return Need(module, f"{first.name}=={first.version}", "installed", tuple(each.name for each in others), location)


def _from_tool_names(module: str, declared: Declared) -> Need | None:
    declaration = declared.module(module)
    return Need(module, declaration.requirement, "declared") if declaration else None


def _standard_library(module: str, top: str) -> Need | None:
    removed = TABLE.row("removed", top)
    if removed is not None and top not in sys.stdlib_module_names:
        text = f"{top!r} was in the standard library until Python {removed.value} and is gone from this one"
        return Need(
            module, "", "removed from the standard library", (), f"{text}; {removed.note}" if removed.note else text
        )
    if top not in sys.stdlib_module_names:
        return None
    platform = TABLE.row("platform", top)
    if platform is not None:
        return Need(
            module, "", "standard library", (), f"{top!r} is part of Python but not of this build: {platform.value}"
        )
    return Need(module, "", "standard library", (), f"{top!r} is in Python's own library, which has no {module!r}")


def _local(module: str, top: str) -> Need | None:
    location = _location(top)
    if location is None or "site-packages" in location or "dist-packages" in location:
        return None
    if module == top:
        return Need(module, "", "local", (), f"{location} is here and yet {module!r} cannot be found in it")
    return Need(module, "", "local", (), f"{top!r} is your own code at {location}, which has no {module!r}")


def _location(top: str) -> str | None:
    """Where a top-level module would be imported from; a namespace package without code of the user's is nowhere."""
    from importlib.machinery import PathFinder

    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None) or PathFinder.find_spec(top)
    if spec is None:
        return None
    if spec.origin is not None and spec.loader is not None:
        return str(spec.origin)
    portions = [path for path in spec.submodule_search_locations or () if "-packages" not in path]
    return portions[0] if portions else None


def _declared(module: str, declared: Declared) -> Need | None:
    for distribution in (*_known_distributions(module), *(normalise(prefix) for prefix in _prefixes(module))):
        declaration = declared.distribution(distribution)
        if declaration is not None:
            return Need(module, declaration.requirement, "declared")
    return None


def _installed(module: str, top: str, installed: Mapping[str, Installed]) -> Need | None:
    known = _known_distributions(module)
    here = [installed[name] for name in known if name in installed]
    if not known and TABLE.row("namespace", top) is None:
        here = [*providers(top, installed)]
    if not here:
        return None
    names = ", ".join(f"{each.name} {each.version}" for each in here)
    warning = f"{names} is installed and should provide {top!r}, but its files are incomplete or have moved"
    if module != top:
        warning = f"{names} is installed and provides {top!r}, but it has no {module!r}"
    return Need(module, "", "installed", tuple(each.name for each in here), warning)


def _known_distributions(module: str) -> tuple[str, ...]:
    """The distributions that the table knows for a module, the best first."""
    need = _known(module)
    if need is None or not need.requirement:
        return ()
    others = need.candidates if need.because == "curated" else ()
    return (requirement_name(need.requirement), *others)


def _prefixes(module: str) -> Iterator[str]:
    """``a.b.c``, ``a.b``, ``a``."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _known(module: str) -> Need | None:
    """What the table says of the longest prefix that it knows in any way."""
    for prefix in _prefixes(module):
        said = _elsewhere(module, prefix) or _curated(module, prefix) or _agreeing(module, prefix)
        if said is not None:
            return said
        row = TABLE.row("namespace", prefix)
        if row is not None:
            return _in_namespace(module, row)
    return _by_distribution(module)


def _by_distribution(module: str) -> Need | None:
    """``PyYAML``: the name of a well-known distribution, and not of a module."""
    name = normalise(module)
    modules = TABLE.modules_of(name) if "." not in module else ()
    return Need(_likeliest(name, modules), name, "curated", modules) if _likeliest(name, modules) else None


def module_meant(name: str) -> str:
    """The module behind a name that cannot be imported: ``yaml`` for ``PyYAML``, ``IPython`` for ``ipython``, else itself."""
    need = _known(name)
    return need.module if need is not None else name


def _elsewhere(module: str, prefix: str) -> Need | None:
    row = TABLE.row("elsewhere", prefix)
    if row is None:
        return None
    return Need(module, "", "elsewhere", (), f"{module!r} does not come from a package index: {row.value}")


def _curated(module: str, prefix: str) -> Need | None:
    row = TABLE.row("curated", prefix)
    if row is None:
        return None
    first, *others = row.value.split(",")
    limit, _, why = (
        row.note.removeprefix("needs ").partition(": ") if row.note.startswith("needs ") else ("", "", row.note)
    )
    return Need(module, limit or first, "curated", tuple(others), why)


def _agreeing(module: str, prefix: str) -> Need | None:
    row = TABLE.row("agree", normalise(prefix))
    if row is None:
        return None
    provided = row.value or row.name.replace("-", "_")
    if provided == prefix:
        return Need(module, row.name, "curated")
    if "." in prefix or "." in provided:
        return None
    # `load("ipython")`: a distribution's name was given; its module is spelt otherwise.
    spelt = provided + module[len(prefix) :]
    return Need(spelt, row.name, "curated", (), f"{row.name} provides {provided!r}, not {prefix!r}")


def _in_namespace(module: str, row: Row) -> Need:
    children = tuple(row.note.split())
    rest = module[len(row.name) + 1 :]
    if not rest:
        names = tuple(f"{row.name}.{child}" for child in children)
        text = f"{module!r} is shared by many distributions: name the part, such as {', '.join(names)}"
        return Need(module, "", "namespace", names, text)
    known = [child for child in children if rest == child or rest.startswith(child + ".")]
    return Need(module, normalise(f"{row.value}-{max(known, key=len, default=rest)}"), "namespace rule")


def _not_guessed(module: str, top: str) -> Need | None:
    if TABLE.row("generic", top.lower()) is not None:
        text = f"{top!r} is a word that many unrelated projects use: which one you mean is never guessed"
        return Need(module, "", "generic word", (), text)
    if not top.isascii():
        return Need(module, "", "no distribution name", _look_alikes(top), _strange_letters(top))
    if not top[0].isalnum():
        return Need(module, "", "no distribution name", (), f"{top!r} is a private name, which no distribution has")
    return None


def _same_name(module: str, top: str) -> Need:
    name = normalise(top).strip("-")
    wrong = TABLE.row("wrong", name)
    if wrong is not None:
        what = f": {wrong.note}" if wrong.note else ""
        text = f"the distribution {name!r} is another project{what}"
        return Need(module, name, "same name", tuple(wrong.value.split(",")), text)
    return Need(module, name, "same name", nearest(name))


def nearest(name: str) -> tuple[str, ...]:
    """Well-known module names that ``name`` may be a misspelling of, best first."""
    from difflib import get_close_matches

    if len(name) > 60:
        return ()
    known = [row.value or row.name.replace("-", "_") for row in TABLE.rows("agree")]
    known += [row.name for row in TABLE.rows("curated") if "." not in row.name]
    return tuple(get_close_matches(name.replace("-", "_"), known, n=3, cutoff=0.8))


def _look_alikes(top: str) -> tuple[str, ...]:
    return nearest("".join(_LOOK_ALIKES.get(letter, letter) for letter in top))


def _strange_letters(top: str) -> str:
    import unicodedata

    strange = next(letter for letter in top if not letter.isascii())
    name = unicodedata.name(strange, "an unnamed character")
    return f"{top!r} contains {strange!r} ({name}), which no distribution's name can"


# Letters of other scripts that read as Latin ones (Unicode TR39's confusables, those that identifiers can contain).
_LOOK_ALIKES = dict(zip("асԁеһіјӏорԛѕυνԝхуαΑΒΕΖΗΙΚΜΝΟΡΤΧΥ", "acdehijlopqsuvwxyaABEZHIKMNOPTXY", strict=True))


def need_for_distribution(requirement: str, name: str) -> Need:
    """What a requirement given by its distribution needs: its module is looked up in the curated table, else left "".

    A module left open is read from what the distribution installs.
    """
    modules = TABLE.modules_of(name)
    wrong = TABLE.row("wrong", name)
    if wrong is not None:
        what = f": {wrong.note}" if wrong.note else ""
        meant = tuple(wrong.value.split(","))
        return Need("", requirement, "given", meant, f"the distribution {name!r} is probably not what you mean{what}")
    if modules:
        return Need(modules[0] if len(modules) == 1 else _likeliest(name, modules), requirement, "curated", modules[1:])
    return Need("", requirement, "given")


def _likeliest(name: str, modules: tuple[str, ...]) -> str:
    """Of a known distribution's modules the one to give: its namesake, or none where that would be a guess."""
    public = [module for module in modules if not module.startswith("_")]
    same = [module for module in public if normalise(module) == name]
    return same[0] if same else public[0] if len(public) == 1 else ""
