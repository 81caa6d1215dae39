"""May it be installed? A pure function of the need, the facts and the settings; every "no" has a reason and a way out."""

from __future__ import annotations

from load._install.declared import requirement_name
from load._install.name_table import TABLE
from load._install.names import TRUSTED
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from load._install.facts import Facts
    from load._install.names import Need
    from load._install.wish import Wish
    from load._settings import Settings

# Evidence that leaves the choice to the user; with the rest that names no requirement, nothing could be installed.
_UNGUESSED = frozenset({"generic word", "namespace", "no distribution name"})


class Verdict(Value):
    """Whether a need may be met; ``ask`` that its user may still allow it; ``command`` what to type to allow it.

    ``missing`` says that nothing could be installed at all, whatever the policy.
    """

    allowed: bool
    reason: str
    ask: bool = False
    command: str = ""
    missing: bool = False


def wants_facts(need: Need, settings: Settings, wish: Wish) -> bool:
    """Whether the verdict depends on what the index knows about the project."""
    if _forbidden(need, settings, wish) is not None or not need.requirement:
        return False
    return settings.mode in ("auto", "ask") and not _consents(wish) and not is_trusted(need)


def decide(need: Need, facts: Facts | None, settings: Settings, wish: Wish, now: datetime | None = None) -> Verdict:
    """The verdict. ``facts`` None means that they were not asked for; ``now`` is the time at which an age is judged."""
    if not need.requirement:
        return Verdict(False, need.warning, missing=need.because not in _UNGUESSED)
    forbidden = _forbidden(need, settings, wish)
    if forbidden is not None:
        return forbidden
    if _consents(wish):
        return Verdict(True, "the call says install=True")
    if settings.mode == "ask":
        return Verdict(False, "the mode is 'ask'", ask=True, command=_allowing(need, wish))
    if is_trusted(need):
        return Verdict(
            True, f"{requirement_name(need.requirement)} is {need.because} for {need.module or need.requirement!r}"
        )
    return _decide_on_facts(need, facts, wish, now)


def is_trusted(need: Need) -> bool:
    """Whether the name of the distribution is vouched for: declared by the project, or a well-known project."""
    if need.warning and need.because in ("given", "same name"):
        return False
    return need.because in TRUSTED or TABLE.knows(requirement_name(need.requirement))


def _consents(wish: Wish) -> bool:
    return wish.install is True and wish.by_program


def _forbidden(need: Need, settings: Settings, wish: Wish) -> Verdict | None:
    if settings.no_install:
        return Verdict(False, "LOAD_NO_INSTALL forbids every installation", command="unset LOAD_NO_INSTALL")
    if wish.install is False:
        return Verdict(False, "the call says install=False", command=_allowing(need, wish))
    if settings.mode == "off":
        return Verdict(False, "the mode is 'off'", command=_mode_change())
    if settings.mode == "locked":
        return Verdict(False, "the mode is 'locked' and there is no lock that has it", command=_mode_change())
    return None


def _mode_change() -> str:
    return 'load.configure(mode="auto")'


def _allowing(need: Need, wish: Wish) -> str:
    return f"load({wish.text or need.module or need.requirement!r}, install=True)"


def _decide_on_facts(need: Need, facts: Facts | None, wish: Wish, now: datetime | None) -> Verdict:
    name = requirement_name(need.requirement)
    command = _allowing(need, wish)
    if facts is not None and facts.exists is False:
        return Verdict(False, f"the index has no distribution called {name!r}", missing=True)
    if need.warning:
        return Verdict(False, need.warning, ask=True, command=command)
    if facts is None or not facts.known:
        problem = facts.problem if facts is not None and facts.problem else "nothing is known about it"
        return Verdict(False, f"nobody vouches for the distribution {name!r}: {problem}", ask=True, command=command)
    return _on_known_facts(facts, name, command, now)


def _on_known_facts(facts: Facts, name: str, command: str, now: datetime | None) -> Verdict:
    from datetime import UTC, datetime

    from load._install.facts import established

    if facts.status == "quarantined":
        return Verdict(False, f"the index has put the distribution {name!r} in quarantine")
    if established(facts, now or datetime.now(UTC)):
        return Verdict(True, f"{name} is an established project of that name")
    return Verdict(
        False, f"the distribution {name!r} is not established: {_age(facts, now)}", ask=True, command=command
    )


def _age(facts: Facts, now: datetime | None) -> str:
    from datetime import UTC, datetime

    releases = f"{facts.releases or 0} release{'' if facts.releases == 1 else 's'}"
    if facts.first_upload is None:
        return f"{releases}, and the index does not say since when"
    days = ((now or datetime.now(UTC)) - facts.first_upload).days
    return f"{releases}, the first one {days} day{'' if days == 1 else 's'} ago"
