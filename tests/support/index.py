"""A real package index and a real proxy on loopback, which misbehave when told to.

The standard library's server, although ready indexes exist (`pypiserver`): these tests need one that breaks
off in the middle of a file, never answers, lies about a hash, fails for one project and not for the next, and
changes its mind while it runs. A server that is well kept does none of that.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from support.environment import self_signed
from support.wheels import describe, identify, read_metadata

__all__ = ["Fault", "Index", "Proxy", "Request", "self_signed"]

Fault: TypeAlias = int | Literal["garbage", "hang", "cut", "wrong-hash"]

_JSON = "application/vnd.pypi.simple.v1+json"
# Of one connection, not of the message (RFC 9110, 7.6.1), and those that the handler writes itself.
_OF_THE_HOP = {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "transfer-encoding"}
_OF_THE_HOP |= {"content-length", "date", "server"}


class Request(NamedTuple):
    """A request as it arrived; the names of its `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class _Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    file: str = ""  # the name of the distribution file that the body is


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    wbufsize = -1  # head and body leave in one write: two wait 40 ms for a delayed acknowledgement
    server: _Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.owner.requests.append(Request(self.command, self.path, headers))
        self.server.owner._respond(self)

    do_HEAD = do_CONNECT = do_GET

    def send(self, answer: _Answer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        self.close_connection |= cut

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing: what was asked is in `requests`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # 80 clients connect at once: past the default of 5 they wait 1 s and retry

    def __init__(self, owner: _Loopback, certificate: tuple[Path, Path] | None) -> None:
        self.owner = owner
        self.ended = threading.Event()
        self._errors: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake is left to the handler: in the accepting thread a slow client would stop all.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        acceptor = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._live = [(self.socket, acceptor)]
        acceptor.start()

    def server_bind(self) -> None:
        """Bind, without the look-up of the host's name that `HTTPServer` adds: nothing leaves loopback."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle in a thread that `close` can wait for: the base class forgets daemons."""
        arguments = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        self._live = [(live, other) for live, other in self._live if other.is_alive()]
        self._live.append((request, thread))
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is a mistake of ours, which `close` raises."""
        error = sys.exception()
        if error is not None and not isinstance(error, (ConnectionError, ssl.SSLError)):
            self._errors.append(error)

    def close(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()
        for live, thread in self._live:
            with suppress(OSError):  # it was closed already
                # Not TLS's own shutdown, which would pull the session from under the handler.
                socket.socket.shutdown(live, socket.SHUT_RDWR)
            thread.join(timeout=30)
            if thread.is_alive():
                raise RuntimeError("a thread did not end within 30 s of its server")
        if self._errors:
            raise BaseExceptionGroup("the server's own mistakes", self._errors)


class _Loopback:
    """Answers HTTP on an ephemeral port of 127.0.0.1 from its construction until `close`."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.requests: list[Request] = []  # `append`, `clear` and `list()` are atomic: no lock
        self._server = _Server(self, certificate)
        self.host, self.port = "127.0.0.1", self._server.server_port
        # By name when it is encrypted: pip 24.2 fails on the certificate of an address, even a trusted one.
        self.url = f"https://localhost:{self.port}" if certificate else f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody and end, handlers included; raises the server's own mistakes, if any."""
        self._server.close()

    def _respond(self, handler: _Handler) -> None:
        raise NotImplementedError


class Index(_Loopback):
    """A package index of the wheels and ``.tar.gz`` that lie in `directory` at the moment it is asked.

    Parameters: `json`, answer who asks for it with PEP 691's JSON (else HTML, always); `upload_times`, file
    name to ``2026-01-01T00:00:00Z``; `yanked`, file name to reason, which may be empty; `project_status`,
    project to PEP 792 status (``quarantined`` offers no file); `user`, `password`, basic authentication;
    `certificate`, (certificate, key) for https; `delay`, seconds before every answer; `fault`, what goes
    wrong for a file name, else for its project, else for ``"*"``: a status or ``garbage`` answers whatever is
    asked, ``hang`` answers nothing before `close`, ``cut`` breaks off in the middle of a distribution file,
    ``wrong-hash`` is on the page. All but the certificate may be changed while the index runs.
    `requests` has every request, refused ones too. Cost: a page reads and hashes its project's files anew.
    Source: PEP 503, 592, 658, 691, 700, 714, 792.
    """

    def __init__(
        self,
        directory: Path,
        *,
        json: bool = False,
        upload_times: Mapping[str, str] | None = None,
        yanked: Mapping[str, str] | None = None,
        project_status: Mapping[str, str] | None = None,
        user: str | None = None,
        password: str | None = None,
        certificate: tuple[Path, Path] | None = None,
        delay: float = 0,
        fault: Mapping[str, Fault] | None = None,
    ) -> None:
        self.directory, self.json, self.delay = directory, json, delay
        self.user, self.password = user, password
        self.upload_times, self.yanked = dict(upload_times or {}), dict(yanked or {})
        self.project_status, self.fault = dict(project_status or {}), dict(fault or {})
        self._served: list[str] = []
        super().__init__(certificate)
        self.url += "/simple/"

    @property
    def url_with_credentials(self) -> str:
        """The URL with the user and the password in it."""
        credentials = f"{quote(self.user or '', safe='')}:{quote(self.password or '', safe='')}"
        return self.url.replace("://", f"://{credentials}@", 1)

    def hits(self, project: str) -> int:
        """How often the page of a project was asked for, whatever came back."""
        page = ("GET", f"/simple/{canonicalize_name(project)}/")
        return sum(request[:2] == page for request in list(self.requests))

    def downloads(self) -> list[str]:
        """The names of the files served whole, in order; neither ``.metadata`` nor what a fault spoiled."""
        return list(self._served)

    def _respond(self, handler: _Handler) -> None:
        if self._server.ended.wait(self.delay):  # a sleep that `close` ends, unanswered
            handler.close_connection = True
        elif self._admits(handler.headers.get("Authorization")):
            self._deliver(handler, unquote(urlsplit(handler.path).path))
        else:
            handler.send(_Answer(401, b"who asks?", {"WWW-Authenticate": 'Basic realm="index"'}))

    def _deliver(self, handler: _Handler, path: str) -> None:
        fault = self._fault(path.strip("/").removesuffix(".metadata").split("/")[-1])
        if fault == "hang":
            handler.close_connection = self._server.ended.wait()
            return
        answer = _spoil(self._answer(path, handler.headers.get("Accept", "")), fault)
        cut = fault == "cut" and bool(answer.file)
        if answer.file and handler.command == "GET" and not cut:
            self._served.append(answer.file)  # before it leaves: who has the file finds it in the list
        handler.send(answer, cut=cut)

    def _admits(self, authorization: str | None) -> bool:
        expected = base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        return self.user is None or authorization == f"Basic {expected}"

    def _fault(self, name: str) -> Fault | None:
        faults: dict[str, Fault] = {canonicalize_name(key): fault for key, fault in dict(self.fault).items()}
        return faults.get(canonicalize_name(name), faults.get(identify(name)[0], faults.get("*")))

    def _answer(self, path: str, accept: str) -> _Answer:
        match path.split("/"):
            case ["", "simple", ""]:
                projects = sorted({identify(file.name)[0] for file in self._files()})
                return self._render({"projects": [{"name": name} for name in projects]}, accept)
            case ["", "simple", name] | ["", "simple", name, ""] if name:
                page = f"/simple/{canonicalize_name(name)}/"
                return self._page(name, accept) if path == page else _Answer(301, b"", {"Location": page})
            case ["", "files", name]:
                return self._file(name)
        return _Answer(404, b"no such page")

    def _files(self) -> list[Path]:
        return sorted(path for path in self.directory.iterdir() if path.name.endswith((".whl", ".tar.gz")))

    def _page(self, project: str, accept: str) -> _Answer:
        files = [file for file in self._files() if identify(file.name)[0] == project]
        if not files:
            return _Answer(404, b"no such project")
        statuses = {canonicalize_name(name): status for name, status in self.project_status.items()}
        status = statuses.get(canonicalize_name(project))
        versions = sorted({identify(file.name)[1] for file in files})
        facts = [] if status == "quarantined" else [self._facts(file) for file in files]
        page: dict[str, Any] = {"name": project, "versions": versions, "files": facts}
        return self._render(page | ({"project-status": {"status": status}} if status else {}), accept)

    def _facts(self, file: Path) -> dict[str, Any]:
        facts = describe(file) | {"url": f"../../files/{quote(file.name)}"}
        if self._fault(file.name) == "wrong-hash":
            facts["hashes"] = {"sha256": hashlib.sha256(b"another file").hexdigest()}
        if file.name in self.upload_times:
            facts["upload-time"] = self.upload_times[file.name]
        if file.name in self.yanked:
            facts["yanked"] = self.yanked[file.name] or True
        return facts

    def _file(self, name: str) -> _Answer:
        for file in self._files():
            if name == file.name:
                return _Answer(200, file.read_bytes(), {"Content-Type": "application/octet-stream"}, name)
            if name == f"{file.name}.metadata" and (metadata := read_metadata(file)) is not None:
                return _Answer(200, metadata, {"Content-Type": "application/octet-stream"})
        return _Answer(404, b"no such file")

    def _render(self, page: dict[str, Any], accept: str) -> _Answer:
        page["meta"] = {"api-version": "1.4" if "project-status" in page else "1.1"}
        json_asked = self.json and _JSON in accept
        kind = _JSON if json_asked else "text/html; charset=utf-8"
        body = json.dumps(page) if json_asked else _html(page)
        return _Answer(200, body.encode(), {"Content-Type": kind, "Cache-Control": "no-cache"})


def _spoil(answer: _Answer, fault: Fault | None) -> _Answer:
    match fault:
        case int():
            return _Answer(fault, b"as the test asked")
        case "garbage":
            return _Answer(200, random.Random(0).randbytes(4096), answer.headers)
        case None | "cut" | "wrong-hash":
            return answer
    raise ValueError(f"no such fault: {fault!r}")


def _html(page: dict[str, Any]) -> str:
    metas = {"pypi:repository-version": page["meta"]["api-version"]}
    if "project-status" in page:
        metas["pypi:project-status"] = page["project-status"]["status"]
    head = "".join(f'<meta name="{name}" content="{escape(content)}">' for name, content in metas.items())
    links = [f'<a href="{project["name"]}/">{project["name"]}</a>' for project in page.get("projects", ())]
    links += [_link(facts) for facts in page.get("files", ())]
    return "<br>\n".join([f"<!DOCTYPE html>\n<html><head>{head}</head><body>", *links, "</body></html>"])


def _link(facts: dict[str, Any]) -> str:
    attributes = {"href": f"{facts['url']}#sha256={facts['hashes']['sha256']}"}
    for key in ("core-metadata", "dist-info-metadata"):
        if key in facts:
            attributes[f"data-{key}"] = f"sha256={facts[key]['sha256']}"
    for key in ("requires-python", "upload-time", "yanked"):
        if key in facts:
            attributes[f"data-{key}"] = "" if facts[key] is True else facts[key]
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{escape(facts['filename'])}</a>"


class Proxy(_Loopback):
    """A forward proxy for plain http to loopback; the paths in its `requests` are whole URLs.

    It refuses a tunnel, so https, with 501 and any other host with 403: no test leaves loopback through it.
    """

    def _respond(self, handler: _Handler) -> None:
        url = urlsplit(handler.path)
        if handler.command != "GET" or url.scheme != "http":
            handler.send(_Answer(501, b"only GET http://..."))
        elif url.hostname not in ("127.0.0.1", "localhost"):
            handler.send(_Answer(403, b"only to loopback"))
        else:
            handler.send(_forward(url, handler.headers.items()))


def _forward(url: SplitResult, headers: Iterable[tuple[str, str]]) -> _Answer:
    sent = {name: value for name, value in headers if name.lower() not in _OF_THE_HOP}
    # The timeout is shorter than what `close` waits, or an origin that hangs would keep the proxy.
    with closing(http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=10)) as origin:
        try:
            origin.request("GET", urlunsplit(("", "", url.path or "/", url.query, "")), headers=sent)
            response = origin.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            return _Answer(502, f"{type(error).__name__} from the origin".encode())
    kept = {name: value for name, value in response.getheaders() if name.lower() not in _OF_THE_HOP}
    return _Answer(response.status, body, kept)
