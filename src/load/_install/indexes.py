"""What the user has told pip and uv about package indexes, read once for whichever of the two runs.

uv reads nothing of pip's and pip nothing of uv's, so whoever prefers one silently leaves the index that the
user gave to the other. Here both are read, in the places and the order that their documentation gives; where
both speak of the same setting, uv's word is taken. `index_env` hands the result to either.
"""

from __future__ import annotations

import os

from load._errors import ConfigError
from load._install.index_files import TRUTHS, pip_items, uv_tables
from load._install.redaction import redact
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    # A field of `IndexSettings` (or ``pre``, or a variable) -> the words of its value, and who said them.
    Said: TypeAlias = dict[str, tuple[tuple[str, ...], str]]
    Table: TypeAlias = dict[str, Any]

_PIP = {
    "index-url": "index_url", "pypi-url": "index_url", "extra-index-url": "extra_urls", "pre": "pre",
    "find-links": "find_links", "no-index": "no_index", "cert": "cert", "client-cert": "client_cert",
    "trusted-host": "trusted_hosts", "proxy": "http_proxy https_proxy", "no-proxy-env": "no_proxy_variables",
    "timeout": "timeout", "default-timeout": "timeout", "retries": "retries", "constraint": "constraints",
    "keyring-provider": "keyring_provider", "uploaded-prior-to": "uploaded_before",
    "all-releases": "PIP_ALL_RELEASES", "only-final": "PIP_ONLY_FINAL",
    "cache-dir": "PIP_CACHE_DIR", "no-cache-dir": "PIP_NO_CACHE_DIR",
}  # fmt: skip
# Of several variables for a field uv obeys the first.
_UV_VARIABLES = {
    "UV_DEFAULT_INDEX": "index_url", "UV_INDEX_URL": "index_url", "UV_INDEX": "extra_urls",
    "UV_EXTRA_INDEX_URL": "extra_urls", "UV_FIND_LINKS": "find_links", "UV_OFFLINE": "offline",
    "UV_INDEX_STRATEGY": "strategy", "UV_INSECURE_HOST": "trusted_hosts", "UV_HTTP_RETRIES": "retries",
    "UV_KEYRING_PROVIDER": "keyring_provider", "UV_PRERELEASE": "prerelease", "UV_CONSTRAINT": "constraints",
    "UV_EXCLUDE_NEWER": "uploaded_before", "UV_HTTP_TIMEOUT": "timeout", "UV_REQUEST_TIMEOUT": "timeout",
    "HTTP_TIMEOUT": "timeout", "UV_SYSTEM_CERTS": "system_certs", "UV_NATIVE_TLS": "system_certs",
    "UV_TORCH_BACKEND": "UV_TORCH_BACKEND",
}  # fmt: skip
_UV_KEYS = {
    "index-url": "index_url", "extra-index-url": "extra_urls", "find-links": "find_links",
    "no-index": "no_index", "index-strategy": "strategy", "allow-insecure-host": "trusted_hosts",
    "keyring-provider": "keyring_provider", "prerelease": "prerelease", "exclude-newer": "uploaded_before",
    "system-certs": "system_certs", "native-tls": "system_certs", "http-proxy": "http_proxy",
    "https-proxy": "https_proxy", "no-proxy": "no_proxy", "cache-dir": "UV_CACHE_DIR",
    "no-cache": "UV_NO_CACHE", "torch-backend": "UV_TORCH_BACKEND", "offline": "offline",
}  # fmt: skip
_UV_UNHEARD = {
    "constraint-dependencies", "override-dependencies", "exclude-dependencies", "exclude-newer-package",
}  # fmt: skip
_UV_INDEX_UNHEARD = {"authenticate", "ignore-error-codes", "cache-control", "exclude-newer"}
# What requests (so pip) and OpenSSL (so uv) read; pip's own `cert` is the closer word and comes before them.
_COMMON = {
    "SSL_CERT_FILE": "cert", "SSL_CERT_DIR": "cert", "REQUESTS_CA_BUNDLE": "cert", "CURL_CA_BUNDLE": "cert",
    "SSL_CLIENT_CERT": "client_cert",
}  # fmt: skip
_LISTS = frozenset({"extra_urls", "find_links", "trusted_hosts", "constraints", "no_proxy"})
_FLAGS = frozenset({"no_index", "offline", "system_certs", "no_proxy_variables", "pre"})
_LOCATIONS = frozenset({"index_url", "extra_urls", "find_links"})
_PATHS = frozenset({"cert", "client_cert", "constraints"})
_PIP_PRERELEASES = {"PIP_ONLY_FINAL": "disallow", "PIP_ALL_RELEASES": "allow", "pre": "allow"}
_NUMBERS: dict[str, Callable[[str], float]] = {"timeout": float, "retries": int}
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


class IndexSettings(Value):
    """The index settings in force: what both installers are told, and what a look-up of facts may use.

    Locations are URLs (a path becomes an absolute ``file:`` URL) with the credentials that the user gave; the
    ``repr`` is redacted. ``None`` and empty mean that nobody said anything: the installer's default holds.
    `timeout` is in seconds; `cert` a file or directory of authorities; `trusted_hosts` are ``host[:port]``;
    `no_proxy` None leaves ``NO_PROXY`` as it is, an empty one overrides it, `no_proxy_variables` ignores all
    of that kind; `strategy` and `prerelease` are in uv's words; `uploaded_before` is an RFC 3339 time in UTC;
    `passed` are variables for one of the two (caches, torch's variant); `unheard` are sentences about what
    neither is told; `origins` says which file or variable a field came from.
    """

    index_url: str | None = None
    extra_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    offline: bool = False
    strategy: str | None = None
    cert: str | None = None
    client_cert: str | None = None
    system_certs: bool = False
    trusted_hosts: tuple[str, ...] = ()
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: tuple[str, ...] | None = None
    no_proxy_variables: bool = False
    timeout: float | None = None
    retries: int | None = None
    keyring_provider: str | None = None
    prerelease: str | None = None
    constraints: tuple[str, ...] = ()
    uploaded_before: str | None = None
    passed: Mapping[str, str] = {}
    unheard: tuple[str, ...] = ()
    origins: Mapping[str, str] = {}

    def __repr__(self) -> str:
        said = {name: value for name, value in self._asdict().items() if value not in (None, (), {}, False)}
        return redact(f"IndexSettings({', '.join(f'{name}={value!r}' for name, value in said.items())})")

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies by scheme, as requests takes them; empty where the environment's own hold."""
        both = {"http": self.http_proxy, "https": self.https_proxy}
        return {scheme: proxy for scheme, proxy in both.items() if proxy}


def read(environ: Mapping[str, str], *, cwd: str, prefix: str, home: str) -> IndexSettings:
    """The settings that hold for a process with the variables `environ` in the directory `cwd`.

    Parameters: `prefix`, the interpreter's ``sys.prefix``, where pip looks for an environment's own file;
    `home`, the user's home directory. Raises `ConfigError` for a file or value that its own tool refuses: it
    may be what names the user's index. Cost: a dozen files looked for, about 1 ms.
    Source: pip's "Configuration" page, uv's "Configuration files" and "Environment variables" pages.
    """
    pip, uv = _pip_said(environ, cwd, prefix, home), _uv_said(environ, cwd, home)
    said = _common_said(environ, cwd, home) | pip | uv
    unheard, _ = said.pop("unheard", ((), ""))
    values = {
        field: _value(field, words, origin, by_uv=field in uv)
        for field, (words, origin) in said.items()
        if field in IndexSettings._fields
    }
    if "http_proxy" in pip.keys() - uv.keys():
        values.setdefault("no_proxy", ())  # pip's proxy is for every host, whatever NO_PROXY says
    if "extra_urls" in pip.keys() - uv.keys():
        values.setdefault("strategy", "unsafe-best-match")  # as pip, which looks in all of them
    passed = {name: words[0] for name, (words, _) in said.items() if name.startswith(("PIP_", "UV_"))}
    origins = {field: origin for field, (_, origin) in said.items()}
    return IndexSettings(**values, passed=passed, unheard=unheard, origins=origins)


def index_urls(settings: IndexSettings, default: str) -> tuple[str, ...]:
    """The indexes to ask about a project, in the order in which they count, with the user's credentials.

    Parameters: `default`, the index of who names none (see `index_env.default_index`). Empty if ``no-index``
    holds, local ones only if ``offline`` does. The places of `find_links` are no indexes, so not among them.
    """
    main = (settings.index_url or default,)
    merged = settings.strategy == "unsafe-best-match"  # else the first that has the project counts
    urls = main + settings.extra_urls if merged else settings.extra_urls + main
    return () if settings.no_index else tuple(url for url in urls if is_local(url) or not settings.offline)


def local_path(url: str) -> str:
    """The path of a ``file:`` URL (:rfc:`8089`)."""
    from urllib.parse import unquote, urlsplit

    if os.name == "nt":
        from urllib.request import url2pathname  # imports http.client and ssl: 18 ms

        return url2pathname(urlsplit(url).path)
    return unquote(urlsplit(url).path)


def file_url(path: str) -> str:
    """The ``file:`` URL of an absolute path (:rfc:`8089`)."""
    from urllib.parse import quote

    return "file://" + quote(path) if os.name != "nt" else "file:///" + quote(path.replace("\\", "/"), safe="/:")


def is_local(location: str) -> bool:
    """Whether a location needs no network."""
    return location.startswith("file:")


def _pip_said(environ: Mapping[str, str], cwd: str, prefix: str, home: str) -> Said:
    """pip's word: variables over ``[install]`` over ``[global]`` of all files; empty values are none."""
    sections: dict[str, dict[str, tuple[str, str]]] = {"global": {}, "install": {}, ":env:": {}}
    for section, key, value, origin in pip_items(environ, prefix, home):
        if section in sections:
            sections[section][key] = value, origin
    said: Said = {}
    for key, (value, origin) in (item for items in sections.values() for item in items.items()):
        for field in _PIP.get(key, "").split() if value else ():
            words = tuple(value.split()) if field in _LISTS else (value,)
            said[field] = _resolve(field, words, cwd, home), origin
    for field, mode in _PIP_PRERELEASES.items():
        if _holds(said, field):
            said["prerelease"] = (mode,), said[field][1]
    return said


def _holds(said: Said, field: str) -> bool:
    """Whether one of pip's three ways to speak of pre-releases speaks of those of all projects."""
    words, origin = said.get(field, (("",), ""))
    return _flag(words[0], origin) if field == "pre" and words[0] else ":all:" in words[0].split()


def _common_said(environ: Mapping[str, str], cwd: str, home: str) -> Said:
    said: Said = {}
    for name, field in _COMMON.items():
        value = environ.get(name, "")
        if value and os.pathsep not in value:  # several directories are left to whoever can read them
            said.setdefault(field, (_resolve(field, (value,), cwd, home), name))
    return said


def _uv_said(environ: Mapping[str, str], cwd: str, home: str) -> Said:
    """uv's variables, then its files; the first word counts, but lists and indexes are strung together."""
    tables = uv_tables(environ, cwd, home)
    entries = [entry for _, table in tables for entry in _indexes(table)]
    names = {entry["name"]: entry["url"] for entry in entries if "name" in entry}
    said: Said = {}
    for name, field in _UV_VARIABLES.items():
        value = environ.get(name, "")
        listed = value.split("," if field == "find_links" else None) if field in _LISTS else [value]
        for word in filter(None, listed):
            url = _named(word, names, environ) if field in ("index_url", "extra_urls") else word
            _add(said, field, _resolve(field, (url,), cwd, home), name)
    for file, table in tables:  # before the other keys: uv prefers a default among these to any `index-url`
        _add_indexes(said, file, table, home, environ)
    for file, table in tables:
        _add_keys(said, file, table, home)
    return said


def _indexes(table: Table) -> list[Table]:
    return [entry for entry in table.get("index", ()) if isinstance(entry, dict) and "url" in entry]


def _add_indexes(said: Said, file: str, table: Table, home: str, environ: Mapping[str, str]) -> None:
    for entry in _indexes(table):
        field = "index_url" if entry.get("default") else "extra_urls"
        field = "find_links" if entry.get("format") == "flat" else field
        if not entry.get("explicit"):  # such an index serves only the projects that a uv project pins to it
            url = _with_credentials(entry["url"], entry.get("name", ""), environ)
            _add(said, field, _resolve(field, (url,), os.path.dirname(file), home), f"{file} index")
        for key in sorted(_UV_INDEX_UNHEARD & entry.keys()):
            _add(said, "unheard", (f"{key!r} of an index in {file} reaches neither pip nor uv",), "")


def _add_keys(said: Said, file: str, table: Table, home: str) -> None:
    for key, field in _UV_KEYS.items():
        if key in table:
            listed = table[key] if isinstance(table[key], list) else [table[key]]
            words = tuple(str(word).lower() if isinstance(word, bool) else str(word) for word in listed)
            _add(said, field, _resolve(field, words, os.path.dirname(file), home), f"{file} {key}")
    for key in sorted(_UV_UNHEARD & table.keys()):
        _add(said, "unheard", (f"{key!r} in {file} reaches neither pip nor uv",), "")


def _add(said: Said, field: str, words: tuple[str, ...], origin: str) -> None:
    earlier, origins = said.get(field, ((), ""))
    if not earlier:
        said[field] = words, origin
    elif field in _LISTS or field == "unheard":
        said[field] = earlier + words, origins if origin in origins else f"{origins}, {origin}"


def _named(word: str, names: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The URL of ``name=url`` or of an index named in a file, with the credentials kept under that name."""
    name, _, url = word.partition("=")
    if url and name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return _with_credentials(url, name, environ)
    return _with_credentials(names[word], word, environ) if word in names else word


def _with_credentials(url: str, name: str, environ: Mapping[str, str]) -> str:
    from urllib.parse import quote

    variable = "UV_INDEX_" + "".join(letter if letter.isalnum() else "_" for letter in name.upper())
    user, password = environ.get(f"{variable}_USERNAME", ""), environ.get(f"{variable}_PASSWORD", "")
    if not (name and (user or password)):
        return url
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    written, _, host = authority.rpartition("@")
    user = quote(user, "") or written.partition(":")[0]
    return f"{scheme}://{user}:{quote(password, '')}@{host}{slash}{path}"


def _resolve(field: str, words: tuple[str, ...], base: str, home: str) -> tuple[str, ...]:
    """Paths made absolute: the installer may run elsewhere, and pip breaks on an index like ``./simple``."""
    if field not in _LOCATIONS | _PATHS:
        return words
    paths = [word if "://" in word else _absolute(word.removeprefix("file:"), base, home) for word in words]
    return tuple(path if "://" in path or field in _PATHS else file_url(path) for path in paths)


def _absolute(path: str, base: str, home: str) -> str:
    expanded = os.path.join(home, path[2:]) if path.startswith("~/") else path
    return os.path.normpath(os.path.join(base, expanded))


def _value(field: str, words: tuple[str, ...], origin: str, *, by_uv: bool) -> Any:
    if field in _LISTS:
        return words
    if field in _FLAGS:
        return _flag(words[0], origin)
    if field in ("http_proxy", "https_proxy"):
        return words[0] if "://" in words[0] else f"http://{words[0]}"
    try:
        if field == "uploaded_before":
            return _before(words[0], by_uv=by_uv)
        return _NUMBERS[field](words[0]) if field in _NUMBERS else words[0]
    except (ValueError, OverflowError):
        raise _senseless(words[0], origin) from None


def _flag(word: str, origin: str) -> bool:
    truth = TRUTHS.get(word.lower())
    if truth is None:
        raise _senseless(word, origin)
    return truth


def _senseless(word: str, origin: str) -> ConfigError:
    problem = redact(f"{origin} is {word!r}, which makes no sense there")
    return ConfigError(problem, ways=("correct it", "or remove it"))


def _before(text: str, *, by_uv: bool) -> str | None:
    """A bound on upload times in the one form that both installers read alike.

    Of a time without an offset uv takes the whole day, pip the moment; uv knows durations that pip does not.
    They count from the hour that is running: a bound that moves with each call would defeat the caches.
    """
    import re
    from datetime import UTC, datetime, timedelta

    if by_uv and text.lower() == "false":
        return None
    unit = r"\s*(w|d|h|m|s)(?:eeks?|ks?|ays?|ours?|rs?|inutes?|ins?|econds?|ecs?)?"
    if re.fullmatch(rf"p?(?:[\s,t]*\d+{unit})+", text.lower()):
        parts = re.findall(rf"(\d+){unit}", text.lower())
        age = timedelta(seconds=sum(int(count) * _SECONDS[letter] for count, letter in parts))
        moment = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - age
    else:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None and by_uv:
        moment = datetime(moment.year, moment.month, moment.day) + timedelta(days=1)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
