"""What the user's package indexes say of a project: since when, how often, how big. It decides nothing."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from html.parser import HTMLParser
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from load._install.environment import normalise
from load._install.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from packaging.tags import Tag
    from packaging.version import Version
    from requests import Response, Session
    from requests.adapters import HTTPAdapter

    Page: TypeAlias = dict[str, Any]  # a project's page in the shape of PEP 691's JSON, whatever it came as
    Releases: TypeAlias = dict[Version, list["_File"]]

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_STATUSES = frozenset({"active", "archived", "quarantined", "deprecated"})
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_LARGEST = 64 * 2**20  # bytes of a page: the largest that are known have about 10 MiB
_CHUNK = 2**16
_REDIRECTS = 5
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
    access = _Access(timeout, monotonic() + timeout, verify, cert, proxies, trusted_hosts)
    places = [*((url, False) for url in urls), *((url, True) for url in find_links)]
    return _weakest(_together(places, name, access)) if places else unknown(name, "there is no index to ask")


def _together(places: Sequence[tuple[str, bool]], project: str, access: _Access) -> list[Facts]:
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


def _facts_at(url: str, is_flat: bool, project: str, access: _Access) -> Facts:
    read = _local_page if url.startswith("file:") or "://" not in url else _web_page
    index = redact(url)
    try:
        page = read(url, is_flat, project, access)
        releases = _releases(project, page["files"]) if page is not None else {}
    except _Unanswered as reason:
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


def _preference(version: Version, files: list[_File]) -> tuple[bool, bool, Version]:
    return any(file.is_usable for file in files), not version.is_prerelease, version


def _size(files: list[_File]) -> int | None:
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


# -- pages: from a place to what it lists ----------------------------------------------------------


class _File(NamedTuple):
    tags: frozenset[Tag]  # of a wheel; none: a source distribution
    uploaded: datetime | None
    size: int | None
    is_yanked: bool
    is_usable: bool  # not yanked, and for this Python


class _Access(NamedTuple):
    timeout: float
    deadline: float
    verify: bool | str
    cert: str | None
    proxies: Mapping[str, str] | None
    trusted_hosts: Sequence[str]

    @property
    def silence(self) -> str:
        return f"no answer in {self.timeout:g} s"

    def hurry(self) -> None:
        if monotonic() > self.deadline:
            raise _Unanswered(self.silence)


class _Unanswered(Exception):
    """No answer that can be used. The text says why, and repeats nothing that a server or a URL says."""


def _local_page(url: str, is_flat: bool, project: str, access: _Access) -> Page:
    from urllib.request import url2pathname

    path = url2pathname(urlsplit(url).path) if url.startswith("file:") else url
    own = os.path.join(path, project, "index.html")
    is_flat = is_flat or not os.path.isfile(own)
    try:
        if is_flat and os.path.isdir(path):
            with os.scandir(path) as entries:
                files = [{"filename": f.name, "size": f.stat().st_size} for f in entries if f.is_file()]
            return {"flat": True, "files": files}
        with open(path if is_flat else own, "rb") as stream:
            return _read("text/html", stream.read(_LARGEST), access) | {"flat": is_flat}
    except OSError as error:
        raise _Unanswered(f"it cannot be read ({type(error).__name__})") from error


def _web_page(url: str, is_flat: bool, project: str, access: _Access) -> Page | None:
    from http.client import responses

    import requests

    is_flat = is_flat or url.lower().endswith((".html", ".htm"))
    try:
        with (
            requests.Session() as session,
            _answer(session, url, "" if is_flat else project, access) as response,
        ):
            if response.status_code == 404:
                return None
            if response.status_code != 200:
                # Not the server's own phrase: it could be anything, also a command to a terminal.
                phrase = responses.get(response.status_code, "")
                raise _Unanswered(f"the index answered {response.status_code} {phrase}".rstrip())
            kind = response.headers.get("Content-Type", "")
            return _read(kind, _body(response, access), access) | {"flat": is_flat}
    except (OSError, ValueError) as error:  # requests' own, a file of certificates, a URL that is none
        raise _Unanswered(_trouble(error, access)) from error


def _answer(session: Session, url: str, project: str, access: _Access) -> Response:
    """The answer, after redirects within https or one origin; what is secret goes to the index alone."""
    parts = urlsplit(url)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
    path = f"{parts.path.rstrip('/')}/{project}/" if project else parts.path
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, fragment="").geturl()
    session.headers.update({"Accept": _ACCEPT, "User-Agent": f"load {session.headers['User-Agent']}"})
    home = _origin(url)
    for _ in range(_REDIRECTS + 1):
        scheme, host, port = origin = _origin(url)
        if scheme == "https" and not {host, f"{host}:{port}"}.isdisjoint(access.trusted_hosts):
            session.mount(urljoin(url, "/"), _trusting_adapter())
        response = session.get(
            url,
            auth=auth if origin == home else None,
            cert=access.cert if origin == home else None,
            verify=access.verify,
            proxies=dict(access.proxies or {}),
            timeout=access.timeout,
            stream=True,
            allow_redirects=False,
        )
        target = session.get_redirect_target(response)
        if target is None:
            return response
        response.close()
        url = urljoin(url, target)
        if _origin(url) != origin and (scheme, _origin(url)[0]) != ("https", "https"):
            raise _Unanswered("the index redirects to where it is not safe to follow")
    raise _Unanswered(f"the index redirects more than {_REDIRECTS} times")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _trusting_adapter() -> HTTPAdapter:
    """For a host whose certificate the user does not want checked."""
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection

    class Trusted(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.is_verified = True  # by the user's word; else each request warns, and under `-W error` fails

    class Trusting(HTTPAdapter):
        def cert_verify(self, conn: Any, url: str, verify: object, cert: Any) -> None:  # noqa: ARG002
            super().cert_verify(conn, url, False, cert)
            conn.ConnectionCls = Trusted

    return Trusting()


def _body(response: Response, access: _Access) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        access.hurry()
        body += chunk
        if len(body) > _LARGEST:
            raise _Unanswered(f"the answer is larger than {_LARGEST // 2**20} MiB")
    return bytes(body)


def _trouble(error: Exception, access: _Access) -> str:
    from requests import exceptions

    words = {  # the first that fits; never the error's own, which repeat the URL with its credentials
        exceptions.SSLError: "no secure connection, or a certificate that is not trusted",
        exceptions.ProxyError: "no connection through the proxy",
        exceptions.Timeout: access.silence,
        exceptions.ConnectionError: "no connection",
        exceptions.ChunkedEncodingError: "the answer broke off",
    }
    fitting = (text for kind, text in words.items() if isinstance(error, kind))
    return next(fitting, f"it cannot be asked ({type(error).__name__})")


def _read(kind: str, body: bytes, access: _Access) -> Page:
    page = _read_json(body) if "json" in kind else _read_html(body, access)
    if page is None:
        raise _Unanswered("the answer is neither JSON nor HTML of an index")
    return page


def _read_json(body: bytes) -> Page | None:
    import json

    try:
        page: Page = json.loads(body)
        major = str(page.get("meta", {}).get("api-version", "1")).partition(".")[0]
        status = (page.get("project-status") or {}).get("status")
        is_readable = major == "1" and all(isinstance(file["filename"], str) for file in page["files"])
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return {"files": page["files"], "status": status} if is_readable else None


class _Links(HTMLParser):
    """What a page of :pep:`503` says: its files, and in its head that it is one, and the project's status."""

    def __init__(self) -> None:
        super().__init__()
        self.page: Page = {"files": [], "status": ""}
        self.is_index = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "meta" and (said.get("name") or "").startswith("pypi:"):
            self.is_index = True
            if said["name"] == "pypi:project-status":
                self.page["status"] = said.get("content")
        elif tag == "a" and said.get("href"):
            name = unquote(urlsplit(said["href"] or "").path.rpartition("/")[2])
            file = {key.removeprefix("data-"): value for key, value in attrs}
            self.page["files"].append(file | {"filename": name, "yanked": "data-yanked" in said, "size": None})
            self.is_index = self.is_index or name.endswith(_ARCHIVES)


def _read_html(body: bytes, access: _Access) -> Page | None:
    text, links = body.decode("utf-8", "replace"), _Links()
    try:
        for start in range(0, len(text), _CHUNK):
            access.hurry()
            links.feed(text[start : start + _CHUNK])
    except (AssertionError, ValueError):  # from the parser for "<![x[", from urlsplit for "http://["
        return None
    return links.page if links.is_index else None


def _releases(project: str, said: Sequence[Mapping[str, Any]]) -> Releases:
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    releases: Releases = {}
    for each in said:
        tags: frozenset[Tag] = frozenset()
        try:
            if each["filename"].endswith(".whl"):
                name, version, _, tags = parse_wheel_filename(each["filename"])
            else:
                name, version = parse_sdist_filename(each["filename"])
        except ValueError:  # an invalid file name, or to packaging before 24 an invalid version in it
            continue
        if name == project:
            releases.setdefault(version, []).append(_file(each, tags))
    return releases


def _file(said: Mapping[str, Any], tags: frozenset[Tag]) -> _File:
    size, python, is_yanked = said.get("size"), said.get("requires-python"), bool(said.get("yanked"))
    is_usable = not is_yanked and (not isinstance(python, str) or _suits(python))
    return _File(tags, _time(said.get("upload-time")), size if isinstance(size, int) else None, is_yanked, is_usable)


def _time(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


@lru_cache(maxsize=256)
def _suits(python: str) -> bool:
    """Whether a specifier allows this Python; text that is none allows every one, as pip has it."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(python).contains(".".join(map(str, sys.version_info[:3])), prereleases=True)
    except InvalidSpecifier:
        return True
