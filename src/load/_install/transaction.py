"""One transaction: an installer fills a stage, what it put there is proved, and one rename makes it a layer."""

from __future__ import annotations

import os
import sys
from time import gmtime, perf_counter, strftime, time

from load._errors import InstallFailed
from load._install import diagnosis, staging
from load._install.borrowing import Loan, pin
from load._install.declared import requirement_name
from load._install.environment import can_import, only_module, provided_modules
from load._install.index_env import beyond_uv
from load._install.indexes import index_urls
from load._install.installer import Provided
from load._install.installers import Order, Pip, Uv, find_pip, find_uv
from load._install.layers import Layer, Reliance, describe_layer
from load._install.redaction import redact
from load._install.store import Request
from load._journal import Progress
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from load._install.environment import Installed
    from load._install.indexes import IndexSettings
    from load._install.installer import Ask
    from load._install.installers import Backend
    from load._install.names import Need
    from load._install.receipts import Receipt
    from load._install.runner import Completed, Runner
    from load._install.staging import Stage, Staged
    from load._install.store import Store
    from load._journal import Journal
    from load._settings import Settings


class Tools(Value):
    """What every transaction of a process works with.

    ``without_times`` are the installers whose index was found to give no upload times, kept so that it is said once.
    """

    journal: Journal
    run: Runner
    environ: Mapping[str, str]
    indexes: IndexSettings
    without_times: set[str]


class Transaction:
    """Installs what is missing into a new layer of the store; nothing counts before the rename."""

    def __init__(
        self,
        tools: Tools,
        store: Store,
        settings: Settings,
        ask: Ask,
        missing: Sequence[Need],
        here: Mapping[str, Installed],
    ) -> None:
        self._tools = tools
        self._store = store
        self._settings = settings
        self._ask = ask
        self._missing = tuple(missing)
        self._here = here
        """Everything importable, and what layers found for other needs of this transaction will add."""
        self._sources = tuple(source for need, source in zip(ask.needs, ask.sources, strict=True) if need in missing)
        self._names = ", ".join(need.module or need.requirement for need in missing)
        said = tools.indexes
        self._indexes = said._replace(offline=said.offline or settings.offline)
        self._began = perf_counter()

    def run(self) -> dict[Need, Provided]:
        """Install; what came of each need.

        Raises:
            LoadError: of the kind that says why not; nothing was changed then.
        """
        staging.sweep(self._store)
        requirement = ", ".join(need.requirement for need in self._missing)
        with self._tools.journal.timed(
            "install", self._names, caller=self._ask.caller, requirement=requirement
        ) as span:
            with staging.Stage(self._store) as stage:
                backend, order = self._fill(stage)
                staged = self._read(stage)
                modules = [self._prove(need, stage, staged) for need in self._missing]
                layer, receipt = self._commit(stage, staged, modules, backend.name, order.before)
            span.version = layer.version_of(requirement_name(self._missing[0].requirement)) or None
            span.origin, span.detail = layer.site, receipt.summary()
        self._tools.journal.signal(Progress("done", self._names))
        self._remember(layer, modules)
        return {
            need: Provided(need._replace(module=module), layer)
            for need, module in zip(self._missing, modules, strict=True)
        }

    def _remember(self, layer: Layer, modules: list[str]) -> None:
        for need, module in zip(self._missing, modules, strict=True):
            self._store.remember(Request(module, layer.id, need.requirement, self._settings.as_of))
            if not need.module:
                self._store.remember(Request(need.key, layer.id, need.requirement, self._settings.as_of))
        self._store.publish(layer)

    def _fill(self, stage: Stage) -> tuple[Backend, Order]:
        """Have an installer put what is missing into the stage."""
        backend = self._backend()
        borrowed = stage.site if backend.borrows_in_prefix else stage.borrowed
        order = Order(
            requirements=self._sources,
            prefix=stage.prefix,
            borrowed=borrowed,
            pins=tuple(held for each in self._here.values() if (held := pin(each))),
            before=self._date_limit(backend),
            undated=self._store.undated(),
            build=self._ask.build or self._settings.build,
            timeout=self._settings.timeout,
        )
        return backend, self._execute(backend, order, stage)

    def _backend(self) -> Backend:
        wanted = self._settings.installer
        uv = find_uv() if wanted != "pip" and not beyond_uv(self._indexes) else None
        if uv is not None:
            return Uv(uv)
        if wanted != "uv" and find_pip():
            self._refuse_to_merge()
            return Pip()
        raise InstallFailed(
            self._names,
            ", ".join(self._sources),
            "there is neither uv nor pip for this interpreter"
            if wanted == "auto"
            else f"there is no {wanted} for this interpreter",
            ways=(f"{sys.executable} -m ensurepip", "put the uv program on the PATH"),
        )

    def _refuse_to_merge(self) -> None:
        """Keep pip from looking for a private name on a public index, where the user's words in uv's settings forbid it."""
        if self._indexes.extra_urls and self._indexes.strategy != "unsafe-best-match":
            raise self._failed(
                "your uv settings ask the first index that has a name; pip, which would have to run here, asks them all",
                "put the uv program on the PATH",
                "say the indexes in pip's settings, if asking them all is what you want",
            )

    def _execute(self, backend: Backend, order: Order, stage: Stage) -> Order:
        loan = Loan(self._here, self._store)
        while True:
            loan.borrow(order.borrowed)
            completed = self._once(backend, order)
            loan.give_back(order.borrowed, stage.directory)
            wider = self._without_impossible_limit(backend, order, completed.stderr + completed.stdout)
            if wider is None:
                break
            order = wider
            stage.clear()
        if completed.returncode:
            asked = diagnosis.Asked(self._names, ", ".join(order.requirements), order.pins, self._limit_in_words(order))
            raise diagnosis.diagnose(asked, completed, self._here, redact)
        stage.gather()
        return order

    def _without_impossible_limit(self, backend: Backend, order: Order, log: str) -> Order | None:
        """The order for another run, where an index without upload times kept the date limit from being applied.

        Such an index is used as it is. To go on without its files would be worse than not to limit: a name that a private
        index has would be taken from a public one (dependency confusion), and uv says so only in a warning.
        """
        undated = diagnosis.undated(log)
        if not order.before or not (diagnosis.lacks_upload_times(log) or set(undated) - set(order.undated)):
            return None
        if backend.name not in self._tools.without_times:
            self._tools.without_times.add(backend.name)
            self._say(
                "releases cannot be told by their age: the index gives no upload times, or pip is older than 26.0"
            )
        if undated:
            known = tuple(sorted({*order.undated, *undated}))
            self._store.remember_undated(known)
            return order._replace(undated=known)
        return order._replace(before="")

    def _once(self, backend: Backend, order: Order) -> Completed:
        self._tools.journal.signal(Progress("resolve", self._names))
        return self._tools.run(backend.command(order, self._indexes, self._tools.environ), self._hear, _prepare)

    def _hear(self, line: str) -> None:
        progress = diagnosis.progress_of(line)
        if progress is not None:
            phase, subject, total = progress
            self._tools.journal.signal(Progress(phase, subject, 0, total))

    def _date_limit(self, backend: Backend) -> str:
        """The ISO time after which releases are too young, or ""; the earliest of the user's own limits and ours."""
        limits = [limit for limit in (self._settings.as_of, self._indexes.uploaded_before) if limit]
        cooled = self._settings.cooldown and not self._ask.fresh and not self._settings.as_of
        if cooled and not (backend.name == "pip" and "pip" in self._tools.without_times):
            # To the hour: a limit that moved with every call would defeat the installers' caches.
            limits.append(strftime("%Y-%m-%dT%H:00:00Z", gmtime(time() - self._settings.cooldown * 86_400)))
        return min(limits, default="")

    def _limit_in_words(self, order: Order) -> str:
        if not order.before or self._settings.as_of:
            return f"up to {order.before}" if order.before else ""
        return f"at least {self._settings.cooldown:g} days old"

    def _read(self, stage: Stage) -> list[Staged]:
        """The distributions that are in the stage now, those asked for first."""
        asked = [requirement_name(need.requirement) for need in self._missing]
        try:
            return sorted(stage.distributions(), key=lambda each: each.name not in asked)
        except staging.Broken as error:
            raise self._failed(f"what was fetched is broken: {error}") from None

    def _failed(self, problem: str, *ways: str) -> InstallFailed:
        return InstallFailed(self._names, ", ".join(self._sources), problem, ways=ways)

    def _prove(self, need: Need, stage: Stage, staged: list[Staged]) -> str:
        """The module to import for a need, after a look at what was fetched: it counts only if it provides that."""
        name = requirement_name(need.requirement)
        provider = next((each for each in staged if each.name == name), None)
        if provider is None:
            return self._prove_present(need, name, staged)
        tops = [top.rstrip("/") for top in provider.tops(stage.site)]
        if not need.module:
            return only_module(need.requirement, name, tops)
        if can_import(need.module, [stage.site]):
            return need.module
        public = ", ".join(repr(top) for top in tops if not top.startswith("_")) or "no module at all"
        raise self._failed(
            f"{provider.name} {provider.version} does not provide the module {need.module!r}; it provides {public}",
            f'name the distribution that does: load("{need.module}", requirement="…")',
        )

    def _prove_present(self, need: Need, name: str, staged: list[Staged]) -> str:
        """The same where the distribution was here already, and only what an extra of it wants was staged."""
        here = self._here.get(name)
        if here is None:
            raise self._failed(f"the installer said that all is well, and did not install {name}")
        if not staged:
            raise self._failed(f"{here.name} {here.version} is here already and does not provide {need.module!r}")
        return need.module or only_module(need.requirement, name, provided_modules(here))

    def _commit(
        self, stage: Stage, staged: list[Staged], modules: list[str], installer: str, before: str
    ) -> tuple[Layer, Receipt]:
        wanted = {module.partition(".")[0] for module in modules}
        holds, aside = [], []
        for each in staged:
            kept, moved = stage.set_aside(each, wanted)
            holds.append(staging.held(each, kept))
            aside += moved
        try:
            paths, code = staging.path_lines(stage.site, stage.prefix)
        except staging.Broken as error:
            raise self._failed(f"what was fetched is broken: {error}") from None
        from load._install.receipts import FILE

        asked = [need.requirement for need in self._missing]
        relies = staging.reliances(stage.site, staged, asked, self._here, self._store.active)
        layer_id = staging.content_id(staged, aside)
        site = os.path.relpath(stage.site, stage.prefix)
        receipt = self._receipt(layer_id, staged, aside, relies, installer, before)
        stage.write(FILE, receipt.to_json())
        stage.write("layer", describe_layer(site, holds, relies, paths, code))
        stage.commit(layer_id)
        layer = self._store.layer(layer_id)
        if layer is None:
            raise self._failed("the layer was made and cannot be read again; is another program changing the store?")
        self._say_what_is_left_out(aside, [] if self._ask.build or self._settings.build else code)
        return layer, receipt

    def _say(self, remark: str) -> None:
        self._tools.journal.record("resolve", self._names, caller=self._ask.caller, detail=remark)
        self._tools.journal.signal(Progress("note", f"{self._names}: {remark}"))

    def _say_what_is_left_out(self, aside: list[str], code: list[str]) -> None:
        said = []
        if aside:
            names = ", ".join(top.rstrip("/") for top in aside)
            said.append(f"not put on the path, because they would hide or split what is here: {names}")
        if code:
            count = "1 line" if len(code) == 1 else f"{len(code)} lines"
            said.append(f"code in .pth files was not run ({count}); build=True consents to it")
        for remark in said:
            self._say(remark)

    def _receipt(
        self, layer_id: str, staged: list[Staged], aside: list[str], relies: list[Reliance], installer: str, before: str
    ) -> Receipt:
        from load._install.receipts import Receipt, describe, total_bytes

        return Receipt(
            layer=layer_id,
            requested=tuple(
                {"module": need.module, "requirement": need.requirement, "because": need.because}
                for need in self._missing
            ),
            distributions=tuple(describe(each) for each in staged),
            relies_on=tuple(each._asdict() for each in relies),
            set_aside=tuple(aside),
            installer=installer,
            indexes=tuple(redact(url) for url in index_urls(self._indexes, f"the default of {installer}")),
            date_limit=before,
            created=strftime("%Y-%m-%dT%H:%M:%SZ", gmtime()),
            seconds=round(perf_counter() - self._began, 3),
            bytes=total_bytes(staged),
            asked_by=self._ask.caller,
            program=sys.argv[0] if sys.argv else "",
            python=sys.version.split()[0],
        )


def _prepare() -> None:
    """Import, while the installer runs, what is needed when it has ended: 20 ms that nobody waits for."""
    import csv  # noqa: F401
    import hashlib  # noqa: F401
    import json  # noqa: F401
    import shutil  # noqa: F401

    from load._install import receipts  # noqa: F401
