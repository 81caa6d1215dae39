"""From names that cannot be imported to layers on the path: need, store, gate, installer. All of them or none."""

from __future__ import annotations

import os
from _thread import RLock

from load._errors import LoadError
from load._install.declared import Declared, requirement_name
from load._install.environment import can_import, distributions, only_module
from load._install.names import Need, need_for, need_for_distribution, need_of_present
from load._install.store import EnvironmentStore, Store, find_layers
from load._reference import forget_listings
from load._settings import store_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from load._install.environment import Installed
    from load._install.gate import Gate
    from load._install.installer import Installer
    from load._install.layers import Layer
    from load._install.wish import Wish
    from load._journal import Journal
    from load._settings import Configuration, Settings


_ATTEMPTS = 3  # to install what fits, while other threads change what is importable


class Obtainer:
    """Makes modules importable, from the store or by an installation that the policy allows."""

    def __init__(self, journal: Journal, configuration: Configuration) -> None:
        self._journal = journal
        self._configuration = configuration
        self._declared = Declared()
        self._stores: dict[str, Store] = {}
        """The stores used so far, by directory; they hold the locks of the layers on the path."""
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)
        self._maker: list[Installer] = []
        """The installer, once one was needed: its rooms cost 60 ms that a layer in the store need not pay."""

    def _begin_anew(self) -> None:
        # In a forked child nobody holds a lock: the thread that did is not there.
        self._path = RLock()
        """Held while layers are chosen and put on the path, so that no two threads choose two versions of one distribution."""
        self._installing = RLock()
        """Held for a whole transaction: each of this process sees what the last one added. Never while user code runs."""

    def obtain(self, modules: Sequence[str], requirements: Sequence[str], wish: Wish) -> list[Need]:
        """Make importable what is not; what each module, then each requirement, needed, with the module to import.

        Parameters:
            modules: names that cannot be imported.
            requirements: distributions asked for by their own names (:pep:`508`).

        Raises:
            LoadError: if one cannot be had; nothing was changed then.
        """
        here = distributions()
        needs = [self._need(name, wish, here) for name in modules]
        needs += [self.need_of(requirement, wish) for requirement in requirements]
        return self._obtain(needs, wish, here)

    def wheel(self, path: str, need: Need, wish: Wish) -> list[Need]:
        """The same for a wheel on this machine, which is consent enough."""
        here = distributions()
        return self._obtain([need], wish._replace(install=True, by_program=True), here, (path,))

    def need_of(self, requirement: str, wish: Wish) -> Need:
        """What a requirement given by its distribution needs."""
        name = requirement_name(requirement)
        declaration = self._declared.distribution(name) if requirement_name(requirement) == requirement else None
        need = need_for_distribution(declaration.requirement if declaration else requirement, name)
        because = "declared" if declaration else need.because
        return need._replace(module=wish.module or need.module, because=because)

    def need_of_module(self, name: str) -> Need:
        """What a module needs, whether or not it can be imported."""
        here = distributions()
        return need_of_present(name, self._declared, here) or need_for(name, self._declared, here)

    def _need(self, name: str, wish: Wish, here: Mapping[str, Installed]) -> Need:
        if wish.requirement:
            return need_for_distribution(wish.requirement, requirement_name(wish.requirement))._replace(module=name)
        return need_for(name, self._declared, here)

    def _obtain(
        self, needs: list[Need], wish: Wish, here: dict[str, Installed], sources: tuple[str, ...] = ()
    ) -> list[Need]:
        settings = self._configuration.current()
        store = self.store(settings)
        store.check_privacy()
        for need in needs:
            because = need.because
            self._journal.record(
                "resolve", need.module, requirement=need.requirement, caller=wish.caller, detail=because
            )
        anew = settings.mode == "locked" or wish.force or wish.fresh
        with self._path:
            found = {} if anew else find_layers(needs, store, settings.as_of, here)
            missing = [need for need in needs if need not in found]
            if not missing:
                return self._activate(list(found.items()), store, wish, settings)
        missing = [need for need in missing if wish.force or not _appeared(need)]
        self._gate().permit(missing, settings, wish)
        for _ in range(_ATTEMPTS):
            with self._installing:
                still = [need for need in needs if wish.force or not _appeared(need)]
                provided = self._install(still, wish, store, settings, sources) if still else []
                with self._path:
                    now = distributions()
                    if all(store.fits(layer, now) for _, layer in provided):
                        done = self._activate(provided, store, wish, settings)
                        become = dict(zip(still, done, strict=True))
                        return [become.get(need, need) for need in needs]
        names = ", ".join(need.module or need.requirement for need in needs)
        raise LoadError(f"{names}: what can be imported changed again and again while it was installed", name=names)

    def _install(
        self, needs: list[Need], wish: Wish, store: Store, settings: Settings, sources: tuple[str, ...]
    ) -> list[tuple[Need, Layer]]:
        from load._install.installer import Ask, Installer
        from load._install.runner import run

        if not self._maker:
            self._maker.append(Installer(self._journal, run))
        ask = Ask(
            tuple(needs),
            sources or tuple(need.requirement for need in needs),
            fresh=wish.fresh,
            force=wish.force or wish.fresh,
            build=wish.build,
            caller=wish.caller,
        )
        return [(each.need, each.layer) for each in self._maker[0].provide(ask, store, settings)]

    def _gate(self) -> Gate:
        from load._install.gate import Gate
        from load._install.runner import run

        return Gate(self._journal, run)

    def _activate(self, provided: list[tuple[Need, Layer]], store: Store, wish: Wish, settings: Settings) -> list[Need]:
        for _, layer in provided:
            for added in store.activate(layer, consent=wish.build or settings.build):
                self._journal.record("activate", added.id, origin=added.site, caller=wish.caller)
        return [need if need.module else _with_module(need, layer) for need, layer in provided]

    def store(self, settings: Settings) -> Store:
        """The store in force; one object per directory and process, for it holds locks."""
        key = "env" if settings.into == "env" else store_home(settings)
        if key not in self._stores:
            self._stores.setdefault(key, EnvironmentStore() if key == "env" else Store(key))
        return self._stores[key]

    def active_layers(self) -> list[Layer]:
        """The layers on the path, in the order of activation."""
        return [layer for store in self._stores.values() for layer in store.active.values()]

    def environ(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a child process that is to see the same layers (contract of ``load.env``)."""
        paths = [path for layer in self.active_layers() for path in (layer.site, *layer.paths)]
        given = environ.get("PYTHONPATH", "")
        return (
            {**environ, "PYTHONPATH": os.pathsep.join([*([given] if given else []), *paths])}
            if paths
            else dict(environ)
        )


def _appeared(need: Need) -> bool:
    """Whether a module that could not be imported a moment ago now can: its file is new, or another thread has brought it.

    Finders remember listings of directories, by times that may be coarse. Not asked before a layer is activated, which
    would cost each hit in the store 0.4 ms.
    """
    forget_listings()
    return bool(need.requirement and need.module) and can_import(need.module)


def _with_module(need: Need, layer: Layer) -> Need:
    name = requirement_name(need.requirement)
    tops = next((held.tops for held in layer.holds if held.name == name), ())
    return need._replace(module=only_module(need.requirement, name, [top.rstrip("/") for top in tops]))
