"""What the project itself declares: which requirement it wants for a name, and where it says so."""

from __future__ import annotations

import os

from load import _project
from load._errors import ConfigError
from load._install.environment import normalise
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_NAME_ENDS = " \t<>=!~;[(@,#"


class Declaration(Value):
    """A requirement (:pep:`508`, as written) and the file that declares it."""

    requirement: str
    where: str


class Declared:
    """The declarations of the main program's project, read when first asked and again when a file changes.

    A file is parsed only if the name asked for is written in it somewhere: ``tomllib`` takes 6-14 ms to import, a search of
    the text some µs.
    """

    def __init__(self) -> None:
        self._stamps: tuple[tuple[str, int], ...] | None = None
        self._text = ""
        """All files as one text, folded as distribution names are."""
        self._tables: list[_Tables] = []
        """What was parsed of these files; empty until it is needed."""

    def distribution(self, name: str) -> Declaration | None:
        """What is declared for a distribution (any spelling)."""
        folded = normalise(name)
        return self._parsed().distributions.get(folded) if self._mentions(folded) else None

    def module(self, name: str) -> Declaration | None:
        """What ``[tool.load.names]`` says for a module: the longest dotted prefix counts."""
        if not self._mentions("names"):
            return None
        modules = self._parsed().modules
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return modules.get(name)

    def _mentions(self, folded: str) -> bool:
        project = _project.find()
        files = [file for file in (project.script, project.pyproject, project.requirements) if file]
        stamps = tuple((file, os.stat(file).st_mtime_ns) for file in files)
        if stamps != self._stamps:
            texts = (_block_text(file) if file == project.script else _read(file) for file in files)
            self._text = "\n".join(normalise(text) for text in texts)
            self._tables.clear()
            self._stamps = stamps
        return folded in self._text

    def _parsed(self) -> _Tables:
        if not self._tables:
            self._tables.append(_Tables(_project.find()))
        return self._tables[0]


class _Tables:
    """The declarations in the files of a project; the first that names a distribution counts.

    ``distributions`` by normalised name: ``{"numpy": Declaration("numpy>=1.26", "/p/requirements.txt")}``; ``modules`` from
    ``[tool.load.names]``: ``{"cv2": Declaration("opencv-python-headless", "/p/pyproject.toml")}``.
    """

    def __init__(self, project: _project.Project) -> None:
        self.distributions: dict[str, Declaration] = {}
        self.modules: dict[str, Declaration] = {}
        for requirement, where in self._all(project):
            name = requirement_name(requirement)
            if name and applies(requirement):
                self.distributions.setdefault(name, Declaration(requirement, where))

    def _all(self, project: _project.Project) -> Iterator[tuple[str, str]]:
        if project.script:
            yield from ((text, project.script) for text in script_requirements(project.script))
        if project.pyproject:
            table = _project.read_toml(project.pyproject)
            self._read_names(project.pyproject)
            yield from ((text, project.pyproject) for text in pyproject_requirements(table))
        if project.requirements:
            yield from ((text, project.requirements) for text in requirements_lines(project.requirements))

    def _read_names(self, where: str) -> None:
        for module, requirement in _project.tool_table(where).get("names", {}).items():
            if not isinstance(requirement, str) or not is_requirement(requirement):
                raise ConfigError(
                    f"[tool.load.names] in {where}: {module!r} must name a requirement, not {requirement!r}"
                )
            self.modules[module] = Declaration(requirement, where)


def _read(file: str) -> str:
    with open(file, encoding="utf-8-sig", errors="replace") as stream:
        return stream.read()


def _block_text(file: str) -> str:
    """The comment lines of a script's metadata block; the code of a program mentions nothing."""
    lines = _read(file).splitlines()
    return "\n".join(line for line in lines if line.startswith("#")) if "# /// script" in lines else ""


def requirement_name(requirement: str) -> str:
    """The normalised distribution name at the start of a requirement, or "". No ``packaging`` (26 ms) is needed for that."""
    text = requirement.strip()
    end = min((position for mark in _NAME_ENDS if (position := text.find(mark)) >= 0), default=len(text))
    name = text[:end]
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    return normalise(name) if plain.isalnum() and plain.isascii() and name[0].isalnum() else ""


def is_requirement(text: str) -> bool:
    """Whether a text is a requirement by :pep:`508`."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def applies(requirement: str) -> bool:
    """Whether the environment marker of a requirement, if it has one, is true here."""
    if ";" not in requirement:
        return True
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        marker = Requirement(requirement).marker
    except InvalidRequirement:
        return False
    return marker is None or marker.evaluate({"extra": ""})


def pyproject_requirements(table: dict[str, Any]) -> Iterator[str]:
    """Dependencies, optional dependencies and dependency groups of a parsed pyproject.toml (:pep:`621`, :pep:`735`)."""
    project = table.get("project", {})
    yield from _texts(project.get("dependencies", ()))
    for group in project.get("optional-dependencies", {}).values():
        yield from _texts(group)
    for group in table.get("dependency-groups", {}).values():
        yield from _texts(group)


def _texts(items: Iterable[object]) -> Iterator[str]:
    yield from (item for item in items if isinstance(item, str))


def script_requirements(file: str) -> list[str]:
    """The dependencies in a script's own block.

    Raises:
        ConfigError: if they are no list of texts, with file and line.
    """
    dependencies = script_block(file).get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(each, str) for each in dependencies):
        line = _read(file).splitlines().index("# /// script") + 1
        raise ConfigError(f"{file}:{line}: 'dependencies' must be a list of requirements, not {dependencies!r}")
    return dependencies


def requirements_lines(file: str) -> Iterator[str]:
    """The requirements of a requirements.txt: options, comments, addresses and nested files are left to installers."""
    for line in _read(file).replace("\\\n", " ").splitlines():
        text = line.replace("\t", " ").partition(" #")[0].partition(" --")[0].strip()
        if text and not text.startswith(("#", "-")) and "://" not in text:
            yield text


def script_block(file: str) -> dict[str, Any]:
    """The ``script`` block of inline script metadata (:pep:`723`), or an empty table.

    Raises:
        ConfigError: if there are several or it is not TOML, with file and line.
    """
    lines = _read(file).splitlines()
    starts = [number for number, line in enumerate(lines) if line.rstrip() == "# /// script"]
    if not starts:
        return {}
    if len(starts) > 1:
        raise ConfigError(f"{file}:{starts[1] + 1}: a second '# /// script' block; PEP 723 allows one")
    return _parse_block(file, starts[0], lines)


def _parse_block(file: str, start: int, lines: list[str]) -> dict[str, Any]:
    from itertools import takewhile

    block = list(takewhile(lambda line: line.startswith("#"), lines[start + 1 :]))
    ends = [number for number, line in enumerate(block) if line.rstrip() == "# ///"]
    if not ends:
        return {}
    content = [line[2:] if line.startswith("# ") else line[1:] for line in block[: ends[-1]]]
    import tomllib

    try:
        return tomllib.loads("\n".join(content))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}:{start + 1}: the '# /// script' block is not valid TOML: {error}") from None
