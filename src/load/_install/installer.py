"""Provides layers: look in the store, lock, look again, and only then install. One installs, everybody else waits."""

from __future__ import annotations

import os
from errno import ENOSPC
from time import time

from load import _errors
from load._errors import InstallFailed, LoadError
from load._install.environment import distributions
from load._install.locks import FileLock
from load._install.store import file_name, find_layers
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from load._install.environment import Installed
    from load._install.indexes import IndexSettings
    from load._install.layers import Layer
    from load._install.names import Need
    from load._install.runner import Runner
    from load._install.store import Store
    from load._journal import Journal
    from load._settings import Settings


class Ask(Value):
    """What a transaction is to provide, and how.

    ``sources`` are what the installer is given (requirements, or paths of wheels), in the order of ``needs``;
    ``fresh`` lifts the cooldown, ``force`` looks at no existing layer, ``build`` consents to running packages' code.
    """

    needs: tuple[Need, ...]
    sources: tuple[str, ...]
    fresh: bool = False
    force: bool = False
    build: bool = False
    caller: str | None = None


class Provided(Value):
    """The layer that provides a need; the need's module is now the one to import."""

    need: Need
    layer: Layer


class Installer:
    """Finds or makes the layers for needs. It puts nothing on the path."""

    def __init__(self, journal: Journal, runner: Runner, environ: Mapping[str, str] = os.environ) -> None:
        self._journal = journal
        self._run = runner
        self._environ = environ
        self._without_times: set[str] = set()

    def provide(self, ask: Ask, store: Store, settings: Settings) -> list[Provided]:
        """A layer for every need; one transaction installs whatever the store lacks.

        Raises:
            LoadError: of the kind that says why not; nothing was changed then.
        """
        began = time()
        try:
            lock_file = os.path.join(store.directory("locks"), file_name("+".join(sorted(ask.sources))) + ".build")
            with FileLock(lock_file):
                here = distributions()
                found = {} if ask.force else find_layers(ask.needs, store, settings.as_of, here)
                missing = [need for need in ask.needs if need not in found]
                made = self._make(ask, missing, here, store, settings, (lock_file, began)) if missing else {}
                return [made.get(need) or Provided(need, found[need]) for need in ask.needs]
        except OSError as error:
            raise _from_system(ask, error) from error

    def _make(
        self,
        ask: Ask,
        missing: list[Need],
        here: dict[str, Installed],
        store: Store,
        settings: Settings,
        waited: tuple[str, float],
    ) -> dict[Need, Provided]:
        """Install what is missing, unless whoever asked the same while we waited has failed."""
        # Here and not above: whoever has waited for another finds a layer, and need not pay 40 ms for these rooms.
        from load._install.installers import user_settings
        from load._install.transaction import Tools, Transaction

        lock_file, began = waited
        indexes = user_settings(self._environ)
        failure = f"{lock_file}.{_fingerprint(ask, settings, indexes)}.failed"
        _raise_shared(failure, since=began)
        tools = Tools(self._journal, self._run, self._environ, indexes, self._without_times)
        with _Shared(failure):
            return Transaction(tools, store, settings, ask, missing, here).run()


def _fingerprint(ask: Ask, settings: Settings, indexes: IndexSettings) -> str:
    """Of all that a failure may depend on: only who asks the same indexes in the same way shares it."""
    from zlib import crc32

    asked = (ask.sources, ask.fresh, ask.build, settings._replace(silent=False, print_limit=0), tuple(indexes))
    return f"{crc32(repr(asked).encode('utf-8', 'backslashreplace')):08x}"


class _Shared:
    """Leaves a failure for those who wait for the same, so that they need not fail one by one over the network."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, LoadError):
            self._write(error)

    def _write(self, error: LoadError) -> None:
        import json

        facts = {key: value for key, value in error.__dict__.items() if not key.startswith("_")}
        said = {"kind": type(error).__name__, "message": str(error), "name": error.name, "facts": facts}
        try:
            with open(self._file, "w", encoding="utf-8") as stream:
                json.dump(said, stream, default=str)
        except OSError:
            pass  # a courtesy to others, and the disk may be why we failed


def _raise_shared(file: str, since: float) -> None:
    """Raise the failure of whoever tried while we waited; one from before our time is forgotten, never cached."""
    import json

    try:
        if os.stat(file).st_mtime < since:
            return
        with open(file, encoding="utf-8") as stream:
            said = json.load(stream)
        kind = getattr(_errors, said["kind"])
    except (OSError, ValueError, KeyError, AttributeError):
        return
    raise _errors.rebuild(kind, said["message"], said["name"], said["facts"])


def _from_system(ask: Ask, error: OSError) -> LoadError:
    names = ", ".join(need.module or need.requirement for need in ask.needs)
    where = f" ({error.filename})" if error.filename else ""
    problem = "there is no space left on the disk" if error.errno == ENOSPC else f"{error.strerror or error}{where}"
    ways = ("another store: LOAD_HOME=/a/directory/of/yours",)
    return InstallFailed(names, ", ".join(ask.sources), problem, ways=ways)
