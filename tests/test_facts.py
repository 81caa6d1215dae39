"""What an index knows of a project: asked of real servers that tell the truth, lie, drip or say nothing."""

from __future__ import annotations

import gzip
import json
import os
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import sys_tags

from load._install import facts, pages
from load._install.facts import Facts, card, established, fetch
from support.environment import clean_environment
from support.index import Index, Proxy, self_signed
from support.wheels import build_sdist, build_wheel

OLD, NEW = "2020-02-03T04:05:06.789Z", "2024-06-07T08:09:10Z"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEITHER = "the answer is neither JSON nor HTML of an index"
UNTRUSTED = "no secure connection, or a certificate that is not trusted"


@pytest.fixture(autouse=True)
def _clean(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    clean = clean_environment(HOME=home)
    for name in os.environ.keys() - clean.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A directory with three releases of `thing`."""
    for version in ("1.0", "1.1", "2.0"):
        build_wheel(tmp_path, "thing", version)
    return tmp_path


def look(*urls: str, project: str = "thing", timeout: float = 30, **options: Any) -> Facts:
    return fetch(project, urls, timeout=timeout, **options)


def times(shelf: Path) -> dict[str, str]:
    return {each.name: NEW if "2.0" in each.name else OLD for each in shelf.iterdir()}


# -- what is read -------------------------------------------------------------------------------


def test_json_tells_everything(shelf: Path) -> None:
    with Index(shelf, json=True, upload_times=times(shelf), project_status={"thing": "archived"}) as index:
        assert look(index.url) == Facts(
            project="thing",
            known=True,
            exists=True,
            releases=3,
            first_upload=datetime(2020, 2, 3, 4, 5, 6, 789_000, UTC),
            latest_upload=datetime(2024, 6, 7, 8, 9, 10, 0, UTC),
            latest="2.0",
            wheel=True,
            size=(shelf / "thing-2.0-py3-none-any.whl").stat().st_size,
            status="archived",
            index=index.url,
            problem="",
        )


def test_json_without_times_tells_the_rest(shelf: Path) -> None:
    with Index(shelf, json=True) as index:
        size = (shelf / "thing-2.0-py3-none-any.whl").stat().st_size
        assert look(index.url) == Facts("thing", True, True, 3, None, None, "2.0", True, size, "", index.url)


def test_html_tells_no_sizes(shelf: Path) -> None:
    with Index(shelf) as index:
        assert look(index.url) == Facts("thing", True, True, 3, None, None, "2.0", True, None, "", index.url)


def test_html_with_times_and_status_is_believed(shelf: Path) -> None:
    with Index(shelf, upload_times=times(shelf), project_status={"thing": "deprecated"}) as index:
        found = look(index.url)
    assert (found.first_upload, found.latest_upload) == (
        datetime.fromisoformat(OLD),
        datetime.fromisoformat(NEW),
    )
    assert found.status == "deprecated"


def test_json_is_preferred_and_the_library_says_who_it_is(shelf: Path) -> None:
    with Index(shelf, json=True) as index:
        look(index.url)
    ((method, path, headers),) = index.requests
    assert (method, path) == ("GET", "/simple/thing/")
    assert headers["accept"] == (
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
    )
    assert headers["user-agent"].startswith("load python-requests/")


@pytest.mark.parametrize("end", ["", "/"])
def test_an_index_may_be_written_with_or_without_a_slash(shelf: Path, end: str) -> None:
    with Index(shelf) as index:
        assert look(index.url.rstrip("/") + end).exists
    assert index.hits("thing") == 1


def test_a_name_is_asked_for_as_it_is_normalised(tmp_path: Path) -> None:
    build_wheel(tmp_path, "my-thing")
    with Index(tmp_path) as index:
        assert look(index.url, project="My._Thing").project == "my-thing"
    assert index.requests[0].path == "/simple/my-thing/"


def test_a_name_cannot_climb_out_of_its_index(shelf: Path, tmp_path: Path) -> None:
    with Index(shelf) as index:
        assert look(index.url, project="a/../thing?b#c").exists is False
    assert index.requests[0].path == "/simple/a%2F-%2Fthing%3Fb%23c/"
    assert look(str(tmp_path / "nothing"), project="/etc").problem == "it cannot be read (FileNotFoundError)"


@pytest.mark.parametrize("json_served", [True, False])
@pytest.mark.parametrize("status", ["active", "archived", "deprecated"])
def test_the_status_is_told(shelf: Path, status: str, json_served: bool) -> None:
    with Index(shelf, json=json_served, project_status={"thing": status}) as index:
        assert look(index.url).status == status


@pytest.mark.parametrize("json_served", [True, False])
def test_a_status_that_nobody_defined_is_none(shelf: Path, json_served: bool) -> None:
    with Index(shelf, json=json_served, project_status={"thing": "\x1b[2Jblessed"}) as index:
        assert (look(index.url).known, look(index.url).status) == (True, "")


@pytest.mark.parametrize("json_served", [True, False])
def test_a_quarantined_project_exists_and_is_not_established(shelf: Path, json_served: bool) -> None:
    with Index(shelf, json=json_served, project_status={"thing": "quarantined"}) as index:
        found = look(index.url)
    assert found == Facts("thing", True, True, 0, status="quarantined", index=index.url)
    assert established(found, NOW) is False


# -- which release is the newest ----------------------------------------------------------------


@pytest.mark.parametrize("json_served", [True, False])
def test_a_yanked_release_is_neither_counted_nor_the_newest(shelf: Path, json_served: bool) -> None:
    with Index(shelf, json=json_served, yanked={"thing-2.0-py3-none-any.whl": ""}) as index:
        found = look(index.url)
    assert (found.releases, found.latest) == (2, "1.1")


def test_a_release_of_which_one_file_is_yanked_counts(shelf: Path) -> None:
    build_sdist(shelf, "thing", "2.0", setup_py="")
    with Index(shelf, json=True, yanked={"thing-2.0-py3-none-any.whl": "broken"}) as index:
        found = look(index.url)
    assert (found.releases, found.latest) == (3, "2.0")


@pytest.mark.parametrize("json_served", [True, False])
def test_a_release_for_another_python_counts_but_is_not_the_newest_here(shelf: Path, json_served: bool) -> None:
    build_wheel(shelf, "thing", "3.0", requires_python=f"!={sys.version_info[0]}.{sys.version_info[1]}.*")
    with Index(shelf, json=json_served) as index:
        found = look(index.url)
    assert (found.releases, found.latest) == (4, "2.0")


def test_a_release_for_this_python_is_the_newest(shelf: Path) -> None:
    build_wheel(shelf, "thing", "3.0", requires_python=f">={sys.version_info[0]}.{sys.version_info[1]}")
    build_wheel(shelf, "thing", "4.0", requires_python="nonsense")  # which pip takes for no condition
    with Index(shelf) as index:
        assert look(index.url).latest == "4.0"
        (shelf / "thing-4.0-py3-none-any.whl").unlink()
        assert look(index.url).latest == "3.0"


def test_a_final_release_is_newer_than_every_pre_release(shelf: Path) -> None:
    build_wheel(shelf, "thing", "3.0rc1")
    build_wheel(shelf, "thing", "3.0.dev4")
    with Index(shelf) as index:
        assert look(index.url).latest == "2.0"


def test_where_there_are_only_pre_releases_the_newest_is_one(tmp_path: Path) -> None:
    for version in ("1.0a1", "1.0b1", "1.0.dev5"):
        build_wheel(tmp_path, "thing", version)
    with Index(tmp_path) as index:
        assert look(index.url).latest == "1.0b1"


def test_versions_are_compared_as_versions(tmp_path: Path) -> None:
    for version in ("9.0", "10.0", "10.0.post1"):
        build_wheel(tmp_path, "thing", version)
    with Index(tmp_path) as index:
        assert look(index.url).latest == "10.0.post1"


def test_several_files_of_a_version_are_one_release(shelf: Path) -> None:
    build_sdist(shelf, "thing", "2.0", setup_py="")
    build_wheel(shelf, "thing", "2.0", tag="cp27-cp27m-win32")
    with Index(shelf) as index:
        assert look(index.url).releases == 3


def test_a_release_without_a_wheel_is_source_only(shelf: Path) -> None:
    build_sdist(shelf, "thing", "3.0", setup_py="")
    with Index(shelf, json=True) as index:
        found = look(index.url)
    assert (found.latest, found.wheel, found.size) == ("3.0", False, None)


def test_the_size_is_that_of_the_wheel_for_this_interpreter() -> None:
    best = next(tag for tag in sys_tags() if tag.platform != "any")
    sizes = {"cp27-cp27m-win32": 1, "py3-none-any": 2, str(best): 3, "py2.py3-none-any": 4}
    files = [{"filename": f"thing-1.0-{tag}.whl", "size": size} for tag, size in sizes.items()]
    with Server(answer(json.dumps({"files": files}).encode(), "application/json")) as server:
        assert look(server.url).size == 3


def test_a_wheel_for_another_interpreter_is_a_wheel_without_a_size(tmp_path: Path) -> None:
    build_wheel(tmp_path, "thing", tag="cp27-cp27m-win32")
    with Index(tmp_path, json=True) as index:
        found = look(index.url)
    assert (found.wheel, found.size) == (True, None)


def page(*names: str, head: str = "") -> bytes:
    links = "".join(f'<a href="../../files/{name}#sha256=0">{name}</a>' for name in names)
    return f"<!DOCTYPE html><html><head>{head}</head><body>{links}</body></html>".encode()


NAMES = ["thing-1.0.tar.gz", "thing-2.0.zip", "thing-3.0-py3-none-any.whl"]
MESS = [
    "thing-x.y-py3-none-any.whl",
    "thing-4.0-py3.whl",
    "thing.tar.gz",
    "thing-5.0.exe",
    "other-6.0.tar.gz",
]


def test_files_with_names_of_other_projects_or_none_are_passed_over() -> None:
    with Server(answer(page(*MESS, *NAMES))) as server:
        found = look(server.url)
    assert (found.releases, found.latest, found.wheel) == (3, "3.0", True)


def test_a_page_without_a_file_of_the_project_has_no_release() -> None:
    with Server(answer(page(*MESS))) as server:
        found = look(server.url)
    assert found == Facts("thing", True, True, 0, index=server.url)
    assert established(found, NOW) is False


@pytest.mark.parametrize("name", ["thing-1.0%2Blocal.1-py3-none-any.whl", "thing-1.0&#43;local.1-py3-none-any.whl"])
def test_file_names_are_decoded(name: str) -> None:
    with Server(answer(page(name))) as server:
        assert look(server.url).latest == "1.0+local.1"


@given(st.text(), st.sampled_from(["", "thing-", "thing-1.0-"]), st.sampled_from(["", ".whl", ".tar.gz", ".zip"]))
def test_no_file_name_is_an_error(text: str, start: str, end: str) -> None:
    pages.releases_on("thing", [{"filename": start + text + end}])


@pytest.mark.parametrize("said", ["yesterday", "", 7, None, "2020-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_not_known(said: object) -> None:
    files = [{"filename": NAMES[0], "upload-time": said}, {"filename": NAMES[1], "upload-time": OLD}]
    with Server(answer(json.dumps({"files": files}).encode(), "application/json")) as server:
        assert look(server.url).first_upload == datetime.fromisoformat(OLD)


def test_a_time_without_a_zone_is_utc() -> None:
    files = [{"filename": NAMES[0], "upload-time": "2020-01-01T00:00:00"}]
    with Server(answer(json.dumps({"files": files}).encode(), "application/json")) as server:
        assert look(server.url).first_upload == datetime(2020, 1, 1, tzinfo=UTC)


# -- trouble ------------------------------------------------------------------------------------


def test_a_project_that_is_not_there_is_not_found(shelf: Path) -> None:
    with Index(shelf) as index:
        found = look(index.url, project="nothing")
    assert found == Facts("nothing", True, False, index=index.url, problem="not found on the index")
    assert established(found, NOW) is False


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (401, "the index answered 401 Unauthorized"),
        (403, "the index answered 403 Forbidden"),
        (410, "the index answered 410 Gone"),
        (500, "the index answered 500 Internal Server Error"),
        (503, "the index answered 503 Service Unavailable"),
        (599, "the index answered 599"),
        (204, "the index answered 204 No Content"),
    ],
)
def test_an_index_that_refuses_is_unknown_not_a_no(shelf: Path, code: int, problem: str) -> None:
    with Index(shelf, fault={"thing": code}) as index:
        found = look(index.url)
    assert found == Facts("thing", False, index=index.url, problem=problem)
    assert established(found, NOW) is None


@pytest.mark.parametrize("json_served", [True, False])
def test_garbage_is_no_answer(shelf: Path, json_served: bool) -> None:
    with Index(shelf, json=json_served, fault={"thing": "garbage"}) as index:
        assert look(index.url) == Facts("thing", False, index=index.url, problem=NEITHER)


SHAPES = [
    "null",
    "[]",
    "{}",
    '{"files": null}',
    '{"files": [1]}',
    '{"files": [{}]}',
    '{"files": ["x"]}',
    "[" * 10**5,
]
SHAPES += [
    '{"files": [], "meta": {"api-version": "2.0"}}',
    '{"files": [], "meta": 7}',
    '{"files": [{"filename": 7}]}',
]


@pytest.mark.parametrize("body", [*SHAPES, '{"files": [], "project-status": "active"}', "\xff", ""])
def test_json_of_another_shape_is_no_answer(body: str) -> None:
    with Server(answer(body.encode("latin-1"), "application/vnd.pypi.simple.v1+json")) as server:
        assert look(server.url) == Facts("thing", False, index=server.url, problem=NEITHER)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body><form>Please log in to the network</form><a href='/terms'>Terms</a></body></html>",
        b"<html><body></body></html>",
        b"<![x[",
        b'<a href="http://[x/thing-1.0.tar.gz">',
        b"thing-1.0.tar.gz",
        b"",
    ],
)
def test_html_that_is_no_indexs_is_no_answer(body: bytes) -> None:
    with Server(answer(body)) as server:
        assert look(server.url) == Facts("thing", False, index=server.url, problem=NEITHER)


def test_an_empty_page_that_says_whose_it_is_is_an_answer() -> None:
    with Server(answer(page(head='<meta name="pypi:repository-version" content="1.0">'))) as server:
        assert look(server.url) == Facts("thing", True, True, 0, index=server.url)


def test_a_server_that_says_nothing_is_not_waited_for(shelf: Path) -> None:
    with Index(shelf, fault={"thing": "hang"}) as index:
        assert look(index.url, timeout=1) == Facts("thing", False, index=index.url, problem="no answer in 1 s")


DRIP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n" + page(*NAMES)


@pytest.mark.parametrize("at_once", [5, len(DRIP) - 5], ids=["head", "body"])
def test_a_server_that_drips_is_not_waited_for(at_once: int) -> None:
    def drip(send: Callable[[bytes], None], _: str, closed: threading.Event) -> None:
        send(DRIP[:at_once])
        for byte in DRIP[at_once:] + b" " * 100_000:
            if closed.wait(0.2):
                return
            send(bytes([byte]))

    with Server(drip) as server:
        assert look(server.url, timeout=1) == Facts("thing", False, index=server.url, problem="no answer in 1 s")


def test_a_server_that_is_late_is_hung_up_on() -> None:
    hung_up = threading.Event()

    def trickle(send: Callable[[bytes], None], _: str, over: threading.Event) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while not over.wait(0.1):
                send(b" " * 70_000)
        except OSError:
            hung_up.set()

    with Server(trickle) as server:
        assert look(server.url, timeout=1).problem == "no answer in 1 s"
        assert hung_up.wait(30)


def test_reading_a_page_ends_when_time_is_up() -> None:
    late = pages.Access(1, time.monotonic() - 1, True, None, None, ())
    with pytest.raises(pages.Unanswered, match=r"^no answer in 1 s$"):
        pages._read_html(page(*NAMES), late)


def test_a_page_without_end_is_not_read_to_its_end() -> None:
    body = gzip.compress(b" " * (65 * 2**20))
    with Server(answer(body, "text/html\r\nContent-Encoding: gzip")) as server:
        assert look(server.url).problem == "the answer is larger than 64 MiB"


def test_a_large_page_is_read() -> None:
    body = gzip.compress(page(*NAMES) + b" " * (20 * 2**20))
    with Server(answer(body, "text/html\r\nContent-Encoding: gzip")) as server:
        assert look(server.url).releases == 3


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_none(head: bytes) -> None:
    with Server(lambda send, _, __: send(head + page(*NAMES)[:100])) as server:
        assert look(server.url) == Facts("thing", False, index=server.url, problem="the answer broke off")


def test_where_nobody_listens_there_is_no_connection() -> None:
    with Server(answer(b"")) as server:
        pass
    assert look(server.url) == Facts("thing", False, index=server.url, problem="no connection")


def test_what_a_server_says_of_itself_is_not_repeated() -> None:
    with Server(lambda send, _, __: send(b"HTTP/1.1 403 \x1b[2Jtrust me\r\nContent-Length: 0\r\n\r\n")) as server:
        assert look(server.url).problem == "the index answered 403 Forbidden"


@pytest.mark.parametrize("url", ["http://", "http://[", "http://127.0.0.1:99999/", "gopher://x/", "://"])
def test_a_url_that_is_none_is_only_a_problem(url: str) -> None:
    found = look(url)
    assert (found.known, found.problem.startswith("it cannot be asked (")) == (False, True)


def test_a_missing_file_of_authorities_is_only_a_problem(shelf: Path, tmp_path: Path) -> None:
    with Index(shelf, certificate=self_signed(tmp_path)[:2]) as index:
        assert look(index.url, verify="/nowhere/ca.pem").problem == "it cannot be asked (OSError)"


def test_without_an_index_nothing_is_known() -> None:
    assert look() == Facts("thing", False, problem="there is no index to ask")


# -- credentials, certificates, proxies ---------------------------------------------------------


def test_credentials_of_the_url_are_used_and_not_shown(shelf: Path) -> None:
    with Index(shelf, user="me@work", password="p:/?#%") as index:
        found = look(index.url_with_credentials)
        assert (found.known, found.releases) == (True, 3)
        assert found.index == f"http://****@127.0.0.1:{index.port}/simple/"


def test_a_user_without_a_password_is_a_token(shelf: Path) -> None:
    with Index(shelf, user="token", password="") as index:
        assert look(index.url.replace("//", "//token@")).known


def test_without_credentials_or_with_wrong_ones_nothing_is_known(shelf: Path) -> None:
    with Index(shelf, user="me", password="secret") as index:
        assert look(index.url).problem == "the index answered 401 Unauthorized"
        assert look(index.url.replace("//", "//me:wrong@")).problem == "the index answered 401 Unauthorized"


def test_netrc_is_used(shelf: Path) -> None:
    netrc = Path.home() / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    with Index(shelf, user="me", password="secret") as index:
        assert look(index.url).known


@pytest.mark.parametrize("fault", [None, 403, 500, "garbage", "hang"])
def test_no_secret_is_ever_among_the_facts(shelf: Path, fault: Any) -> None:
    with Index(shelf, user="me", password="secret", fault={"thing": fault} if fault else {}) as index:
        url = index.url_with_credentials
        assert "secret" not in repr(look(url, timeout=1 if fault == "hang" else 30))
    assert "secret" not in repr(look(url))
    assert "secret" not in repr(look(url.replace("127.0.0.1", "127.0.0.1:1")))


def test_a_certificate_of_the_users_own_authority_is_trusted(shelf: Path, tmp_path: Path) -> None:
    *certificate, authority = self_signed(tmp_path)
    with Index(shelf, certificate=(certificate[0], certificate[1])) as index:
        assert look(index.url, verify=str(authority)).known
        assert look(index.url) == Facts("thing", False, index=index.url, problem=UNTRUSTED)


def test_the_variable_for_authorities_holds(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key, authority = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with Index(shelf, certificate=(cert, key)) as index:
        assert look(index.url).known


def test_the_certificate_of_a_trusted_host_is_not_checked(shelf: Path, tmp_path: Path) -> None:
    cert, key, _ = self_signed(tmp_path)
    with Index(shelf, certificate=(cert, key), user="me", password="secret") as index:
        name = index.url.split("/")[2].partition(":")[0]
        for host in (name, f"{name}:{index.port}"):
            assert look(index.url_with_credentials, trusted_hosts=["other", host]).known
        for host in (f"{name}:1", name[:-1], ""):
            assert look(index.url_with_credentials, trusted_hosts=["other", host]).problem == UNTRUSTED


def test_a_trusted_host_without_https_is_asked_as_ever(shelf: Path) -> None:
    with Index(shelf) as index:
        assert look(index.url, trusted_hosts=["127.0.0.1"]).known


def test_the_users_proxy_is_used(shelf: Path) -> None:
    with Index(shelf) as index, Proxy() as proxy:
        assert look(index.url, proxies={"http": proxy.url}).known
        assert [each.path for each in proxy.requests] == [f"{index.url}thing/"]
        assert look(index.url).known
        assert len(proxy.requests) == 1


def test_the_proxy_of_the_environment_is_used(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Index(shelf) as index, Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert look(index.url).known
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert look(index.url).known
        assert len(proxy.requests) == 1


def test_a_proxy_that_is_away_is_said_to_be(shelf: Path) -> None:
    with Proxy() as proxy:
        pass
    with Index(shelf) as index:
        assert look(index.url, proxies={"http": proxy.url}).problem == "no connection through the proxy"
    assert index.requests == []


# -- redirects ----------------------------------------------------------------------------------


def test_a_redirect_to_the_same_place_is_followed_with_the_credentials() -> None:
    def moved(send: Callable[[bytes], None], request: str, _: threading.Event) -> None:
        send(redirect("/real/thing/") if "/simple/" in request else reply(page(*NAMES)))

    with Server(moved) as server:
        assert look(server.url.replace("//", "//me:secret@")).releases == 3
    assert [BASIC in request for request in server.requests] == [True, True]


BASIC = "Authorization: Basic bWU6c2VjcmV0"  # me:secret


def test_a_redirect_over_http_to_another_place_is_not_followed() -> None:
    with (
        Server(answer(page(*NAMES))) as other,
        Server(lambda send, _, __: send(redirect(other.url))) as server,
    ):
        found = look(server.url.replace("//", "//me:secret@"))
    assert found.problem == "the index redirects to where it is not safe to follow"
    assert other.requests == []


def test_a_redirect_from_https_to_http_is_not_followed(tmp_path: Path) -> None:
    cert, key, authority = self_signed(tmp_path)
    with (
        Server(answer(page(*NAMES))) as other,
        Server(lambda send, _, __: send(redirect(other.url)), (cert, key)) as server,
    ):
        found = look(server.url, verify=str(authority))
    assert found.problem == "the index redirects to where it is not safe to follow"
    assert other.requests == []


def test_a_redirect_from_https_to_https_is_followed_and_secrets_stay_behind(tmp_path: Path) -> None:
    cert, key, authority = self_signed(tmp_path)
    mine = tmp_path / "client.pem"
    mine.write_bytes(cert.read_bytes() + key.read_bytes())
    with (
        Server(answer(page(*NAMES)), (cert, key), authority) as other,
        Server(lambda send, _, __: send(redirect(other.url)), (cert, key), authority) as server,
    ):
        found = look(server.url.replace("//", "//me:secret@"), verify=str(authority), cert=str(mine))
    assert found.releases == 3
    assert BASIC in server.requests[0]
    assert "Authorization" not in other.requests[0]
    assert (server.certificates, other.certificates) == ([True], [False])


def test_trust_in_a_host_is_not_trust_in_where_it_redirects_to(tmp_path: Path) -> None:
    cert, key, _ = self_signed(tmp_path)
    with (
        Server(answer(page(*NAMES)), (cert, key)) as other,
        Server(lambda send, _, __: send(redirect(other.url)), (cert, key)) as server,
    ):
        found = look(server.url, trusted_hosts=[server.url.split("/")[2]])
        assert found.problem == UNTRUSTED
        assert look(server.url, trusted_hosts=["127.0.0.1"]).releases == 3


def test_redirects_without_end_are_not_followed() -> None:
    with Server(lambda send, _, __: send(redirect("/simple/thing/"))) as server:
        assert look(server.url).problem == "the index redirects more than 5 times"
    assert len(server.requests) == 6


# -- several indexes ----------------------------------------------------------------------------


def releases(directory: Path, *versions: str) -> Path:
    directory.mkdir()
    for version in versions:
        build_wheel(directory, "thing", version)
    return directory


TEN = [f"{number}.0" for number in range(10)]


def test_the_index_that_has_it_speaks(tmp_path: Path) -> None:
    with Index(releases(tmp_path / "a")) as without, Index(releases(tmp_path / "b", "1.0")) as having:
        assert look(without.url, having.url) == look(having.url) == look(having.url, without.url)


def test_of_several_the_one_speaks_on_which_it_is_least_established(tmp_path: Path) -> None:
    with Index(releases(tmp_path / "a", *TEN)) as old, Index(releases(tmp_path / "b", "99.0")) as new:
        for urls in ((old.url, new.url), (new.url, old.url)):
            found = look(*urls)
            assert (found.index, found.latest) == (new.url, "99.0")
            assert established(found, NOW) is False


def test_where_it_is_established_on_all_the_first_speaks(tmp_path: Path) -> None:
    with Index(releases(tmp_path / "a", *TEN)) as one, Index(releases(tmp_path / "b", *TEN, "99.0")) as other:
        assert (look(one.url, other.url).latest, look(other.url, one.url).latest) == ("9.0", "99.0")
        assert established(look(one.url, other.url), NOW)


def test_quarantine_on_one_index_counts_on_all(tmp_path: Path) -> None:
    with (
        Index(releases(tmp_path / "a", "1.0")) as one,
        Index(releases(tmp_path / "b", *TEN), project_status={"thing": "quarantined"}) as other,
    ):
        assert look(one.url, other.url).status == "quarantined"


def test_while_one_index_is_silent_nothing_is_known_for_sure(tmp_path: Path) -> None:
    with Index(releases(tmp_path / "a", *TEN)) as one, Index(tmp_path, fault={"*": 503}) as other:
        found = look(one.url, other.url)
    assert (found.known, found.exists, found.releases, found.index) == (False, True, 10, one.url)
    assert found.problem == f"{other.url}: the index answered 503 Service Unavailable"
    assert established(found, NOW) is None


def test_a_project_that_one_index_lacks_and_another_may_have_is_not_known_to_be_missing(
    tmp_path: Path,
) -> None:
    with Index(tmp_path) as one, Index(tmp_path, fault={"*": 403}) as other:
        assert look(one.url, other.url) == look(other.url)
        assert look(one.url, other.url).exists is None


def test_all_indexes_are_asked_at_once() -> None:
    both = threading.Barrier(2, timeout=20)  # breaks unless both requests are under way together

    def meet(send: Callable[[bytes], None], _: str, __: threading.Event) -> None:
        both.wait()
        send(reply(page(*NAMES)))

    with Server(meet) as one, Server(meet) as other:
        assert look(one.url, other.url).known


# -- places on this machine ---------------------------------------------------------------------


def test_an_index_in_the_file_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    said = f'data-upload-time="{OLD}" data-requires-python="&gt;=3"'
    old = f'<a href="thing-1.0.tar.gz" {said}>thing-1.0.tar.gz</a>'
    (tmp_path / "thing" / "index.html").write_text(old + '<a href="thing-2.0.zip" data-yanked>thing-2.0.zip</a>')
    for url in (tmp_path.as_uri(), str(tmp_path)):
        uploaded = datetime.fromisoformat(OLD)
        assert look(url) == Facts("thing", True, True, 1, uploaded, uploaded, "1.0", False, None, "", url)
        assert look(url, project="other").exists is False


def test_a_directory_of_files_is_read(shelf: Path) -> None:
    (shelf / "gone-1.0.tar.gz").symlink_to("nowhere")
    (shelf / "thing-9.0.tar.gz").mkdir()
    size = (shelf / "thing-2.0-py3-none-any.whl").stat().st_size
    for url in (shelf.as_uri(), str(shelf)):
        for found in (look(url), look(find_links=[url])):
            assert found == Facts("thing", True, True, 3, None, None, "2.0", True, size, "", url)
        assert look(url, project="other") == Facts("other", True, False, index=url, problem="not found on the index")


def test_a_directory_given_as_one_of_files_is_no_index(shelf: Path) -> None:
    (shelf / "thing").mkdir()
    (shelf / "thing" / "index.html").write_bytes(page("thing-9.0.tar.gz"))
    assert (look(str(shelf)).latest, look(find_links=[str(shelf)]).latest) == ("9.0", "2.0")


def test_a_page_of_files_in_the_file_system_is_read(tmp_path: Path) -> None:
    file = tmp_path / "files.html"
    file.write_bytes(page(*NAMES, *MESS))
    assert look(find_links=[file.as_uri()]).releases == look(str(file)).releases == 3
    assert look(str(file), project="nothing").exists is False


def test_a_place_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    url = str(tmp_path / "nowhere")
    assert look(url) == Facts("thing", False, index=url, problem="it cannot be read (FileNotFoundError)")


def test_a_page_of_files_on_a_server_is_read() -> None:
    with Server(answer(page(*NAMES, *MESS))) as server:
        base = server.url.removesuffix("/simple/")
        assert look(find_links=[f"{base}/wheels/"]).releases == 3
        assert look(f"{base}/files.html").releases == 3
        assert look(f"{base}/files.html", project="nothing").exists is False
    assert [request.split()[1] for request in server.requests] == ["/wheels/", "/files.html", "/files.html"]


# -- established --------------------------------------------------------------------------------


def aged(days: float | None, count: int, **more: Any) -> Facts:
    first = None if days is None else NOW - timedelta(days=days)
    return Facts("thing", True, True, count, first, **more)


@pytest.mark.parametrize(("days", "count"), [(90, 3), (5000, 3), (90, 300), (None, 10), (None, 11)])
def test_age_and_releases_establish_a_project(days: float | None, count: int) -> None:
    assert established(aged(days, count), NOW) is True


@pytest.mark.parametrize(("days", "count"), [(89.999, 3), (90, 2), (0, 1000), (-1, 3), (5000, 0), (None, 9), (None, 0)])
def test_less_does_not_establish_a_project(days: float | None, count: int) -> None:
    assert established(aged(days, count), NOW) is False


def test_a_quarantined_project_is_never_established() -> None:
    assert established(aged(5000, 300, status="quarantined"), NOW) is False
    assert established(aged(5000, 300, status="archived"), NOW) is True


def test_what_is_not_known_is_neither() -> None:
    assert established(aged(5000, 300)._replace(known=False), NOW) is None
    assert established(facts.unknown("Some_Thing", "offline"), NOW) is None
    assert facts.unknown("Some_Thing", "offline") == Facts("some-thing", False, problem="offline")


@given(st.none() | st.floats(-1e4, 1e4), st.integers(0, 100), st.booleans())
def test_only_known_facts_establish(days: float | None, count: int, known: bool) -> None:
    verdict = established(aged(days, count)._replace(known=known), NOW)
    assert (verdict is None) == (not known)


# -- the card -----------------------------------------------------------------------------------


def test_the_card_shows_what_is_known() -> None:
    found = Facts(
        "numpy", True, True, 142, NOW - timedelta(days=6999), NOW - timedelta(days=89), "2.4.1", True,
        17_721_345, "active", "https://****@index.example/simple/",
    )  # fmt: skip
    assert card(found, "numpy>=1.26", "same name", NOW) == (
        "requirement   numpy>=1.26 (same name)\n"
        "first upload  2006-11-03, 19 years ago\n"
        "last upload   2025-10-04, 2 months ago\n"
        "releases      142\n"
        "newest        2.4.1\n"
        "wheel         yes, 16.9 MiB\n"
        "status        active\n"
        "index         https://****@index.example/simple/"
    )


def test_the_card_says_what_is_unknown() -> None:
    found = facts.unknown("thing", "no answer in 15 s", "https://index.example/simple/")
    assert card(found, "thing", "same name", NOW) == (
        "requirement   thing (same name)\n"
        "first upload  unknown\n"
        "last upload   unknown\n"
        "releases      unknown\n"
        "newest        unknown\n"
        "wheel         unknown\n"
        "status        unknown\n"
        "index         https://index.example/simple/\n"
        "problem       no answer in 15 s"
    )


def test_the_card_warns_of_quarantine() -> None:
    shown = card(Facts("thing", True, True, 0, status="quarantined"), "thing", "same name", NOW)
    assert "\nstatus        quarantined: the index considers it unsafe\n" in shown


@pytest.mark.parametrize(
    ("wheel", "size", "text"),
    [
        (False, None, "none, source only"),
        (True, None, "yes, size unknown"),
        (True, 2**40, "yes, 1,048,576.0 MiB"),
    ],
)
def test_the_card_says_whether_there_is_a_wheel(wheel: bool, size: int | None, text: str) -> None:
    shown = card(Facts("thing", True, True, 1, wheel=wheel, size=size), "thing", "same name", NOW)
    assert f"\nwheel         {text}\n" in shown


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (-1, "in the future"),
        (0, "today"),
        (1, "1 day ago"),
        (59, "59 days ago"),
        (60, "2 months ago"),
        (729, "24 months ago"),
        (730, "2 years ago"),
    ],
)
def test_the_card_says_ages_in_words(days: int, age: str) -> None:
    moment = NOW - timedelta(days=days)
    assert f"first upload  {moment:%Y-%m-%d}, {age}\n" in card(aged(days, 3), "thing", "same name", NOW)


# -- a server that does as it is told -----------------------------------------------------------

# (sends bytes, the request's head, set when the test is over)
Behaviour = Callable[[Callable[[bytes], None], str, threading.Event], None]


def reply(body: bytes, kind: str = "text/html") -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode() + body


def redirect(target: str) -> bytes:
    head = ["HTTP/1.1 302 Found", f"Location: {target}", "Content-Length: 0", "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode()


def answer(body: bytes, kind: str = "text/html") -> Behaviour:
    return lambda send, _, __: send(reply(body, kind))


class Server(socketserver.ThreadingTCPServer):
    """Speaks bytes: for answers that no HTTP library would send. One answer a connection."""

    allow_reuse_address = daemon_threads = True

    def __init__(
        self, behave: Behaviour, certificate: tuple[Path, Path] | None = None, clients: Path | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server_address[1]}/simple/"
        self.behave, self.over = behave, threading.Event()
        self.requests: list[str] = []
        self.certificates: list[bool] = []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if clients:
                context.load_verify_locations(clients)
                context.verify_mode = ssl.CERT_OPTIONAL
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.over.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(socketserver.BaseRequestHandler):
    """Reads a request, keeps it, and lets the server's behaviour answer it."""

    server: Server

    def handle(self) -> None:
        with suppress(OSError):  # a client that goes away
            if isinstance(self.request, ssl.SSLSocket):
                self.request.do_handshake()
            head = b""
            while b"\r\n\r\n" not in head and (more := self.request.recv(65_536)):
                head += more
            self.server.requests.append(head.decode())
            if isinstance(self.request, ssl.SSLSocket):
                self.server.certificates.append(bool(self.request.getpeercert()))
            self.server.behave(self.request.sendall, head.decode(), self.server.over)
