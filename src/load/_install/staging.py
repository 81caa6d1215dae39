"""A layer in the making: an empty directory beside the store, filled by an installer, proved, then renamed into place."""

from __future__ import annotations

import os
import sys

from load._install.declared import requirement_name
from load._install.environment import header_lines, module_of_file, normalise
from load._install.layers import Held, Reliance, collides
from load._install.locks import FileLock
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import Any

    from load._install.environment import Installed
    from load._install.layers import Layer
    from load._install.store import Store

# What installers add to a RECORD or compute for one place: no part of what a distribution is.
_NOT_CONTENT = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")
ASIDE = "aside"


class Staged(Value):
    """A distribution that the installer has put into the stage: its RECORD as (path, hash, size) and its metadata directory."""

    name: str
    version: str
    metadata: str
    record: tuple[tuple[str, str, str], ...]

    def tops(self, site: str) -> tuple[str, ...]:
        """Its top-level names; namespace packages with a ``/`` behind."""
        names = {top for path, _, _ in self.record if (top := module_of_file(path))}
        return tuple(sorted(name if _is_regular(site, name) else name + "/" for name in names))


class Broken(Exception):
    """What was staged is not what it says it is; the message is the problem."""


class Stage:
    """A directory of our own on the store's file system, removed on leaving unless it was committed.

    A lock tells the living stages from those whose maker was killed: `sweep` removes the latter.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root = store.directory("stage")
        self._layers = store.directory("layers")
        self.directory = os.path.join(self._root, f"{os.getpid()}-{os.urandom(4).hex()}")
        self.prefix = os.path.join(self.directory, "layer")
        self.borrowed = os.path.join(self.directory, "borrowed")
        self.site = site_of(self.prefix)
        self._lock = FileLock(self.directory + ".lock")

    def __enter__(self) -> Stage:
        self._lock.acquire()
        os.makedirs(os.path.dirname(self.site), mode=0o700)
        return self

    def __exit__(self, *error: Any) -> None:
        _remove_tree(self.directory)
        self._lock.release()
        _remove_file(self.directory + ".lock")

    def clear(self) -> None:
        """Begin anew: what a run of an installer has put there is not wanted."""
        _remove_tree(self.prefix)
        os.makedirs(os.path.dirname(self.site), mode=0o700)

    def gather(self) -> None:
        """Bring everything importable into the one site directory.

        Schemes differ: Debian's pip writes to ``local/lib/python3.x/dist-packages``, Fedora's platform-specific files go to
        ``lib64``.
        """
        os.makedirs(self.site, exist_ok=True)
        for directory, names, _ in os.walk(self.prefix):
            if directory == self.site:
                names.clear()
            elif any(name.endswith(".dist-info") for name in names):
                _merge(directory, self.site)
                names.clear()

    def distributions(self) -> list[Staged]:
        """What the installer put there, sorted by name.

        Raises:
            Broken: if a RECORD is missing, or lists files that are not there, not whole, or outside of the layer.
        """
        entries = sorted(name for name in os.listdir(self.site) if name.endswith(".dist-info"))
        return [self._read(name) for name in entries]

    def _read(self, entry: str) -> Staged:
        name, _, version = entry.removesuffix(".dist-info").partition("-")
        record = tuple(read_record(os.path.join(self.site, entry, "RECORD")))
        if not record:
            raise Broken(f"{entry} has no RECORD of its files")
        for path, _, size in record:
            self._check(entry, path, size)
        return Staged(normalise(name), version, entry, record)

    def _check(self, entry: str, path: str, size: str) -> None:
        file = os.path.normpath(os.path.join(self.site, path))
        if not file.startswith(self.prefix + os.sep):
            raise Broken(f"{entry} lists a file outside of its place: {path}")
        try:
            found = os.stat(file).st_size
        except OSError:
            raise Broken(f"{entry} lists a file that is not there: {path}") from None
        if size and int(size) != found:
            raise Broken(f"{entry} lists {path} with {size} bytes, but it has {found}")

    def set_aside(self, staged: Staged, wanted: Container[str]) -> tuple[list[str], list[str]]:
        """Take off the path every top-level name that exists already elsewhere, but for those that are wanted.

        Returns the names kept and the names set aside (kept in the layer, beside the path).
        """
        kept, aside = [], []
        for top in staged.tops(self.site):
            if top.rstrip("/") not in wanted and collides(top):
                aside.append(top)
                self._move_aside(top.rstrip("/"))
            else:
                kept.append(top)
        return kept, aside

    def _move_aside(self, top: str) -> None:
        place = os.path.join(self.prefix, ASIDE)
        os.makedirs(place, exist_ok=True)
        for name in os.listdir(self.site):
            if name == top or name.partition(".")[0] == top:
                os.rename(os.path.join(self.site, name), os.path.join(place, name))

    def commit(self, layer_id: str) -> str:
        """Rename the stage to the layer of that id.

        Where another process was first, its layer is as good as ours; a damaged one is moved out of the way.
        """
        place = os.path.join(self._layers, layer_id)
        if os.path.isdir(place) and self._store.layer(layer_id) is None:
            os.rename(place, os.path.join(self.directory, "damaged"))
        try:
            os.rename(self.prefix, place)
        except OSError:
            if self._store.layer(layer_id) is None:
                raise
        return place

    def write(self, name: str, text: str) -> None:
        """Write a file beside the installed ones."""
        with open(os.path.join(self.prefix, name), "w", encoding="utf-8") as stream:
            stream.write(text)


def sweep(store: Store) -> int:
    """Remove the stages whose maker is gone; how many there were.

    A stage has its lock file for all its life; a directory without one was made again by an installer that outlived its
    caller.
    """
    root = os.path.join(store.root, "stage")
    try:
        names = set(os.listdir(root))
    except OSError:
        return 0
    locks = {name for name in names if name.endswith(".lock")}
    orphans = {name for name in names - locks if name + ".lock" not in locks}
    for name in orphans:
        _remove_tree(os.path.join(root, name))
    return len(orphans) + sum(_sweep_one(os.path.join(root, name.removesuffix(".lock"))) for name in locks)


def _sweep_one(directory: str) -> bool:
    lock = FileLock(directory + ".lock")
    if not lock.acquire(blocking=False):
        return False
    _remove_tree(directory)
    _remove_file(directory + ".lock")
    lock.release()
    return True


def _remove_tree(path: str) -> None:
    from shutil import rmtree

    rmtree(path, ignore_errors=True)


def _remove_file(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def site_of(prefix: str) -> str:
    """Where importable files go below a prefix: as deep as in an environment, for RECORDs hold relative paths."""
    if os.name == "nt":
        return os.path.join(prefix, "Lib", "site-packages")
    return os.path.join(prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


def _merge(source: str, target: str) -> None:
    for name in os.listdir(source):
        from_, to = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(from_) and os.path.isdir(to):
            _merge(from_, to)
        else:
            os.rename(from_, to)


def _is_regular(site: str, name: str) -> bool:
    """Whether a top-level name of a site is a module or a package with an ``__init__``, and no namespace package."""
    directory = os.path.join(site, name)
    if not os.path.isdir(directory):
        return True
    return any(entry.partition(".")[0] == "__init__" for entry in os.listdir(directory))


def read_record(file: str) -> Iterator[tuple[str, str, str]]:
    """The rows of a RECORD (path, hash, size); none where it cannot be read."""
    import csv

    try:
        with open(file, encoding="utf-8", newline="") as stream:
            yield from ((row[0], row[1], row[2]) for row in csv.reader(stream) if len(row) == 3)
    except (OSError, csv.Error, UnicodeDecodeError):
        return


def content_id(staged: Iterable[Staged], aside: Iterable[str]) -> str:
    """The name of a layer: what its distributions are, whoever installed them and wherever.

    Twenty hexadecimal digits of a SHA-256 over names, versions and the RECORDs without installers' own files.
    """
    from hashlib import sha256

    digest = sha256()
    for each in sorted(staged):
        digest.update(f"{each.name}=={each.version}\n".encode())
        for path, hash_, _ in sorted(each.record):
            if hash_ and not path.startswith("..") and path.rpartition("/")[2] not in _NOT_CONTENT:
                digest.update(f"{path}\t{hash_}\n".encode())
    digest.update("\t".join(sorted(aside)).encode())
    return digest.hexdigest()[:20]


def held(staged: Staged, tops: Iterable[str]) -> Held:
    return Held(staged.name, staged.version, tuple(tops))


def reliances(
    site: str,
    staged: Iterable[Staged],
    asked: Iterable[str],
    environment: Mapping[str, Installed],
    active: Mapping[str, Layer],
) -> list[Reliance]:
    """What the staged distributions, and the requirements that were asked for, want of what was importable already."""
    here, found = {each.name for each in staged}, {}
    requirements = [*_requirements(site, staged), *asked]
    extras = [text for text in requirements if "[" in text.partition(";")[0]]
    for text in requirements:
        name = requirement_name(text)
        if name in here or name not in environment:
            continue
        specifier = _specifier(text, extras)
        if specifier is not None:
            layer = next((layer.id for layer in active.values() if layer.version_of(name)), "")
            found[name] = Reliance(name, environment[name].version, specifier, layer)
    return [found[name] for name in sorted(found)]


def _requirements(site: str, staged: Iterable[Staged]) -> Iterator[str]:
    for each in staged:
        lines = header_lines(os.path.join(site, each.metadata, "METADATA"))
        yield from (line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Dist:"))


def _specifier(requirement: str, with_extras: Iterable[str]) -> str | None:
    """The versions that a requirement allows, or None where it does not apply here with any extra that is asked for."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
        asked = {extra for text in with_extras for extra in Requirement(text).extras}
    except InvalidRequirement:
        return None  # a wheel, or what the installer alone can judge
    applies = parsed.marker is None or any(parsed.marker.evaluate({"extra": extra}) for extra in {"", *asked})
    return str(parsed.specifier) if applies else None


def path_lines(site: str, prefix: str) -> tuple[list[str], list[str]]:
    """The directories that a layer's ``.pth`` files add (relative to its prefix), and their ``import`` lines.

    Raises:
        Broken: if a file adds a directory outside of the layer.
    """
    paths, code = [], []
    for name in sorted(name for name in os.listdir(site) if name.endswith(".pth")):
        with open(os.path.join(site, name), encoding="utf-8", errors="replace") as stream:
            lines = [line.rstrip() for line in stream if line.strip() and not line.startswith("#")]
        for line in lines:
            if line.startswith(("import ", "import\t")):
                code.append(line)
                continue
            directory = os.path.normpath(os.path.join(site, line))
            if os.path.isdir(directory) and not directory.startswith(prefix + os.sep):
                raise Broken(f"{name} adds a directory outside of its place: {line}")
            if os.path.isdir(directory):
                paths.append(os.path.relpath(directory, prefix))
    return paths, code
