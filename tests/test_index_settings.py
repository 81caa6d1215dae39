"""What the user told pip or uv about indexes holds for both: each setting, said anywhere, for each tool."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from load._errors import ConfigError
from load._install import index_env, index_files
from load._install.index_env import default_index, for_pip, for_uv, uv_flags
from load._install.indexes import IndexSettings, index_urls, read
from load._install.redaction import redact
from support.environment import clean_environment, self_signed
from support.index import Index, Proxy
from support.wheels import build_wheel

pytestmark = pytest.mark.slow

DEAD = "http://127.0.0.1:9"  # nobody listens there: what would leave loopback ends here
TOOLS = ("pip", "uv")
Test = TypeVar("Test", bound=Callable[..., None])


@dataclass
class User:
    """A user with a home and a project to stand in, who has said nothing but that retrying is in vain."""

    path: Path
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def project(self) -> Path:
        return self.path / "project"

    def says(self, where: str, value: object) -> None:
        """Say `value` in a variable, in pip's file (``pip.conf KEY``) or in uv's (``uv.toml TEXT {}``)."""
        file, _, key = where.partition(" ")
        if file == "pip.conf":
            written = self.home / ".config" / "pip" / "pip.conf"
            self.environ.pop("PIP_CONFIG_FILE", None)
            text = f"[global]\n{key} = {value}\n"
        elif file == "uv.toml":
            written = self.project / "uv.toml"
            self.environ.pop("UV_NO_CONFIG", None)
            text = key.format(value) + "\n"
        else:
            self.environ[where] = str(value)
            return
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, encoding="utf-8")

    def settings(self) -> IndexSettings:
        return read(self.environ, cwd=str(self.project), prefix=str(self.path / "prefix"), home=str(self.home))

    def gets(self, tool: str, requirement: str = "demo") -> set[str]:
        """What the tool installs, as ``name-version``, when it is told the settings; nothing if it fails."""
        return self.install(tool, requirement)[0]

    def install(self, tool: str, requirement: str = "demo") -> tuple[set[str], str]:
        settings, prefix = self.settings(), self.path / f"prefix-{tool}-{len(list(self.path.iterdir()))}"
        if tool == "uv":
            command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
            command += [*uv_flags(settings), "--constraint", "-"]
            environ = for_uv(settings, self.environ)
        else:
            command = [sys.executable, "-m", "pip", "install", "--no-compile", "--no-input"]
            environ = for_pip(settings, self.environ)
        command += ["--prefix", str(prefix), "--only-binary", ":all:", requirement]
        return self.run(command, environ, prefix)

    def run(self, command: list[str], environ: Mapping[str, str], prefix: Path) -> tuple[set[str], str]:
        done = subprocess.run(
            command,
            env=environ,
            cwd=self.project,
            input="",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = {path.name.removesuffix(".dist-info") for path in prefix.rglob("*.dist-info")}
        return found, done.stdout + done.stderr


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    for name in ("home", "project", "prefix"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(index_files, "_ETC", str(tmp_path / "etc"))  # the machine's own files are nobody's here
    environ = clean_environment(
        HOME=tmp_path / "home", PIP_RETRIES="0", UV_NO_CACHE="1", PIP_NO_CACHE_DIR="1",
        HTTPS_PROXY=DEAD, NO_PROXY="127.0.0.1,localhost",
    )  # fmt: skip
    return User(tmp_path, environ)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with `demo` 1.0."""
    (tmp_path / "index").mkdir()
    build_wheel(tmp_path / "index", "demo")
    with Index(tmp_path / "index") as running:
        yield running


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Index]:
    """Another index, with `demo` 2.0."""
    (tmp_path / "newer").mkdir()
    build_wheel(tmp_path / "newer", "demo", "2.0")
    with Index(tmp_path / "newer") as running:
        yield running


both_tools = pytest.mark.parametrize("tool", TOOLS)


def everywhere(*places: str) -> Callable[[Test], Test]:
    """Run a test for each place where the setting can be said, and for each tool."""

    def mark(test: Test) -> Test:
        marked: Test = both_tools(pytest.mark.parametrize("where", places)(test))
        return marked

    return mark


# One setting after the other: obeyed wherever it is said, and not otherwise.


@everywhere(
    "pip.conf index-url", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL",
    'uv.toml index-url = "{}"', 'uv.toml index = [{{url = "{}", default = true}}]',
)  # fmt: skip
def test_the_index_holds_for_both(tool: str, where: str, user: User, index: Index) -> None:
    user.says(where, index.url)
    assert user.gets(tool) == {"demo-1.0"}
    assert index.downloads() == ["demo-1.0-py3-none-any.whl"]


@both_tools
def test_an_index_that_nobody_named_is_not_asked(tool: str, user: User, index: Index) -> None:
    assert user.gets(tool) == set()
    assert index.requests == []


@everywhere(
    "pip.conf extra-index-url", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL",
    'uv.toml extra-index-url = ["{}"]', 'uv.toml index = [{{url = "{}"}}]',
)  # fmt: skip
def test_an_extra_index_is_asked_too(tool: str, where: str, user: User, index: Index, newer: Index) -> None:
    build_wheel(index.directory, "rare")
    user.says("PIP_INDEX_URL", newer.url)
    assert user.gets(tool, "rare") == set()
    user.says(where, index.url)
    assert user.gets(tool, "rare") == {"rare-1.0"}


@both_tools
def test_the_best_version_of_all_of_pips_indexes_is_taken(tool: str, user: User, index: Index, newer: Index) -> None:
    user.says("PIP_INDEX_URL", newer.url)
    user.says("PIP_EXTRA_INDEX_URL", index.url)  # uv would ask it first, and be content with 1.0
    assert user.gets(tool) == {"demo-2.0"}
    assert index_env.beyond_pip(user.settings()) == ()


def test_of_uvs_indexes_the_first_that_has_the_project_counts_and_pip_is_said_to_differ(
    user: User, index: Index, newer: Index
) -> None:
    user.says("UV_DEFAULT_INDEX", newer.url)
    user.says("UV_INDEX", index.url)
    assert user.gets("uv") == {"demo-1.0"}
    assert index_env.beyond_pip(user.settings()) == (
        "pip looks for the best version in all indexes, and uv in the first that has the project",
    )
    user.says("UV_INDEX_STRATEGY", "unsafe-best-match")
    assert user.gets("uv") == {"demo-2.0"}
    assert index_env.beyond_pip(user.settings()) == ()


@everywhere("pip.conf find-links", "PIP_FIND_LINKS", 'uv.toml find-links = ["{}"]')
def test_find_links_are_looked_through(tool: str, where: str, user: User, index: Index) -> None:
    user.says("PIP_INDEX_URL", index.url)
    (user.path / "links").mkdir()
    build_wheel(user.path / "links", "rare")
    assert user.gets(tool, "rare") == set()
    user.says(where, user.path / "links")
    assert user.gets(tool, "rare") == {"rare-1.0"}


@both_tools
def test_find_links_may_have_spaces_and_commas_and_be_relative_to_the_file(tool: str, user: User) -> None:
    links = user.project / "my links, old"
    links.mkdir()
    build_wheel(links, "rare")
    user.says("uv.toml no-index = true\nfind-links = ['{}']", "my links, old")
    assert user.gets(tool, "rare") == {"rare-1.0"}
    user.says("uv.toml no-index = true\nfind-links = ['{}']", links.as_uri().replace("%2C", ","))
    assert user.gets(tool, "rare") == {"rare-1.0"}


@both_tools
def test_find_links_that_are_missing_are_passed_over(tool: str, user: User, index: Index) -> None:
    user.says("PIP_INDEX_URL", index.url)
    user.says("PIP_FIND_LINKS", user.path / "nowhere")
    assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf no-index", "PIP_NO_INDEX", "uv.toml no-index = {}")
def test_no_index_leaves_the_links_alone(tool: str, where: str, user: User, newer: Index) -> None:
    (user.path / "links").mkdir()
    build_wheel(user.path / "links", "demo")
    user.says("PIP_FIND_LINKS", user.path / "links")
    user.says("PIP_INDEX_URL", newer.url)
    assert user.gets(tool) == {"demo-2.0"}
    newer.requests.clear()
    user.says(where, "true")
    assert user.gets(tool) == {"demo-1.0"}
    assert newer.requests == []


@everywhere("UV_OFFLINE", "uv.toml offline = {}")
def test_offline_only_local_places_are_asked(tool: str, where: str, user: User, newer: Index) -> None:
    (user.path / "links").mkdir()
    build_wheel(user.path / "links", "demo")
    user.says("PIP_FIND_LINKS", user.path / "links")
    user.says("PIP_INDEX_URL", newer.url)
    user.says(where, "true")
    assert user.gets(tool) == {"demo-1.0"}
    assert newer.requests == []


@both_tools
def test_offline_a_local_index_is_still_an_index(tool: str, user: User) -> None:
    page = user.path / "mirror" / "demo"
    page.mkdir(parents=True)
    build_wheel(page, "demo")
    (page / "index.html").write_text('<a href="demo-1.0-py3-none-any.whl">demo-1.0-py3-none-any.whl</a>')
    user.says("UV_OFFLINE", "1")
    user.says("PIP_EXTRA_INDEX_URL", "../mirror")  # relative, which pip by itself cannot bear
    assert user.gets(tool) == {"demo-1.0"}


@everywhere("PIP_INDEX_URL", "UV_DEFAULT_INDEX")
def test_credentials_in_the_url_are_used(tool: str, where: str, user: User, index: Index) -> None:
    index.user, index.password = "me", "a b@c/d"
    user.says(where, index.url)
    assert user.gets(tool) == set()
    user.says(where, index.url_with_credentials)
    assert user.gets(tool) == {"demo-1.0"}


@both_tools
def test_credentials_that_uv_keeps_under_an_index_name_are_used(tool: str, user: User, index: Index) -> None:
    index.user, index.password = "me", "a b@c/d"
    user.says("UV_DEFAULT_INDEX", f"my-own.index={index.url}")
    user.says("UV_INDEX_MY_OWN_INDEX_USERNAME", "me")
    assert user.gets(tool) == set()
    user.says("UV_INDEX_MY_OWN_INDEX_PASSWORD", "a b@c/d")
    assert user.gets(tool) == {"demo-1.0"}


@both_tools
def test_netrc_is_read(tool: str, user: User, index: Index) -> None:
    index.user, index.password = "me", "secret"
    user.says("PIP_INDEX_URL", index.url)
    assert user.gets(tool) == set()
    netrc = user.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf keyring-provider", "UV_KEYRING_PROVIDER")
def test_the_keyring_command_is_asked(tool: str, where: str, user: User, index: Index) -> None:
    index.user, index.password = "me", "secret"
    command = user.path / "bin" / "keyring"
    command.parent.mkdir()
    answer = '{"username": "me", "password": "secret"}'
    command.write_text(f"""#!/bin/sh\ncase "$*" in *json*) echo '{answer}';; *) echo secret;; esac\n""")
    command.chmod(0o755)
    user.environ["PATH"] = f"{command.parent}{os.pathsep}{user.environ['PATH']}"
    user.says("PIP_INDEX_URL", index.url.replace("//", "//me@"))
    assert user.gets(tool) == set()
    user.says(where, "subprocess")
    assert user.gets(tool) == {"demo-1.0"}
    assert index_env.beyond_uv(user.settings()) == ()


@everywhere("pip.conf cert", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
def test_the_authority_of_the_index_is_trusted(tool: str, where: str, user: User, index: Index) -> None:
    certificate, key, authority = self_signed(user.path)
    with Index(index.directory, certificate=(certificate, key)) as secure:
        user.says("PIP_INDEX_URL", secure.url)
        assert user.gets(tool) == set()
        user.says(where, authority)
        assert user.gets(tool) == {"demo-1.0"}


def test_pips_own_certificate_is_the_closer_word_and_a_bundle_in_the_environment_does_not_undo_it(
    user: User, index: Index
) -> None:
    certificate, key, authority = self_signed(user.path)
    (user.path / "other").mkdir()
    other = self_signed(user.path / "other")[2]
    with Index(index.directory, certificate=(certificate, key)) as secure:
        user.says("PIP_INDEX_URL", secure.url)
        user.says("PIP_CERT", authority)
        user.says("REQUESTS_CA_BUNDLE", other)
        assert [user.gets(tool) for tool in TOOLS] == [{"demo-1.0"}, {"demo-1.0"}]
        user.says("PIP_CERT", other)
        assert [user.gets(tool) for tool in TOOLS] == [set(), set()]


@everywhere("pip.conf client-cert", "PIP_CLIENT_CERT", "SSL_CLIENT_CERT")
def test_a_client_shows_its_certificate(tool: str, where: str, user: User, index: Index) -> None:
    certificate, key, authority = self_signed(user.path)
    (user.path / "mine.pem").write_text(key.read_text() + certificate.read_text())
    with Index(index.directory, certificate=(certificate, key)) as strict:
        context: ssl.SSLContext = strict._server.socket.context  # type: ignore[attr-defined]
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
        user.says("PIP_INDEX_URL", strict.url)
        user.says("PIP_CERT", authority)
        assert user.gets(tool) == set()
        user.says(where, user.path / "mine.pem")
        assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf trusted-host", "PIP_TRUSTED_HOST", "UV_INSECURE_HOST", 'uv.toml allow-insecure-host = ["{}"]')
def test_a_trusted_host_needs_no_authority(tool: str, where: str, user: User, index: Index) -> None:
    certificate, key, _ = self_signed(user.path)
    with Index(index.directory, certificate=(certificate, key)) as secure:
        user.says("PIP_INDEX_URL", secure.url)
        user.says(where, "other.example")
        assert user.gets(tool) == set()
        user.says(where, secure.url.split("/")[2])
        assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf proxy", "PIP_PROXY", 'uv.toml no-proxy = []\nhttp-proxy = "{}"', "HTTP_PROXY")
def test_the_proxy_is_taken(tool: str, where: str, user: User, index: Index) -> None:
    user.says("PIP_INDEX_URL", index.url)
    if where == "HTTP_PROXY":
        del user.environ["NO_PROXY"]  # which pip's own proxy overrides, and the environment's does not
    with Proxy() as proxy:
        assert user.gets(tool) == {"demo-1.0"}
        assert proxy.requests == []
        user.says(where, proxy.url)
        assert user.gets(tool) == {"demo-1.0"}
        assert proxy.requests != []


@both_tools
def test_the_proxies_of_the_environment_can_be_turned_off(tool: str, user: User, index: Index) -> None:
    user.says("PIP_INDEX_URL", index.url)
    user.says("HTTP_PROXY", DEAD)
    del user.environ["NO_PROXY"]
    assert user.gets(tool) == set()
    user.says("PIP_NO_PROXY_ENV", "1")
    assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf pre", "PIP_PRE", "PIP_ALL_RELEASES", "UV_PRERELEASE", 'uv.toml prerelease = "{}"')
def test_prereleases_are_taken_if_wanted(tool: str, where: str, user: User, index: Index) -> None:
    build_wheel(index.directory, "demo", "2.0rc1")
    user.says("PIP_INDEX_URL", index.url)
    assert user.gets(tool) == {"demo-1.0"}
    user.says(where, "allow" if "rerelease" in where.lower() else ":all:" if "ALL" in where else "true")
    assert user.gets(tool) == {"demo-2.0rc1"}


@everywhere("pip.conf constraint", "PIP_CONSTRAINT", "UV_CONSTRAINT")
def test_constraints_hold_beside_those_of_the_installer(tool: str, where: str, user: User, newer: Index) -> None:
    build_wheel(newer.directory, "demo", "1.0")
    user.says("PIP_INDEX_URL", newer.url)
    (user.project / "limits.txt").write_text("demo<2\n")
    assert user.gets(tool) == {"demo-2.0"}
    user.says(where, "limits.txt")
    assert user.gets(tool) == {"demo-1.0"}


@everywhere("pip.conf uploaded-prior-to", "PIP_UPLOADED_PRIOR_TO", "UV_EXCLUDE_NEWER", 'uv.toml exclude-newer = "{}"')
def test_files_uploaded_later_are_not_taken(tool: str, where: str, user: User, newer: Index) -> None:
    build_wheel(newer.directory, "demo", "1.0")
    newer.json = True
    newer.upload_times = {f"demo-{v}.0-py3-none-any.whl": f"202{v}-01-01T12:00:00Z" for v in (1, 2)}
    user.says("PIP_INDEX_URL", newer.url)
    assert user.gets(tool) == {"demo-2.0"}
    user.says(where, "2022-01-01T12:00:00Z")
    assert user.gets(tool) == {"demo-1.0"}


@pytest.mark.parametrize(
    ("where", "seconds"), [("PIP_TIMEOUT", "0.5"), ("PIP_DEFAULT_TIMEOUT", "1"), ("UV_HTTP_TIMEOUT", "1")]
)
@both_tools
def test_a_slow_index_is_given_up(tool: str, where: str, seconds: str, user: User, index: Index) -> None:
    user.says("PIP_INDEX_URL", index.url)
    user.says(where, seconds)
    index.delay = 1.3  # less than either tool waits by itself
    assert user.gets(tool) == set()
    index.delay = 0
    assert user.gets(tool) == {"demo-1.0"}


@both_tools
def test_a_failing_index_is_asked_again_as_often_as_wanted(tool: str, user: User, index: Index) -> None:
    index.fault["demo"] = 503
    user.says("PIP_INDEX_URL", index.url)
    user.gets(tool)
    assert index.hits("demo") == 1
    user.says("PIP_RETRIES", "1")
    user.gets(tool)
    assert index.hits("demo") == 3


# What else the user has set does not reach the installer: it would turn a staged install into another one.


def test_no_setting_of_pips_can_turn_the_install_into_another_one(user: User, index: Index) -> None:
    build_wheel(index.directory, "whole", requires=["demo"])
    elsewhere = user.path / "elsewhere"
    dangerous = {
        **dict.fromkeys(("target", "prefix", "root", "report", "log", "requirement"), elsewhere),
        **dict.fromkeys(("user", "no-deps", "require-hashes", "dry-run", "ignore-installed"), True),
        "no-binary": ":all:",
        "platform": "win32",
        "require-virtualenv": True,
    }
    text = "\n".join(f"{key} = {value}" for key, value in dangerous.items())
    user.says("pip.conf index-url", f"{index.url}\n{text}")
    assert user.gets("pip", "whole") == {"whole-1.0", "demo-1.0"}
    assert not elsewhere.exists()
    command = [sys.executable, "-m", "pip", "install", "--prefix", str(user.path / "p"), "whole"]
    assert user.run(command, user.environ, user.path / "p")[0] == set()  # pip by itself heeds them


def test_no_setting_of_uvs_can_turn_the_install_into_another_one(user: User, index: Index) -> None:
    build_wheel(index.directory, "whole", requires=["demo"])
    (user.project / "none.txt").write_text("demo==99\n")
    user.environ |= dict.fromkeys(("UV_REQUIRE_HASHES", "UV_NO_BINARY", "UV_COMPILE_BYTECODE"), "1")
    user.environ |= dict.fromkeys(("UV_OVERRIDE", "UV_EXCLUDE", "UV_BUILD_CONSTRAINT"), "none.txt")
    user.environ |= {"UV_LINK_MODE": "symlink", "UV_RESOLUTION": "lowest", "UV_PYTHON": "3.8"}
    user.environ |= {"UV_PROJECT": "gone", "UV_WORKING_DIR": "/", "UV_CACHE_DIR": ""}
    user.environ |= {"VIRTUAL_ENV": "/gone", "CONDA_PREFIX": "/gone"}
    user.says(
        "uv.toml {}",
        f'index-url = "{index.url}"\nno-binary = true\nrequired-version = ">=99"\n'
        'override-dependencies = ["demo==99"]\n'
        '[pip]\ntarget = "elsewhere"\nno-deps = true\nrequire-hashes = true\nlink-mode = "symlink"\n',
    )
    assert user.gets("uv", "whole") == {"whole-1.0", "demo-1.0"}
    assert not (user.project / "elsewhere").exists()
    files = [path for path in user.path.glob("prefix-uv*/**/*") if path.suffix in (".py", ".pyc")]
    assert {path.name for path in files} == {"whole.py", "demo.py"}
    assert not any(path.is_symlink() for path in files)


def test_uv_by_itself_would_follow_its_file_to_another_place(user: User, index: Index) -> None:
    user.says("uv.toml {}", f'index-url = "{index.url}"\n[pip]\ntarget = "elsewhere"')
    command = [sys.executable, "-m", "uv", "pip", "install", "--prefix", str(user.path / "p"), "demo"]
    assert user.run(command, user.environ, user.path / "p")[0] == set()
    assert (user.project / "elsewhere" / "demo.py").exists()


def test_every_link_mode_is_kept_but_the_one_that_owns_no_files() -> None:
    modes = ("copy", "clone", "hardlink", "symlink")
    handed_on = [for_uv(IndexSettings(), {"UV_LINK_MODE": mode}).get("UV_LINK_MODE") for mode in modes]
    assert handed_on == ["copy", "clone", "hardlink", None]


def test_the_rest_of_the_environment_is_handed_on_and_caches_stay_where_they_are(user: User) -> None:
    user.says("pip.conf cache-dir", "/pip-cache")
    user.says("uv.toml cache-dir = '{}'", "/uv-cache")
    user.environ = {k: v for k, v in user.environ.items() if "CACHE" not in k} | {"LANG": "C"}
    uv, pip_ = for_uv(user.settings(), user.environ), for_pip(user.settings(), user.environ)
    assert (uv["UV_CACHE_DIR"], uv["LANG"]) == ("/uv-cache", "C")
    assert (pip_["PIP_CACHE_DIR"], pip_["LANG"]) == ("/pip-cache", "C")
    assert not any(name.startswith("PIP_") for name in uv)
    assert not any(name.startswith("UV_") for name in pip_)


# Who is believed: precedence, compared with the tools themselves.


@pytest.mark.parametrize("strongest", range(1, 7))
def test_pips_places_rank_as_pip_says(strongest: int, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_files, "_ETC", "/etc")  # pip sees the machine's own files here, so must we
    venv.create(user.path / "prefix", with_pip=False)
    places = [
        user.path / "xdg" / "pip" / "pip.conf",
        user.home / ".pip" / "pip.conf",
        user.home / ".config" / "pip" / "pip.conf",
        user.path / "prefix" / "pip.conf",
        user.path / "chosen.conf",
    ]
    user.environ["XDG_CONFIG_DIRS"] = str(user.path / "xdg")
    del user.environ["PIP_CONFIG_FILE"]
    for rank, place in enumerate(places[: strongest + 1]):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"[global]\nindex-url = http://h/{rank}\n[wheel]\nindex-url = http://h/wheel\n")
    if strongest >= 4:
        user.environ["PIP_CONFIG_FILE"] = str(places[4])
    if strongest >= 5:
        places[0].write_text("[install]\nindex_url = http://h/5\n")
    if strongest == 6:
        user.environ["PIP_INDEX_URL"] = "http://h/6"
    believed = user.settings().index_url
    assert believed == f"http://h/{strongest}"
    assert f"(default {believed})" in ask_pip(user, "install", "--help")
    assert f"index-url='{believed}'" in ask_pip(user, "config", "list")


def ask_pip(user: User, *arguments: str) -> str:
    """What pip prints in the environment at `prefix`, whose own file it then reads."""
    python = user.path / "prefix" / ("Scripts" if os.name == "nt" else "bin") / "python"
    environ = user.environ | {"PYTHONPATH": str(Path(pip.__file__).parents[1]), "COLUMNS": "500"}
    command = [str(python), "-m", "pip", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_chosen_file_replaces_the_users_own_and_the_null_device_all_of_them(user: User) -> None:
    user.says("pip.conf index-url", "http://h/user")
    (user.path / "prefix" / "pip.conf").write_text("[global]\ntimeout = 7\n")
    (user.path / "chosen.conf").write_text("[global]\nretries = 4\n")
    user.says("PIP_CONFIG_FILE", user.path / "chosen.conf")
    settings = user.settings()
    assert (settings.index_url, settings.timeout) == (None, 7.0)
    user.says("PIP_CONFIG_FILE", os.devnull)
    assert user.settings().timeout is None


def test_an_empty_value_is_none_and_leaves_the_word_to_the_weaker_place(user: User) -> None:
    user.says("pip.conf index-url", "http://h/file")
    user.says("PIP_INDEX_URL", "")
    assert user.settings().index_url == "http://h/file"


LAYOUTS: dict[str, dict[str, str]] = {
    "a project's uv.toml before its pyproject.toml": {
        "project/uv.toml": 'index-url = "{good}"', "project/pyproject.toml": '[tool.uv]\nindex-url = "{bad}"',
    },
    "the nearest project, and not one above it": {
        "project/pyproject.toml": '[tool.uv]\nindex-url = "{good}"',
        "pyproject.toml": '[tool.uv]\nindex-url = "{bad}"',
    },
    "a project above, where the nearest says nothing to uv": {
        "project/pyproject.toml": '[project]\nname = "x"',
        "pyproject.toml": '[tool.uv]\nindex-url = "{good}"',
    },
    "a project above, where the nearest cannot be read": {
        "project/pyproject.toml": "no toml", "pyproject.toml": '[tool.uv]\nindex-url = "{good}"',
    },
    "the project before the user": {
        "project/uv.toml": 'index-url = "{good}"', "home/.config/uv/uv.toml": 'index-url = "{bad}"',
    },
    "the user before the system": {
        "home/.config/uv/uv.toml": 'index-url = "{good}"', "xdg/uv/uv.toml": 'index-url = "{bad}"',
    },
    "the system, where nobody else speaks": {"xdg/uv/uv.toml": 'index-url = "{good}"'},
    "an empty table ends the search": {
        "project/pyproject.toml": "[tool.uv]", "pyproject.toml": '[tool.uv]\nindex-url = "{bad}"',
        "xdg/uv/uv.toml": 'index-url = "{good}"',
    },
    "a default among the indexes before any index-url": {
        "project/uv.toml": '[pip]\nindex-url = "{bad}"\n[[index]]\nurl = "{good}"\ndefault = true',
    },
    "the table for pip before the top level": {
        "project/uv.toml": 'index-url = "{bad}"\n[pip]\nindex-url = "{good}"',
    },
    "the root of a workspace, and not its member": {
        "project/pyproject.toml": '[project]\nname = "m"\nversion = "0"\n[tool.uv]\nindex-url = "{bad}"',
        "pyproject.toml": '[project]\nname = "r"\nversion = "0"\n'
        '[tool.uv]\nindex-url = "{good}"\n[tool.uv.workspace]\nmembers = ["proj*"]',
    },
    "no index that is for pinned projects only": {
        "project/uv.toml": '[[index]]\nname = "x"\nurl = "{bad}"\nexplicit = true\n'
        '[[index]]\nurl = "{good}"\ndefault = true',
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_uvs_files_count_as_they_do_for_uv_by_itself(layout: str, user: User, index: Index, newer: Index) -> None:
    user.environ["XDG_CONFIG_DIRS"] = str(user.path / "xdg")
    del user.environ["UV_NO_CONFIG"]
    for name, text in LAYOUTS[layout].items():
        (user.path / name).parent.mkdir(parents=True, exist_ok=True)
        (user.path / name).write_text(text.replace("{good}", index.url).replace("{bad}", newer.url))
    prefix = user.path / "p"
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    assert user.run([*command, "--prefix", str(prefix), "demo"], user.environ, prefix)[0] == {"demo-1.0"}
    assert user.settings().index_url == index.url
    assert user.settings().extra_urls == ()
    assert user.gets("uv") == {"demo-1.0"}


def test_one_chosen_file_of_uvs_replaces_all_others(user: User) -> None:
    user.says('uv.toml index-url = "{}"', "http://h/project")
    (user.path / "chosen.toml").write_text('index-url = "http://h/chosen"')
    assert user.settings().index_url == "http://h/project"
    user.says("UV_CONFIG_FILE", user.path / "chosen.toml")
    assert user.settings().index_url == "http://h/chosen"


def test_uvs_word_is_taken_where_both_speak_and_every_other_word_of_pips_holds(user: User) -> None:
    user.says("PIP_INDEX_URL", "http://pip/simple")
    user.says("PIP_EXTRA_INDEX_URL", "http://one/ http://two/")
    user.says("PIP_CERT", "ca.pem")
    user.says("UV_DEFAULT_INDEX", "http://uv/simple")
    settings = user.settings()
    assert settings.index_url == "http://uv/simple"
    assert settings.extra_urls == ("http://one/", "http://two/")
    assert settings.cert == str(user.project / "ca.pem")
    assert settings.origins["index_url"] == "UV_DEFAULT_INDEX"
    assert settings.origins["extra_urls"] == "PIP_EXTRA_INDEX_URL"


def test_uvs_lists_are_strung_together_and_say_from_where(user: User) -> None:
    user.says('uv.toml extra-index-url = ["{}"]\n[[index]]\nurl = "../mirror"', "http://two/")
    user.says("UV_INDEX", "http://one/")
    settings, file = user.settings(), user.project / "uv.toml"
    assert settings.extra_urls == ("http://one/", (user.path / "mirror").as_uri(), "http://two/")
    assert settings.origins["extra_urls"] == f"UV_INDEX, {file} index, {file} extra-index-url"


def test_an_index_of_a_file_can_be_named_in_a_variable(user: User) -> None:
    user.says('uv.toml [[index]]\nname = "corp"\nurl = "{}"\nexplicit = true', "http://corp/simple")
    user.says("UV_DEFAULT_INDEX", "corp")
    assert user.settings().index_url == "http://corp/simple"


def test_what_reaches_neither_tool_is_said(user: User) -> None:
    index = '[[index]]\nurl = "http://h/"\nauthenticate = "always"'
    user.says("uv.toml {}", f'constraint-dependencies = ["x<2"]\n{index}')
    file = user.project / "uv.toml"
    assert user.settings().unheard == (
        f"'authenticate' of an index in {file} reaches neither pip nor uv",
        f"'constraint-dependencies' in {file} reaches neither pip nor uv",
    )


# What one of the tools cannot do is said, and never left out in silence.


@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        ({}, ()),
        ({"PIP_KEYRING_PROVIDER": "import"}, ("uv cannot import the keyring library",)),
        (
            {"PIP_KEYRING_PROVIDER": "subprocess", "PIP_INDEX_URL": "https://h/simple"},
            ("uv asks the keyring only about an index whose URL names a user, and one of yours names none",),
        ),
        ({"PIP_KEYRING_PROVIDER": "subprocess", "PIP_INDEX_URL": "https://me@h/simple"}, ()),
        (
            {"PIP_ALL_RELEASES": "demo"},
            ("uv takes 'all-releases' and 'only-final' for all projects or for none",),
        ),
        ({"PIP_ALL_RELEASES": ":all:"}, ()),
        (
            {"PIP_CONSTRAINT": "https://h/c.txt"},
            ("uv takes a URL of constraints only where everybody can read it",),
        ),
        ({"PIP_CONSTRAINT": "c.txt"}, ()),
    ],
)
def test_what_uv_cannot_honour_is_said(said: dict[str, str], sentences: tuple[str, ...], user: User) -> None:
    user.environ |= said
    assert index_env.beyond_uv(user.settings()) == sentences


@pytest.mark.parametrize(
    ("said", "sentences"),
    [
        ({}, ()),
        (
            {"UV_OFFLINE": "1"},
            ("pip has no offline mode: it is given what is local, and nothing from uv's cache",),
        ),
        ({"UV_INSECURE_HOST": "*"}, ("pip cannot trust every host ('*'), only those that are named",)),
        ({"UV_KEYRING_PROVIDER": "native"}, ("pip cannot read the credentials that uv keeps",)),
        ({"UV_TORCH_BACKEND": "cpu"}, ("pip cannot choose a variant of torch",)),
    ],
)
def test_what_pip_cannot_honour_is_said(said: dict[str, str], sentences: tuple[str, ...], user: User) -> None:
    user.environ |= said
    assert index_env.beyond_pip(user.settings()) == sentences


def test_releases_of_some_projects_are_left_to_pip(user: User, index: Index) -> None:
    build_wheel(index.directory, "demo", "2.0rc1")
    user.says("PIP_INDEX_URL", index.url)
    user.says("PIP_ALL_RELEASES", "other")
    assert user.gets("pip") == {"demo-1.0"}
    user.says("PIP_ALL_RELEASES", "demo")
    assert user.gets("pip") == {"demo-2.0rc1"}


@pytest.mark.parametrize(
    ("where", "text", "bound"),
    [
        ("PIP_UPLOADED_PRIOR_TO", "2024-01-01", "2024-01-01T00:00:00Z"),
        ("UV_EXCLUDE_NEWER", "2024-01-01", "2024-01-02T00:00:00Z"),  # uv includes the day, pip does not
        ("UV_EXCLUDE_NEWER", "2024-01-01T12:00:00", "2024-01-02T00:00:00Z"),  # uv 0.13 ignores such an hour
        ("PIP_UPLOADED_PRIOR_TO", "2024-01-01T12:00:00", "2024-01-01T12:00:00Z"),
        ("UV_EXCLUDE_NEWER", "2024-01-01T12:00:00.5-05:00", "2024-01-01T17:00:00Z"),
        ("UV_EXCLUDE_NEWER", "false", None),
    ],
)
def test_a_bound_on_upload_times_means_for_both_what_it_means_to_its_own_tool(
    where: str, text: str, bound: str | None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    user.says(where, text)
    assert user.settings().uploaded_before == bound


@pytest.mark.parametrize("text", ["P9D", "PT216H", "P1W2D", "9 days", "1 week, 2 days", "216h", "1w 2d"])
def test_a_duration_becomes_a_time_counted_from_the_running_hour(text: str, user: User) -> None:
    from datetime import UTC, datetime, timedelta

    before = datetime.now(UTC) - timedelta(days=9, hours=1)
    user.says("UV_EXCLUDE_NEWER", text)
    bound = datetime.fromisoformat(user.settings().uploaded_before or "")
    assert before < bound <= datetime.now(UTC) - timedelta(days=9)
    assert (bound.minute, bound.second) == (0, 0)


# Errors: what a tool would refuse may be what names the user's index.


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("PIP_NO_INDEX", "perhaps", "PIP_NO_INDEX is 'perhaps', which makes no sense there"),
        ("PIP_TIMEOUT", "soon", "PIP_TIMEOUT is 'soon', which makes no sense there"),
        ("UV_EXCLUDE_NEWER", "lately", "UV_EXCLUDE_NEWER is 'lately', which makes no sense there"),
    ],
)
def test_a_value_without_sense_is_said_with_its_place(where: str, value: str, message: str, user: User) -> None:
    user.says(where, value)
    with pytest.raises(ConfigError) as caught:
        user.settings()
    assert str(caught.value) == f"{message}\nWays out:\n  - correct it\n  - or remove it"


@pytest.mark.parametrize("where", ["pip.conf x", "uv.toml {}"])
def test_a_file_that_cannot_be_read_is_named_and_the_password_in_it_is_not(where: str, user: User) -> None:
    user.says(where, "1\n\n//secret@h/simple\n")
    with pytest.raises(ConfigError, match=r"the index settings in '.*' cannot be read: ") as caught:
        user.settings()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# Who else uses them.


def test_facts_are_asked_where_the_installer_looks(user: User) -> None:
    assert index_urls(user.settings(), "https://default/") == ("https://default/",)
    user.says("PIP_EXTRA_INDEX_URL", "https://me:pw@extra/ file:///mirror")
    assert index_urls(user.settings(), "https://default/") == (
        "https://default/", "https://me:pw@extra/", "file:///mirror",
    )  # fmt: skip
    user.says("UV_OFFLINE", "1")
    assert index_urls(user.settings(), "https://default/") == ("file:///mirror",)
    user.says("PIP_NO_INDEX", "1")
    assert index_urls(user.settings(), "https://default/") == ()


def test_facts_are_asked_of_uvs_extra_indexes_first_as_uv_does(user: User) -> None:
    user.says("UV_INDEX", "https://extra/")
    assert index_urls(user.settings(), "https://default/") == ("https://extra/", "https://default/")


def test_the_default_index_is_what_both_tools_say_whatever_is_configured(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://configured/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://configured/")

    def run(command: Any, environ: Mapping[str, str]) -> str:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    said_by_pip = default_index(run)
    said_by_uv = default_index(lambda command, environ: run(command, environ) if command[2] == "uv" else "")
    assert said_by_pip.startswith("https://")
    assert said_by_pip.rstrip("/") == said_by_uv.rstrip("/")
    with pytest.raises(ValueError, match=r"^neither pip nor uv says which index it asks by default$"):
        default_index(lambda command, environ: "")


# Credentials: in no argument, no message, no representation.


def test_no_argument_and_no_representation_has_a_credential(user: User) -> None:
    user.says("PIP_INDEX_URL", "https://me:secret@h/simple")
    user.says("PIP_PROXY", "me:secret@proxy:3128")
    user.says("PIP_CONSTRAINT", "https://me:secret@h/c.txt limits.txt")
    user.says("PIP_NO_INDEX", "1")
    settings = user.settings()
    assert settings.proxies == {"http": "http://me:secret@proxy:3128", "https": "http://me:secret@proxy:3128"}
    assert uv_flags(settings) == ("--constraint", str(user.project / "limits.txt"), "--no-index")
    assert "secret" in str(tuple(settings))
    assert "secret" not in repr(settings)
    assert "https://****@h/simple" in repr(settings)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@h/simple", "https://****@h/simple"),
        ("https://token@h:8080/simple and https://me:p@h/", "https://****@h:8080/simple and https://****@h/"),
        ("https://me:p/w@h/simple", "https://****@h/simple"),
        ("https://me:p@ss@h/simple", "https://****@h/simple"),
        ("git+https://me:pw@h/o/r@v1.0", "git+https://****@h/o/r@v1.0"),
        ("https://h/x?token=abc&b=1#sha256=00", "https://h/x?token=****&b=1#sha256=00"),
        ("https://h/x?b=1&X-Amz-Signature=ab12", "https://h/x?b=1&X-Amz-Signature=****"),
        ("git@h:o/r.git ssh://git@h/o/r", "git@h:o/r.git ssh://git@h/o/r"),
        ("me@h.org, mailto:me@h.org", "me@h.org, mailto:me@h.org"),
        ("https://h:8080/a@b https://h/o/r@v1?design=1", "https://h:8080/a@b https://h/o/r@v1?design=1"),
        ('{"url": "https://h","by": "me@h.org"}', '{"url": "https://h","by": "me@h.org"}'),
    ],
)
def test_redaction_hides_credentials_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


secrets = st.text(st.characters(exclude_characters="*@", exclude_categories=("Z", "C")), min_size=3)


@given(user=st.text(max_size=9), password=secrets, around=st.sampled_from(["{}", "see {} for more", "('{}',)"]))
def test_no_quoted_credential_survives_redaction(user: str, password: str, around: str) -> None:
    from urllib.parse import quote

    url = f"https://{quote(user, '')}:{quote(password, '')}@h.example/simple"
    assert redact(around.format(url)) == around.format("https://****@h.example/simple")


@given(secrets.filter(lambda secret: not (set(secret) & set('"<>') or secret[0] in "0123456789/?#")))
def test_no_unquoted_password_survives_redaction(password: str) -> None:
    assert redact(f"https://me:{password}@h.example/simple") == "https://****@h.example/simple"


@given(st.text(st.sampled_from("ab:/@?#&=.* token\"'"), max_size=40))
def test_redaction_done_twice_is_done_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text().filter(lambda text: "//" not in text and not set(text) & set("?&#;")))
def test_a_text_without_urls_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text
