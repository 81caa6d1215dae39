"""A project's page of a package index or of a list of files, from wherever it lies, in one shape."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from time import monotonic
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from packaging.tags import Tag
    from packaging.version import Version
    from requests import Response, Session
    from requests.adapters import HTTPAdapter

    Page: TypeAlias = dict[str, Any]  # in the shape of PEP 691's JSON, whatever it came as
    Releases: TypeAlias = dict[Version, list["File"]]

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_LARGEST = 64 * 2**20  # bytes of a page: the largest that are known have about 10 MiB
_CHUNK = 2**16
_REDIRECTS = 5


class File(NamedTuple):
    """A file of a release: `tags` of a wheel (none: a source distribution), `size` in bytes."""

    tags: frozenset[Tag]  # of a wheel; none: a source distribution
    uploaded: datetime | None
    size: int | None
    is_yanked: bool
    is_usable: bool  # not yanked, and for this Python


class Access(NamedTuple):
    """How indexes may be asked; `timeout` in seconds, `deadline` by the monotonic clock."""

    timeout: float
    deadline: float
    verify: bool | str
    cert: str | None
    proxies: Mapping[str, str] | None
    trusted_hosts: Sequence[str]

    @property
    def silence(self) -> str:
        """What to say of who did not answer in time."""
        return f"no answer in {self.timeout:g} s"

    def hurry(self) -> None:
        """Raise `Unanswered` if time is up."""
        if monotonic() > self.deadline:
            raise Unanswered(self.silence)


class Unanswered(Exception):
    """No answer that can be used. The text says why, and repeats nothing that a server or a URL says."""


def local_page(url: str, is_flat: bool, project: str, access: Access) -> Page:
    """What an index, a directory or a page on this machine lists; raises `Unanswered`."""
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
        raise Unanswered(f"it cannot be read ({type(error).__name__})") from error


def web_page(url: str, is_flat: bool, project: str, access: Access) -> Page | None:
    """What an index on the network lists of a project, None where it has none; raises `Unanswered`."""
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
                raise Unanswered(f"the index answered {response.status_code} {phrase}".rstrip())
            kind = response.headers.get("Content-Type", "")
            return _read(kind, _body(response, access), access) | {"flat": is_flat}
    except (OSError, ValueError) as error:  # requests' own, a file of certificates, a URL that is none
        raise Unanswered(_trouble(error, access)) from error


def _answer(session: Session, url: str, project: str, access: Access) -> Response:
    """The answer, after redirects within https or one origin; what is secret goes to the index alone."""
    parts = urlsplit(url)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
    path = f"{parts.path.rstrip('/')}/{project}/" if project else parts.path
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, fragment="").geturl()
    session.headers.update({"Accept": _ACCEPT, "User-Agent": f"load {session.headers['User-Agent']!s}"})
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
            raise Unanswered("the index redirects to where it is not safe to follow")
    raise Unanswered(f"the index redirects more than {_REDIRECTS} times")


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
            super().cert_verify(conn, url, False, cert)  # type: ignore[no-untyped-call]
            conn.ConnectionCls = Trusted

    return Trusting()


def _body(response: Response, access: Access) -> bytes:
    response.raw.enforce_content_length = True  # as urllib3 2 does by itself
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        access.hurry()
        body += chunk
        if len(body) > _LARGEST:
            raise Unanswered(f"the answer is larger than {_LARGEST // 2**20} MiB")
    return bytes(body)


def _trouble(error: Exception, access: Access) -> str:
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


def _read(kind: str, body: bytes, access: Access) -> Page:
    page = _read_json(body) if "json" in kind else _read_html(body, access)
    if page is None:
        raise Unanswered("the answer is neither JSON nor HTML of an index")
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


def _read_html(body: bytes, access: Access) -> Page | None:
    text, links = body.decode("utf-8", "replace"), _Links()
    try:
        for start in range(0, len(text), _CHUNK):
            access.hurry()
            links.feed(text[start : start + _CHUNK])
    except (AssertionError, ValueError):  # from the parser for "<![x[", from urlsplit for "http://["
        return None
    return links.page if links.is_index else None


def releases_on(project: str, said: Sequence[Mapping[str, Any]]) -> Releases:
    """The files of a project among those of a page, by version; what has no proper name is passed over."""
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


def _file(said: Mapping[str, Any], tags: frozenset[Tag]) -> File:
    size, python, is_yanked = said.get("size"), said.get("requires-python"), bool(said.get("yanked"))
    is_usable = not is_yanked and (not isinstance(python, str) or _suits(python))
    return File(tags, _time(said.get("upload-time")), size if isinstance(size, int) else None, is_yanked, is_usable)


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
