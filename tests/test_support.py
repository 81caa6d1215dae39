"""The support is honest: pip and uv, both real, take its wheels from its index, and not otherwise."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.environment import clean_environment
from support.index import Fault, Index, Proxy, self_signed
from support.wheels import Corruption, build_sdist, build_wheel

pytestmark = pytest.mark.slow

JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "demo-1.0-py3-none-any.whl"
TOOLS = {
    "pip": ["pip", "install", "--no-input", "--retries", "0"],
    "uv": ["uv", "pip", "install", "--python", sys.executable],
}
both_tools = pytest.mark.parametrize("tool", TOOLS)


class Installed(NamedTuple):
    ok: bool
    output: str
    target: Path

    def has(self, path: str) -> bool:
        return (self.target / path).exists()


Install = Callable[..., Installed]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "dist").mkdir()
    return tmp_path / "dist"


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Run a tool against an index, in an environment that knows no other; every call has its own target."""
    targets = (tmp_path / f"target-{number}" for number in range(100))

    def install(tool: str, url: str, *arguments: str, **variables: str) -> Installed:
        target = next(targets)
        command = [
            sys.executable,
            "-m",
            *TOOLS[tool],
            "--target",
            str(target),
            "--index-url",
            url,
            *arguments,
        ]
        environment = clean_environment(HOME=tmp_path, **{"UV_HTTP_RETRIES": "0"} | variables)
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Installed(done.returncode == 0, done.stdout + done.stderr, target)

    return install


def ask(server: Index | Proxy, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def record_of(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        return {path: digest for path, digest, _ in csv.reader(archive.read(name).decode().splitlines())}


# ---------------------------------------------------------------------------------------------- wheels


def test_the_same_call_builds_the_same_bytes_and_another_version_builds_others(tmp_path: Path) -> None:
    first, second = (build_wheel(tmp_path / place, "demo") for place in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != build_wheel(tmp_path, "demo", "1.1").read_bytes()
    one, two = (build_sdist(tmp_path / place, "demo", setup_py="") for place in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(("corrupt", "agrees"), [(None, True), ("record", False)])
def test_pip_hash_agrees_with_record_unless_it_is_corrupt(
    tmp_path: Path, corrupt: Corruption | None, agrees: bool
) -> None:
    wheel = build_wheel(tmp_path, "demo", files={"demo/__init__.py": "", "demo/b,c.txt": b"\0"}, corrupt=corrupt)
    written = record_of(wheel)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
        assert sorted(written) == sorted(archive.namelist())
    assert written.pop("demo-1.0.dist-info/RECORD") == ""
    output = subprocess.run(
        [sys.executable, "-m", "pip", "hash", *(str(tmp_path / "unpacked" / path) for path in written)],
        env=clean_environment(HOME=tmp_path), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    hashes = [bytes.fromhex(digest) for digest in re.findall(r"--hash=sha256:(\w+)", output)]
    recorded = [base64.urlsafe_b64decode(text.removeprefix("sha256=") + "=") for text in written.values()]
    assert [one == other for one, other in zip(hashes, recorded, strict=True)] == [agrees] * 4


def test_a_tag_is_expanded_and_one_for_a_platform_is_not_pure(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "demo", tag="cp311.cp312-abi3-linux_x86_64")
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("demo-1.0.dist-info/WHEEL").decode()
    assert wheel.name == "demo-1.0-cp311.cp312-abi3-linux_x86_64.whl"
    assert text.splitlines()[2:] == [
        "Root-Is-Purelib: false", "Tag: cp311-abi3-linux_x86_64", "Tag: cp312-abi3-linux_x86_64"
    ]  # fmt: skip


@both_tools
@pytest.mark.parametrize("as_json", [False, True])
def test_an_installed_wheel_runs_and_the_index_knows_what_was_fetched(
    dist: Path, install: Install, tool: str, as_json: bool
) -> None:
    entry_points = "[console_scripts]\ndemo = Demo_Thing:main\n"
    data = {"scripts/tool": "#!python\nimport sys\n", "data/share/x.txt": "x", "purelib/extra.py": ""}
    build_wheel(dist, "Demo.Thing", data=data, entry_points=entry_points)
    with Index(dist, json=as_json) as index:
        done = install(tool, index.url, "demo-thing")
        assert (index.hits("Demo_Thing"), index.hits("demo")) == (1, 0)
        assert index.downloads() == ["demo_thing-1.0-py3-none-any.whl"]
        assert JSON in index.requests[0].headers["accept"]
    assert done.ok, done.output
    assert all(done.has(path) for path in ("share/x.txt", "extra.py", "bin/demo", "bin/tool"))
    assert os.access(done.target / "bin/tool", os.X_OK)
    code = f"import sys; sys.path.insert(0, {str(done.target)!r}); import Demo_Thing; print(Demo_Thing.VERSION)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1.0\n"


@both_tools
def test_requirements_come_along_and_those_of_an_extra_only_when_asked(dist: Path, install: Install, tool: str) -> None:
    extras = {"more": ["two", "three; python_version < '3'"]}
    build_wheel(dist, "demo", requires=["one>=2"], extras=extras)
    for name, version in {"one": "2", "two": "1", "three": "1"}.items():
        build_wheel(dist, name, version)
    with Index(dist) as index:
        plain, more = install(tool, index.url, "demo"), install(tool, index.url, "demo[more]")
    assert [plain.has(f"{name}.py") for name in ("demo", "one", "two", "three")] == [True, True, False, False]
    assert [more.has(f"{name}.py") for name in ("demo", "one", "two", "three")] == [True, True, True, False]


@both_tools
@pytest.mark.parametrize(("only", "ok"), [(">=99", False), (">=3.11", True)])
def test_a_wheel_is_refused_on_a_python_it_does_not_want(
    dist: Path, install: Install, tool: str, only: str, ok: bool
) -> None:
    build_wheel(dist, "demo", requires_python=only)
    with Index(dist) as index:
        assert install(tool, index.url, "demo").ok is ok


@both_tools
def test_a_truncated_wheel_is_refused(dist: Path, install: Install, tool: str) -> None:
    build_wheel(dist, "demo", corrupt="truncated")
    with Index(dist) as index:
        done = install(tool, index.url, "demo")
        assert WHEEL in index.downloads()
    assert not done.ok
    assert not done.has("demo.py")


@both_tools
def test_a_file_that_escapes_is_refused_by_pip_and_left_out_by_uv(
    tmp_path: Path, dist: Path, install: Install, tool: str
) -> None:
    build_wheel(dist, "demo", corrupt="escape")
    with Index(dist) as index:
        done = install(tool, index.url, "demo")
    assert done.ok is done.has("demo.py") is (tool == "uv")
    assert list(tmp_path.rglob("escaped.py")) == []


@both_tools
def test_no_tool_notices_a_record_with_wrong_hashes(dist: Path, install: Install, tool: str) -> None:
    build_wheel(dist, "demo", corrupt="record")
    with Index(dist) as index:
        assert install(tool, index.url, "demo").ok


@both_tools
def test_a_setup_py_runs_when_a_build_is_allowed_and_not_otherwise(
    tmp_path: Path, dist: Path, install: Install, tool: str
) -> None:
    ran = tmp_path / "ran"
    build_sdist(dist, "demo", setup_py=f"open({str(ran)!r}, 'w').close()\n")
    backend = "import runpy\n\nclass __legacy__:\n    get_requires_for_build_wheel = lambda settings=None: "
    backend += "runpy.run_path('setup.py') and []\n"
    build_wheel(dist, "setuptools", "999", files={"setuptools/build_meta.py": backend})
    build_wheel(dist, "wheel", "999", files={})  # pip 23 builds with it too
    with Index(dist) as index:
        assert not install(tool, index.url, "demo", "--only-binary", ":all:").ok
        assert not ran.exists()
        install(tool, index.url, "demo", *(["--use-pep517"] if tool == "pip" else []))
        assert ran.exists()


# ----------------------------------------------------------------------------------------------- index


def test_the_html_says_what_the_json_says_and_the_json_only_to_who_asks(dist: Path) -> None:
    wheel = build_wheel(dist, "demo", requires_python=">=3.8")
    size, when = wheel.stat().st_size, "2026-01-01T00:00:00Z"
    with Index(dist, json=True, upload_times={WHEEL: when}, yanked={WHEEL: 'a "bad" day'}) as index:
        _, kind, body = ask(index, "/simple/demo/", Accept=f"{JSON}, text/html; q=0.1")
        _, html_kind, html = ask(index, "/simple/demo/", Accept="text/html")
        assert json.loads(ask(index, "/simple/", Accept=JSON)[2])["projects"] == [{"name": "demo"}]
        assert b'<a href="demo/">demo</a>' in ask(index, "/simple/")[2]
        index.json = False
        assert ask(index, "/simple/demo/", Accept=JSON)[2] == html
        metadata = ask(index, f"/files/{WHEEL}.metadata")[2]
        assert (index.downloads(), index.hits("demo")) == ([], 3)
    with zipfile.ZipFile(wheel) as archive:
        assert metadata == archive.read("demo-1.0.dist-info/METADATA")
    (sha256,), (about,) = ([hashlib.sha256(data).hexdigest()] for data in (wheel.read_bytes(), metadata))
    assert (kind["Content-Type"], html_kind["Content-Type"]) == (JSON, "text/html; charset=utf-8")
    assert json.loads(body) == {
        "meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0"], "files": [{
            "filename": WHEEL, "url": f"../../files/{WHEEL}", "hashes": {"sha256": sha256}, "size": size,
            "requires-python": ">=3.8", "upload-time": when, "yanked": 'a "bad" day',
            "core-metadata": {"sha256": about}, "dist-info-metadata": {"sha256": about},
        }],
    }  # fmt: skip
    assert html.decode().splitlines()[2] == (
        f'<a href="../../files/{WHEEL}#sha256={sha256}" data-core-metadata="sha256={about}" '
        f'data-dist-info-metadata="sha256={about}" data-requires-python="&gt;=3.8" data-upload-time="{when}" '
        f'data-yanked="a &quot;bad&quot; day">{WHEEL}</a><br>'
    )


def test_the_directory_is_listed_live_and_names_are_normalised(dist: Path) -> None:
    with Index(dist) as index:
        assert ask(index, "/simple/demo/")[0] == 404
        build_sdist(dist, "demo", setup_py="")
        wheel = build_wheel(dist, "demo", corrupt="truncated")
        status, _, body = ask(index, "/simple/demo/")
        assert (status, b"demo-1.0.tar.gz" in body, WHEEL.encode() in body) == (200, True, True)
        assert b"metadata" not in body
        assert ask(index, f"/files/{WHEEL}.metadata")[0] == 404
        wheel.unlink()
        assert WHEEL.encode() not in ask(index, "/simple/demo/")[2]
        for spelling in ("/simple/DEMO/", "/simple/demo"):
            status, headers, _ = ask(index, spelling)
            assert (status, headers["Location"]) == (301, "/simple/demo/")
        assert ask(index, "/files/../demo")[0] == 404


def test_a_quarantined_project_offers_nothing_and_an_archived_one_everything(dist: Path) -> None:
    build_wheel(dist, "demo")
    with Index(dist, json=True, project_status={"demo": "archived"}) as index:
        page = json.loads(ask(index, "/simple/demo/", Accept=JSON)[2])
        assert (page["meta"], page["project-status"]) == ({"api-version": "1.4"}, {"status": "archived"})
        assert [file["filename"] for file in page["files"]] == [WHEEL]
        assert b'<meta name="pypi:project-status" content="archived">' in ask(index, "/simple/demo/")[2]
        index.project_status["demo"] = "quarantined"
        assert json.loads(ask(index, "/simple/demo/", Accept=JSON)[2])["files"] == []


@both_tools
def test_credentials_are_needed_when_the_index_has_some_and_only_then(dist: Path, install: Install, tool: str) -> None:
    build_wheel(dist, "demo")
    with Index(dist, user="me", password="p@ss/word") as index:
        assert not install(tool, index.url, "demo").ok
        assert not install(tool, index.url_with_credentials.replace("p%40ss", "pass"), "demo").ok
        assert index.downloads() == []
        assert install(tool, index.url_with_credentials, "demo").ok
        index.user = None
        assert install(tool, index.url, "demo", "--no-cache-dir" if tool == "pip" else "--no-cache").ok
        assert index.downloads() == [WHEEL, WHEEL]


@both_tools
def test_https_is_believed_with_its_authority_and_not_otherwise(
    tmp_path: Path, dist: Path, install: Install, tool: str
) -> None:
    build_wheel(dist, "demo")
    certificate, key, authority = self_signed(tmp_path)
    trusting = {"pip": "PIP_CERT", "uv": "SSL_CERT_FILE"}[tool]
    with Index(dist, certificate=(certificate, key)) as index:
        assert not install(tool, index.url, "demo").ok
        assert index.requests == []
        done = install(tool, index.url, "demo", **{trusting: str(authority)})
        assert done.ok, done.output
        context = ssl.create_default_context(cafile=str(authority))
        with context.wrap_socket(socket.create_connection((index.host, index.port)), server_hostname="localhost"):
            pass


@both_tools
def test_a_yanked_release_is_passed_over_unless_it_is_pinned(dist: Path, install: Install, tool: str) -> None:
    build_wheel(dist, "demo")
    newer = build_wheel(dist, "demo", "2.0")
    with Index(dist, yanked={newer.name: ""}) as index:
        assert install(tool, index.url, "demo").has("demo-1.0.dist-info")
        assert install(tool, index.url, "demo==2.0").has("demo-2.0.dist-info")


def test_uv_sees_upload_times_and_passes_over_what_is_newer(dist: Path, install: Install) -> None:
    times = {build_wheel(dist, "demo", version).name: f"20{version[0]}0-01-01T00:00:00Z" for version in ("1.0", "2.0")}
    with Index(dist, json=True, upload_times=times) as index:
        done = install("uv", index.url, "demo", "--exclude-newer", "2015-01-01T00:00:00Z")
        assert done.has("demo-1.0.dist-info"), done.output
        assert install("uv", index.url, "demo").has("demo-2.0.dist-info")


# ---------------------------------------------------------------------------------------------- faults


@both_tools
@pytest.mark.parametrize("fault", [404, 403, 500, 503, "garbage", "cut", "wrong-hash"])
def test_a_fault_refuses_an_install_until_it_is_taken_away(
    dist: Path, install: Install, tool: str, fault: Fault
) -> None:
    build_wheel(dist, "demo")
    with Index(dist, fault={"demo": fault}) as index:
        failed = install(tool, index.url, "demo")
        assert not failed.ok
        assert not failed.has("demo.py")
        index.fault.clear()
        again = install(tool, index.url, "demo", UV_CACHE_DIR=str(dist / "fresh"))
        assert again.ok, again.output


def test_a_fault_of_a_file_goes_before_its_projects_and_that_before_everybodys(dist: Path) -> None:
    for name in ("demo", "other", "third"):
        build_wheel(dist, name)
    with Index(dist, fault={"*": 500, "Demo": 503, WHEEL: 403, "third": "wrong-hash"}) as index:
        paths = (f"/files/{WHEEL}", "/simple/demo/", "/simple/other/", "/simple/", "/simple/third/")
        assert [ask(index, path)[0] for path in paths] == [403, 503, 500, 500, 200]
        assert ask(index, f"/files/{WHEEL.replace('demo', 'third')}")[0] == 200
        del index.fault["Demo"], index.fault[WHEEL]
        assert ask(index, f"/files/{WHEEL}")[0] == 500


def test_garbage_has_the_status_and_the_type_of_a_page(dist: Path) -> None:
    build_wheel(dist, "demo")
    with Index(dist, fault={"demo": "garbage"}) as index:
        status, headers, body = ask(index, "/simple/demo/")
        assert (status, headers["Content-Type"], len(body)) == (200, "text/html; charset=utf-8", 4096)
        assert (ask(index, f"/files/{WHEEL}")[2], index.downloads()) == (body, [])


def test_a_cut_file_promises_more_than_comes(dist: Path) -> None:
    body = build_wheel(dist, "demo").read_bytes()
    with Index(dist, fault={"demo": "cut"}) as index:
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(index, f"/files/{WHEEL}")
        assert caught.value.partial == body[: len(body) // 2]
        assert ask(index, "/simple/demo/")[0] == 200
        assert index.downloads() == []


@pytest.mark.parametrize("spoiled", [{"fault": {"*": "hang"}}, {"delay": 3600}])
def test_a_client_waits_until_the_index_is_closed(dist: Path, spoiled: dict[str, Any]) -> None:
    threads = threading.active_count()
    index = Index(dist, **spoiled)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, index, "/simple/")
        while not index.requests:
            time.sleep(0.01)
        assert not waiting.done()
        index.close()
        assert isinstance(waiting.exception(), (http.client.RemoteDisconnected, ConnectionError))
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        ask(index, "/simple/")
    index.close()


def test_a_mistake_inside_the_server_fails_the_test_that_made_it(dist: Path) -> None:
    index = Index(dist, fault={"*": "hangs"})  # type: ignore[dict-item]
    with pytest.raises(http.client.RemoteDisconnected):
        ask(index, "/simple/")
    with pytest.raises(ExceptionGroup, match="the server's own mistakes") as caught:
        index.close()
    assert [str(error) for error in caught.value.exceptions] == ["no such fault: 'hangs'"]


# ---------------------------------------------------------------------------------------------- server


def test_eighty_clients_at_once_are_all_answered_each_on_one_connection(dist: Path) -> None:
    body = build_wheel(dist, "demo").read_bytes()
    together = threading.Barrier(80)

    def client(index: Index) -> list[object]:
        seen: list[object] = []
        with closing(http.client.HTTPConnection(index.host, index.port, timeout=120)) as connection:
            together.wait(timeout=60)
            for path in ("/simple/demo/", f"/files/{WHEEL}"):
                connection.request("GET", path)
                response = connection.getresponse()
                seen += [response.status, response.read() == body, connection.sock is not None]
        return seen

    with Index(dist) as index, ThreadPoolExecutor(80) as pool:
        answers = list(pool.map(client, [index] * 80))
        assert (index.hits("demo"), len(index.downloads()), len(index.requests)) == (80, 80, 160)
    assert answers == [[200, False, True, 200, True, True]] * 80


def test_a_question_about_a_file_is_no_download_and_every_request_is_kept(dist: Path) -> None:
    body = build_wheel(dist, "demo").read_bytes()
    with Index(dist) as index:
        status, headers, nothing = ask(index, f"/files/{WHEEL}", "HEAD", Question="1")
        assert (status, headers["Content-Length"], nothing) == (200, str(len(body)), b"")
        assert index.downloads() == []
        assert [request[:2] for request in index.requests] == [("HEAD", f"/files/{WHEEL}")]
        assert index.requests[0].headers["question"] == "1"


def test_idle_clients_do_not_keep_an_index_from_closing(tmp_path: Path, dist: Path) -> None:
    threads = threading.active_count()
    certificate, key, authority = self_signed(tmp_path)
    context = ssl.create_default_context(cafile=str(authority))
    with Index(dist) as plain, Index(dist, certificate=(certificate, key)) as safe:
        idle = http.client.HTTPConnection(plain.host, plain.port)
        encrypted = http.client.HTTPSConnection(safe.host, safe.port, context=context)
        silent = socket.create_connection((safe.host, safe.port))  # never shakes hands
        for connection in (idle, encrypted):
            connection.request("GET", "/simple/")
            assert connection.getresponse().read()
    assert threading.active_count() == threads
    assert silent.recv(1) == b""
    for closable in (idle, encrypted, silent):
        closable.close()


# ----------------------------------------------------------------------------------------------- proxy


@both_tools
def test_an_install_goes_through_a_proxy_that_is_named_and_not_otherwise(
    dist: Path, install: Install, tool: str
) -> None:
    build_wheel(dist, "demo")
    with Index(dist) as index, Proxy() as proxy:
        assert install(tool, index.url, "demo").ok
        assert proxy.requests == []
        done = install(tool, index.url, "demo", http_proxy=proxy.url, UV_CACHE_DIR=str(dist / "fresh"))
        assert done.ok, done.output
        assert f"{index.url}demo/" in [request.path for request in proxy.requests]
        assert index.hits("demo") == 2


def test_a_proxy_passes_on_what_the_index_says_and_leaves_loopback_for_nobody(dist: Path) -> None:
    build_wheel(dist, "demo")
    with Index(dist, user="me", fault={"demo": "cut"}) as index, Proxy() as proxy:
        status, headers, _ = ask(proxy, index.url)
        assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="index"')
        index.user = None
        assert ask(proxy, f"{index.url}demo/")[2] == ask(index, "/simple/demo/")[2]
        assert ask(proxy, index.url.replace("/simple/", f"/files/{WHEEL}"))[0] == 502
        asked = len(index.requests)
        assert ask(proxy, "http://192.0.2.1/")[0] == 403
        assert ask(proxy, "https://127.0.0.1/")[0] == 501
        assert ask(proxy, "127.0.0.1:443", "CONNECT")[0] == 501
        assert ask(proxy, f"{index.url}demo/", "HEAD")[0] == 501
        assert len(index.requests) == asked


# ----------------------------------------------------------------------------------------- environment


def test_a_clean_environment_keeps_nothing_that_steers_an_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steering = ["PIP_INDEX_URL", "UV_INDEX", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "https_proxy", "NO_PROXY"]
    steering += ["CURL_CA_BUNDLE", "NETRC", "XDG_CONFIG_HOME", "VIRTUAL_ENV", "LOAD_MODE"]
    for name in (*steering, "HARMLESS"):
        monkeypatch.setenv(name, "of the machine")
    environment = clean_environment(HOME=tmp_path, UV_OFFLINE="1")
    assert [name for name in steering if name in environment] == []
    assert environment["HARMLESS"] == "of the machine"
    assert (environment["HOME"], environment["UV_OFFLINE"]) == (str(tmp_path), "1")
    assert (environment["PIP_CONFIG_FILE"], environment["UV_NO_CONFIG"]) == (os.devnull, "1")
    assert environment["PIP_CACHE_DIR"] != environment["UV_CACHE_DIR"]


def test_a_clean_environment_wants_a_home() -> None:
    with pytest.raises(TypeError) as caught:
        clean_environment(PATH="")
    assert str(caught.value) == "clean_environment() needs HOME: a directory of the test's own"


@both_tools
def test_settings_of_the_machine_do_not_reach_an_install_and_those_of_the_test_do(
    dist: Path, install: Install, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(dist, "demo")
    setting = {"pip": "PIP_NO_INDEX", "uv": "UV_OFFLINE"}[tool]
    monkeypatch.setenv(setting, "1")
    with Index(dist) as index:
        assert not install(tool, index.url, "demo", **{setting: "1"}).ok
        assert index.requests == []
        assert install(tool, index.url, "demo").ok
