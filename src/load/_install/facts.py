"""What the user's package indexes say of a project: since when, how often, how big. It decides nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote

from load._install.environment import normalise
from load._install.pages import Access, Unanswered, local_page, releases_on, web_page
from load._install.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.version import Version

    from load._install.pages import File, Releases

_STATUSES = frozenset({"active", "archived", "quarantined", "deprecated"})
_UNKNOWN = "unknown"


class Facts(NamedTuple):
    """What is known of a project; None, and "" for a text, where nobody says.

    `project` is the normalised name. `known` says that every index which might have it has answered,
    `exists` that one has it. `releases` counts the versions with a file that is not yanked. `latest` is what
    an installer would choose here: not yanked, for this Python, final if there is one; `wheel` whether it has
    any wheel, `size` how many bytes the one for this interpreter has. `status` is a marker of :pep:`792`.
    `index`, redacted, is who says all that; `problem` why something is not known.
    """

    project: str
    known: bool
    exists: bool | None = None
    releases: int | None = None
    first_upload: datetime | None = None
    latest_upload: datetime | None = None
    latest: str | None = None
    wheel: bool | None = None
    size: int | None = None
    status: str = ""
    index: str = ""  # type: ignore[assignment]  # hides the method of tuples, which nobody misses here
    problem: str = ""


def unknown(project: str, problem: str, index: str = "") -> Facts:
    """The facts where nobody could be asked, or nobody answered."""
    return Facts(normalise(project), known=False, index=index, problem=problem)


def established(facts: Facts, now: datetime) -> bool | None:
    """Whether the project has a history; None where that is not known, so that somebody must be asked.

    With upload times: 3 releases, the first file 90 days before `now` (an aware time); without: 10 releases.
    """
    if facts.status == "quarantined":
        return False
    if not facts.known:
        return None
    releases = facts.releases or 0
    if facts.first_upload is None:
        return releases >= 10
    return releases >= 3 and now - facts.first_upload >= timedelta(days=90)


def fetch(
    project: str,
    urls: Sequence[str],
    *,
    timeout: float,
    verify: bool | str = True,
    cert: str | None = None,
    proxies: Mapping[str, str] | None = None,
    trusted_hosts: Sequence[str] = (),
    find_links: Sequence[str] = (),
) -> Facts:
    """Ask all indexes at once what they know of a project. Trouble with one is a fact too: it is not raised.

    Where several have it, the one speaks on which it is least established (the first of equals), for an
    installer may take a newer release from any; and it is not `known` while one that may have it is silent.

    Args:
        urls: indexes, with the user's credentials; netrc and the proxies' variables count as for `requests`.
        timeout: seconds for everything together.
        verify: whether to check certificates, or the file or directory of the authorities.
        cert: file with the client's certificate and key, for the indexes themselves as the credentials are.
        proxies: by scheme, instead of the environment's.
        trusted_hosts: ``host`` or ``host:port`` whose certificates are not checked.
        find_links: pages and directories of files; directories and ``.html`` among `urls` are taken as such.

    Cost: a request and a thread for each; a thread whose server does not let go stays behind until it does.
    Source: :pep:`503`, 592, 691, 700, 792.
    """
    name = quote(normalise(project), safe="")
    access = Access(timeout, monotonic() + timeout, verify, cert, proxies, trusted_hosts)
    places = [*((url, False) for url in urls), *((url, True) for url in find_links)]
    return _weakest(_together(places, name, access)) if places else unknown(name, "there is no index to ask")


def _together(places: Sequence[tuple[str, bool]], project: str, access: Access) -> list[Facts]:
    """What each place says. In threads, for no socket's time-out ends a server that sends a byte a second."""
    from threading import Thread

    import requests  # noqa: F401  # once, and not in several threads at the same time

    facts = [unknown(project, access.silence, redact(url)) for url, _ in places]

    def ask(number: int) -> None:
        facts[number] = _facts_at(*places[number], project, access)

    threads = [Thread(target=ask, args=(number,), daemon=True) for number in range(len(places))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, access.deadline - monotonic()))
    return facts[:]  # a copy: who is late must not change it any more


def _weakest(answers: Sequence[Facts]) -> Facts:
    now = datetime.now(UTC)
    silent = next((each for each in answers if not each.known), None)
    having = [each for each in answers if each.exists]
    if not having:
        return silent or answers[0]
    weakest = min(having, key=lambda each: (each.status != "quarantined", bool(established(each, now))))
    problem = f"{silent.index}: {silent.problem}" if silent else ""
    return weakest._replace(known=silent is None, problem=problem)


def _facts_at(url: str, is_flat: bool, project: str, access: Access) -> Facts:
    read = local_page if url.startswith("file:") or "://" not in url else web_page
    index = redact(url)
    try:
        page = read(url, is_flat, project, access)
        releases = releases_on(project, page["files"]) if page is not None else {}
    except Unanswered as reason:
        return unknown(project, str(reason), index)
    if page is None or (page.get("flat") and not releases):  # a flat list is not about one project
        return Facts(project, known=True, exists=False, index=index, problem="not found on the index")
    return _summary(project, releases, str(page.get("status")), index)


def _summary(project: str, releases: Releases, status: str, index: str) -> Facts:
    files = [file for release in releases.values() for file in release]
    times = [file.uploaded for file in files if file.uploaded is not None]
    newest = max(releases, default=None, key=lambda version: _preference(version, releases[version]))
    chosen = releases[newest] if newest is not None else []
    return Facts(
        project,
        known=True,
        exists=True,
        releases=sum(not all(file.is_yanked for file in release) for release in releases.values()),
        first_upload=min(times, default=None),
        latest_upload=max(times, default=None),
        latest=str(newest) if newest is not None else None,
        wheel=any(file.tags for file in chosen) if chosen else None,
        size=_size(chosen),
        status=status if status in _STATUSES else "",
        index=index,
    )


def _preference(version: Version, files: list[File]) -> tuple[bool, bool, Version]:
    return any(file.is_usable for file in files), not version.is_prerelease, version


def _size(files: list[File]) -> int | None:
    """Of the wheel that suits this interpreter best."""
    from packaging.tags import sys_tags

    rank = {tag: place for place, tag in enumerate(sys_tags())}
    wheels = [file for file in files if not file.tags.isdisjoint(rank)]
    best = min(wheels, default=None, key=lambda wheel: min(rank[tag] for tag in wheel.tags & rank.keys()))
    return best.size if best is not None else None


def card(facts: Facts, requirement: str, because: str, now: datetime | None = None) -> str:
    """What somebody who is to decide may want to read first; `because` is the evidence for the name."""
    moment = now or datetime.now(UTC)
    caution = ": the index considers it unsafe" if facts.status == "quarantined" else ""
    rows = {
        "requirement": f"{requirement} ({because})",
        "first upload": _when(facts.first_upload, moment),
        "last upload": _when(facts.latest_upload, moment),
        "releases": _UNKNOWN if facts.releases is None else str(facts.releases),
        "newest": facts.latest or _UNKNOWN,
        "wheel": _wheel(facts),
        "status": (facts.status or _UNKNOWN) + caution,
        "index": facts.index or _UNKNOWN,
        "problem": facts.problem,
    }
    return "\n".join(f"{label:<14}{text}" for label, text in rows.items() if text)


def _wheel(facts: Facts) -> str:
    if facts.wheel is None:
        return _UNKNOWN
    if not facts.wheel:
        return "none, source only"
    return f"yes, {facts.size / 2**20:,.1f} MiB" if facts.size is not None else f"yes, size {_UNKNOWN}"


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return _UNKNOWN
    days = (now - moment).days
    unit, length = ("day", 1) if days < 60 else ("month", 30) if days < 730 else ("year", 365)
    count = days // length
    age = "in the future" if days < 0 else f"{count} {unit}{'' if count == 1 else 's'} ago" if days else "today"
    return f"{moment:%Y-%m-%d}, {age}"
