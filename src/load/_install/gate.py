"""The gate before an installation: facts are fetched where they matter, a person is asked where one may decide."""

from __future__ import annotations

import os

from load._errors import InstallRefused, LoadError, ModuleMissing, together
from load._install import policy
from load._install.declared import requirement_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from load._install.facts import Facts
    from load._install.names import Need
    from load._install.policy import Verdict
    from load._install.runner import Runner
    from load._install.wish import Wish
    from load._journal import Journal
    from load._settings import Settings


class Gate:
    """Lets needs through, or says no with the reason."""

    def __init__(self, journal: Journal, runner: Runner, environ: Mapping[str, str] = os.environ) -> None:
        self._journal = journal
        self._run = runner
        self._environ = environ

    def permit(self, needs: Sequence[Need], settings: Settings, wish: Wish) -> None:
        """Return if every need may be installed.

        Raises:
            LoadError: if one may not be (`InstallRefused`, `ModuleMissing`), or one that lists all.
        """
        errors = [error for need in needs if (error := self._judge(need, settings, wish)) is not None]
        if errors:
            raise together(errors, len(needs))

    def _judge(self, need: Need, settings: Settings, wish: Wish) -> LoadError | None:
        facts = self._facts(need, settings) if policy.wants_facts(need, settings, wish) else None
        verdict = policy.decide(need, facts, settings, wish)
        if verdict.allowed:
            return None
        reason = verdict.reason
        if verdict.ask and wish.install is not False:
            allowed, answer = self._ask(need, verdict, facts, settings)
            if allowed:
                return None
            reason = f"{reason} ({answer})"
        self._journal.record(
            "refuse", need.module or need.requirement, requirement=need.requirement, caller=wish.caller, detail=reason
        )
        return _missing(need, reason) if verdict.missing else _refused(need, reason, verdict)

    def _facts(self, need: Need, settings: Settings) -> Facts:
        from load._install import facts
        from load._install.index_env import default_index
        from load._install.indexes import index_urls
        from load._install.installers import user_settings

        project = requirement_name(need.requirement)
        if settings.offline:
            return facts.unknown(project, "the network is off (offline)")
        chosen = user_settings(self._environ)
        default = "" if chosen.index_url or chosen.no_index else default_index(self._answer)
        return facts.fetch(
            project,
            index_urls(chosen, default),
            find_links=chosen.find_links,
            timeout=settings.timeout,
            verify=chosen.cert or True,
            cert=chosen.client_cert,
            proxies=chosen.proxies,
            trusted_hosts=chosen.trusted_hosts,
        )

    def _answer(self, argv: Sequence[str], environ: Mapping[str, str]) -> str:
        from load._install.runner import Command

        return self._run(Command(tuple(argv), dict(environ)), lambda _: None, lambda: None).stdout

    def _ask(self, need: Need, verdict: Verdict, facts: Facts | None, settings: Settings) -> tuple[bool, str]:
        from load._install import consent

        def details() -> str:
            from load._install.facts import card

            known = facts if facts is not None else self._facts(need, settings)
            return card(known, need.requirement, need.because)

        question = f"load: {verdict.reason}. Install {need.requirement} for {(need.module or need.requirement)!r}?"
        answer = consent.ask(question, details, timeout=settings.ask_timeout)
        return answer.allowed, answer.reason


def _missing(need: Need, reason: str) -> ModuleMissing:
    name = need.module or need.requirement
    ways = [f"did you mean {', '.join(need.candidates)}?"] if need.candidates else []
    if need.requirement:
        ways.append(f'name the distribution that provides it: load("{name}", requirement="…")')
    return ModuleMissing(f"no module named {name!r}: {reason}", name=name, ways=ways)


def _refused(need: Need, reason: str, verdict: Verdict) -> InstallRefused:
    name = need.module or need.requirement
    ways = [f"did you mean {', '.join(need.candidates)}?"] if need.candidates and need.because != "namespace" else []
    if need.because == "generic word":
        ways.append(f'name the distribution: load("{name}", requirement="…")')
    return InstallRefused(
        name,
        reason,
        requirement=need.requirement or None,
        candidates=need.candidates,
        command=verdict.command,
        ways=ways,
    )
