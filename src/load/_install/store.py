"""The store: immutable layers of installed files, found through an index of requests, activated by one path entry.

On disk, below ``<home>/1/<interpreter tag>/``::

    layers/<id>/layer           what it holds and relies on, as text (see `Layer`)
    layers/<id>/receipt.json    the same for people and tools, with the whole story
    layers/<id>/lib/…           the installed files, at the depth that their wheels' relative paths expect
    undated                     distributions of indexes without upload times, for a day
    requests/<module>           one line per layer that was made for that module: id, requirement, date limit
    locks/<id>.lock             held shared by every process that uses the layer
    locks/<request>.build       held by the one process that is building for a request
    stage/<pid>-<random>/       a layer in the making; importable by nobody
    borrowed/<distribution>/    bare metadata of what is importable, for the eyes of resolvers
"""

from __future__ import annotations

import os
import sys
from time import time

from load._errors import ConfigError
from load._install.declared import requirement_name
from load._install.environment import distributions
from load._install.layers import FORMAT, Layer, Reliance, collides, parse_layer, satisfies
from load._install.locks import FileLock
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from load._install.environment import Installed
    from load._install.names import Need


class Request(Value):
    """A line of the index of requests: which layer was made for a module, by which requirement, up to which date."""

    module: str
    layer: str
    requirement: str
    as_of: str


def tag() -> str:
    """What a layer can be used by: ``cpython-311-linux-x86_64-glibc``. Costs 5 µs, ``sysconfig`` up to 2 ms."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown")
    parts = [sys.implementation.cache_tag or sys.implementation.name, sys.platform, machine.lower()]
    if sys.platform == "linux":
        # A glibc wheel and a musl wheel of one name differ, and a home directory may be shared.
        parts.append("glibc" if "CS_GNU_LIBC_VERSION" in os.confstr_names else "musl")
    return "-".join(parts) + getattr(sys, "abiflags", "")


class Store:
    """The layers of one user for this interpreter. Creating the object touches no file."""

    def __init__(self, home: str, root: str = "") -> None:
        self.home = home
        self.root = root or os.path.join(home, FORMAT, tag())
        self.active: dict[str, Layer] = {}
        """The layers on ``sys.path``, by id, in the order of activation."""
        self._consented: set[str] = set()
        """The active layers whose ``.pth`` code was run."""
        self._locks: list[FileLock] = []
        """The shared locks of the active layers; never released, so that nobody removes a layer under a program."""

    def directory(self, kind: str) -> str:
        """One of the store's directories (see the module's docstring), made if need be."""
        path = os.path.join(self.root, kind)
        if not os.path.isdir(path):
            # `makedirs` gives its mode to the last directory only, and a usual umask lets a group write into the others.
            for place in (self.home, os.path.dirname(self.root), self.root, path):
                os.makedirs(place, mode=0o700, exist_ok=True)
        return path

    def check_privacy(self) -> None:
        """Refuse a store into which others may write: whoever can, can run code in this program.

        Raises:
            ConfigError: with the command that mends it.
        """
        try:
            mode = os.stat(self.home).st_mode
        except OSError:
            return  # not there yet, or not to be had: making a directory in it will say so
        if os.name == "posix" and mode & 0o022:
            raise ConfigError(
                f"the store {self.home} can be written by other users of this machine",
                ways=(f"chmod go-w {self.home}", "another store: LOAD_HOME=/a/directory/of/yours"),
            )

    def find(self, need: Need, environment: Mapping[str, Installed], as_of: str = "") -> Layer | None:
        """A layer that was made for the module and fits what is importable now; the latest such.

        Cost: reads one small file per candidate; asks ``packaging`` only where the requirement is not literally the
        one that the layer was made for.
        """
        for request in reversed(self.requests(need.key)):
            if request.as_of != as_of:
                continue
            layer = self.layer(request.layer)
            if layer and _meets(layer, request, need.requirement) and self.fits(layer, environment):
                return layer
        return None

    def undated(self) -> tuple[str, ...]:
        """The distributions that were found, within a day, to be on an index without upload times."""
        file = os.path.join(self.root, "undated")
        try:
            if os.stat(file).st_mtime < time() - 86_400:
                return ()
            with open(file, encoding="utf-8") as stream:
                return tuple(stream.read().split())
        except OSError:
            return ()

    def remember_undated(self, names: Iterable[str]) -> None:
        """Spare the next transactions the run of an installer that finds this out."""
        temporary = os.path.join(self.directory("stage"), f"{os.getpid()}-undated")
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write("\n".join(names))
        os.replace(temporary, os.path.join(self.root, "undated"))

    def publish(self, layer: Layer) -> None:
        """Make a new layer known to interpreters that do not load it; this store keeps its layers to itself."""

    def requests(self, module: str) -> list[Request]:
        """The lines of the index for a module, oldest first. A torn line (a full disk) is no line."""
        try:
            with open(os.path.join(self.root, "requests", file_name(module)), encoding="utf-8") as stream:
                rows = [line.split("\t") for line in stream.read().split("\n")]
        except OSError:
            return []
        return [Request(*row) for row in rows if len(row) == 4 and row[0] == module]

    def remember(self, request: Request) -> None:
        """Add a line to the index of requests: one short write at the end of a file, which is atomic."""
        if request in self.requests(request.module)[-1:]:
            return
        path = os.path.join(self.directory("requests"), file_name(request.module))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, ("\t".join(request) + "\n").encode())
        finally:
            os.close(descriptor)

    def layer(self, layer_id: str) -> Layer | None:
        """The layer of that id, or None where there is none (any more) or its description cannot be read."""
        if layer_id in self.active:
            return self.active[layer_id]
        directory = os.path.join(self.root, "layers", layer_id)
        try:
            with open(os.path.join(directory, "layer"), encoding="utf-8") as stream:
                layer = parse_layer(layer_id, directory, stream.read())
        except (OSError, ValueError):
            return None
        return layer if os.path.isdir(layer.site) else None

    def fits(self, layer: Layer, environment: Mapping[str, Installed]) -> bool:
        """Whether the layer can be added to what is importable now without changing or breaking anything of it."""
        for held in layer.holds:
            here = environment.get(held.name)
            if here is not None and here.version != held.version:
                return False
        return all(self._relied_on(each, environment) for each in layer.relies) and not self._collides(
            layer, environment
        )

    def _relied_on(self, reliance: Reliance, environment: Mapping[str, Installed]) -> bool:
        here = environment.get(reliance.name)
        if here is not None:
            return here.version == reliance.version or satisfies(here.version, reliance.specifier)
        other = self.layer(reliance.layer) if reliance.layer else None
        return other is not None and self.fits(other, environment)

    def _collides(self, layer: Layer, environment: Mapping[str, Installed]) -> bool:
        return any(
            collides(top) for held in layer.holds if held.name not in environment for top in held.tops
        )  # fmt: skip

    def activate(self, layer: Layer, *, consent: bool = False) -> list[Layer]:
        """Append the layer, and first those that it relies on, to ``sys.path``; what was added, in order.

        Appended, never put in front: what is importable now stays what it is.

        Parameters:
            consent: whether code in ``.pth`` files may be run, as a build may.
        """
        added = self._activate_relied_on(layer)
        if layer.id not in self.active:
            self._hold(layer)
            _append(layer.site, *layer.paths)
            self.active[layer.id] = layer
            added.append(layer)
        if consent and layer.id not in self._consented:
            self._consented.add(layer.id)
            for line in layer.code:
                exec(line)  # noqa: S102 - as `site` would run it
        return added

    def _hold(self, layer: Layer) -> None:
        """Take the layer's shared lock; in a store that we cannot write, nobody of us can remove it either."""
        try:
            lock = FileLock(os.path.join(self.directory("locks"), layer.id + ".lock"))
            lock.acquire(shared=True)
        except OSError:
            return
        self._locks.append(lock)

    def _activate_relied_on(self, layer: Layer) -> list[Layer]:
        missing = [each for each in layer.relies if each.layer and each.layer not in self.active]
        here = distributions() if missing else {}
        others = [self.layer(each.layer) for each in missing if each.name not in here]
        return [added for other in others if other is not None for added in self.activate(other)]


def _append(*paths: str) -> None:
    for path in paths:
        if path not in sys.path:
            sys.path.append(path)
            # A finder remembers that a directory was not there when it was first asked for.
            sys.path_importer_cache.pop(path, None)


class EnvironmentStore(Store):
    """Layers inside the active virtual environment, which plain ``import`` finds from the next start on.

    A layer is published by the rename of one ``.pth`` file, so that it is there wholly or not at all.
    """

    def __init__(self) -> None:
        if sys.prefix == sys.base_prefix:
            raise ConfigError(
                "into='env' places packages in the active virtual environment, and there is none",
                ways=("run inside of a virtual environment", "use the store: into='store'"),
            )
        super().__init__(sys.prefix, os.path.join(sys.prefix, "share", "load", FORMAT, tag()))

    def activate(self, layer: Layer, *, consent: bool = False) -> list[Layer]:
        added = super().activate(layer, consent=consent)
        for each in added:
            self.publish(each)  # whoever made it may have been killed before
        return added

    def publish(self, layer: Layer) -> None:
        import sysconfig

        target = os.path.join(sysconfig.get_path("purelib"), f"load-{layer.id}.pth")
        if os.path.exists(target):
            return
        temporary = os.path.join(self.directory("stage"), f"{os.getpid()}-{layer.id}.pth")
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write("".join(path + "\n" for path in (layer.site, *layer.paths)))
        os.replace(temporary, target)


def _meets(layer: Layer, request: Request, requirement: str) -> bool:
    name = requirement_name(requirement)
    version = layer.version_of(name)
    if not version or ("@" in request.requirement and requirement != request.requirement):
        return False
    specifier = requirement.strip()[len(name) :].strip() if requirement != request.requirement else ""
    return not specifier or _satisfies_requirement(version, requirement, request.requirement)


def _satisfies_requirement(version: str, requirement: str, made_for: str) -> bool:
    if "@" in requirement:
        return False  # a wheel, a repository or an address: only that very one will do
    from packaging.requirements import Requirement

    wanted, had = Requirement(requirement), Requirement(made_for)
    return wanted.specifier.contains(version, prereleases=True) and wanted.extras <= had.extras


def file_name(key: str) -> str:
    """A file name for a module name or another key: no letter that a file system treats specially, none confused by case."""
    plain = "".join(
        letter if letter.islower() or letter.isdigit() or letter in "._-" else f"%{ord(letter):x}" for letter in key
    )
    return plain if plain.isascii() and len(plain) <= 200 else f"%{_digest(plain)}"


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()


def find_layers(needs: Sequence[Need], store: Store, as_of: str, here: dict[str, Installed]) -> dict[Need, Layer]:
    """The layers of a store that meet needs, each fitting what is ``here`` and those before it; ``here`` grows by them."""
    found = {}
    for need in needs:
        layer = store.find(need, here, as_of) if need.requirement else None
        if layer is not None:
            found[need] = layer
            here.update(distributions([layer.site]))
    return found


def walk_layers(store: Store) -> Iterator[Layer]:
    """Every layer of the store that can be read."""
    try:
        ids = sorted(os.listdir(os.path.join(store.root, "layers")))
    except OSError:
        return
    yield from (layer for layer_id in ids if (layer := store.layer(layer_id)) is not None)
