"""How uv and pip are told the settings that hold, and what either cannot be told.

Both are told by their environment: an argument can be read by every user of the machine, and a URL may hold a
password. And both are told everything, with their own configuration files turned off, for those can turn a
staged install into another one. Seen with uv 0.13: ``[pip] target`` in a project's ``uv.toml`` wins over
``--prefix`` on the command line, and ``no-deps``, ``no-binary``, ``require-hashes``, ``dependency-metadata``
and ``override-dependencies`` have no argument that takes them back. pip has the like in ``target``, ``user``.
"""

from __future__ import annotations

import os
import sys
from itertools import compress
from math import ceil

from load._install.indexes import file_url, is_local, local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from load._install.indexes import IndexSettings

# The help of pip puts the index that is configured in the place of the default: hence the empty environment.
_SAYS_DEFAULT = (
    ("pip", ("download", "--help"), r"--index-url\b[^(]*\(default:? (\S+?)\)"),
    ("uv", ("pip", "install", "--help"), r"--default-index\b[^(]*\(by default: <(\S+?)>\)"),
)
# Of uv's variables only these outlive the translation: all others may change what is installed, or where.
_UV_KEPT = frozenset({
    "UV_CACHE_DIR", "UV_NO_CACHE", "UV_CREDENTIALS_DIR", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS",
    "UV_CONCURRENT_INSTALLS", "UV_HTTP_CONNECT_TIMEOUT", "UV_LOCK_TIMEOUT", "UV_STACK_SIZE", "UV_GIT_LFS",
    "UV_TORCH_BACKEND", "UV_CUDA_DRIVER_VERSION", "UV_AMD_GPU_ARCHITECTURE", "UV_NO_HF_TOKEN", "UV_NO_WRAP",
    "UV_S3_ENDPOINT_URL", "UV_GCS_ENDPOINT_URL", "UV_AZURE_ENDPOINT_URL", "UV_GITHUB_TOKEN", "UV_NO_PROGRESS",
})  # fmt: skip
_LINK_MODES = frozenset({"clone", "copy", "hardlink"})  # not symlink: a layer must own its files
_RELEASES = frozenset({"PIP_ALL_RELEASES", "PIP_ONLY_FINAL"})
_KEYRINGS = frozenset({"disabled", "subprocess"})  # the words that both know


def for_uv(settings: IndexSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a uv process, made of `environ`; its arguments must begin with `uv_flags`."""
    inherited = {**settings.passed, **_proxied(settings, environ)}
    child = {name: value for name, value in inherited.items() if _uv_may_have(name, value)}
    if settings.timeout:
        child.setdefault("UV_HTTP_CONNECT_TIMEOUT", str(ceil(settings.timeout)))  # as in pip, one for both
    return child | {name: value for name, value in _uv_words(settings).items() if value}


def _uv_may_have(name: str, value: str) -> bool:
    if name == "UV_LINK_MODE":
        return value in _LINK_MODES
    if name.startswith(("PIP_", "UV_")):
        return name in _UV_KEPT and bool(value)  # uv ends at an empty value
    return name not in ("VIRTUAL_ENV", "CONDA_PREFIX")


def _uv_words(settings: IndexSettings) -> dict[str, str | None]:
    keyring = settings.keyring_provider
    certificates = "SSL_CERT_DIR" if settings.cert and os.path.isdir(settings.cert) else "SSL_CERT_FILE"
    return {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_DEFAULT_INDEX": settings.index_url,
        "UV_INDEX": _spaced(settings.extra_urls),
        "UV_INDEX_STRATEGY": settings.strategy,
        "UV_FIND_LINKS": ",".join(url.replace(",", "%2C") for url in settings.find_links if _is_there(url)),
        "UV_OFFLINE": "1" if settings.offline else None,
        "UV_INSECURE_HOST": " ".join(settings.trusted_hosts),
        "UV_KEYRING_PROVIDER": keyring if keyring in _KEYRINGS | {"native"} else None,
        "UV_PRERELEASE": settings.prerelease,
        "UV_EXCLUDE_NEWER": settings.uploaded_before,
        "UV_HTTP_TIMEOUT": str(ceil(settings.timeout)) if settings.timeout else None,  # no fractions
        "UV_HTTP_RETRIES": None if settings.retries is None else str(settings.retries),
        "UV_SYSTEM_CERTS": "1" if settings.system_certs else None,
        "SSL_CLIENT_CERT": settings.client_cert,
        certificates: settings.cert,
    }


def uv_flags(settings: IndexSettings) -> tuple[str, ...]:
    """The arguments of `uv pip install` for what uv has no variable for, or would not heed; none holds a URL.

    ``UV_CONSTRAINT`` is such a one: uv forgets it as soon as an argument names another constraints file.
    """
    files = (file for file in settings.constraints if "://" not in file)
    constraints = tuple(word for file in files for word in ("--constraint", file))
    return constraints + (("--no-index",) if settings.no_index else ())


def for_pip(settings: IndexSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a pip process, made of `environ`."""
    # requests prefers a bundle in the environment to the one that pip's `cert` gives it.
    dropped = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} if settings.cert else set()
    dropped |= _RELEASES if settings.prerelease else set()
    child = {name: value for name, value in _proxied(settings, environ).items() if name[:4] != "PIP_"}
    child |= settings.passed
    child = {name: value for name, value in child.items() if name[:3] != "UV_" and name not in dropped}
    return child | {name: value for name, value in _pip_words(settings).items() if value}


def _pip_words(settings: IndexSettings) -> dict[str, str | None]:
    index, *extra = _pip_indexes(settings)
    keyring = settings.keyring_provider
    links = [link for link in settings.find_links if is_local(link) or not settings.offline]
    hosts = (host.rpartition("//")[2] for host in settings.trusted_hosts if host != "*")
    same_proxy = settings.http_proxy if settings.http_proxy == settings.https_proxy else None
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": index,
        "PIP_EXTRA_INDEX_URL": _spaced(extra),
        "PIP_FIND_LINKS": _spaced(links),
        "PIP_NO_INDEX": "1" if settings.no_index or (settings.offline and not index) else None,
        "PIP_CERT": settings.cert,
        "PIP_CLIENT_CERT": settings.client_cert,
        "PIP_TRUSTED_HOST": " ".join(hosts),
        "PIP_PROXY": same_proxy,
        "PIP_TIMEOUT": f"{settings.timeout:g}" if settings.timeout else None,
        "PIP_RETRIES": None if settings.retries is None else str(settings.retries),
        "PIP_KEYRING_PROVIDER": keyring if keyring in _KEYRINGS | {"import"} else None,
        "PIP_PRE": "1" if settings.prerelease == "allow" else None,
        "PIP_ONLY_FINAL": ":all:" if settings.prerelease == "disallow" else None,
        "PIP_CONSTRAINT": _spaced([file_url(c) if " " in c else c for c in settings.constraints]),
        "PIP_UPLOADED_PRIOR_TO": settings.uploaded_before,
    }


def _pip_indexes(settings: IndexSettings) -> list[str]:
    """The default index ("" for pip's own), then the extra ones; only the local ones of them if offline."""
    indexes = [settings.index_url or "", *settings.extra_urls]
    return [url for url in indexes if is_local(url)] or [""] if settings.offline else indexes


def _proxied(settings: IndexSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the proxies of the settings; both cases of a name, because each tool prefers another."""
    proxies = settings.proxies
    replaced = {f"{scheme}_proxy" for scheme in proxies}
    if settings.no_proxy is not None:
        replaced.add("no_proxy")
    if settings.no_proxy_variables:
        replaced = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    child = {name: value for name, value in environ.items() if name.lower() not in replaced}
    for scheme, proxy in proxies.items():
        child[f"{scheme}_proxy"] = child[f"{scheme}_proxy".upper()] = proxy
    if settings.no_proxy:
        child["no_proxy"] = child["NO_PROXY"] = ",".join(settings.no_proxy)
    return child


def _spaced(urls: Sequence[str]) -> str:
    return " ".join(url.replace(" ", "%20") for url in urls)


def _is_there(location: str) -> bool:
    """False for a local place that is missing: pip passes over it with a warning, and uv would end there."""
    return not is_local(location) or os.path.exists(local_path(location))


def beyond_uv(settings: IndexSettings) -> tuple[str, ...]:
    """What uv cannot honour, a sentence each, without credentials: with any of them pip must run."""
    remote = [url for url in (settings.index_url or "", *settings.extra_urls) if url[:4] == "http"]
    nameless = any("@" not in url.split("/")[2] for url in remote)
    some_projects = not settings.prerelease and not _RELEASES.isdisjoint(settings.passed)
    remote_constraints = any("://" in file for file in settings.constraints)
    facts = {
        "uv cannot import the keyring library": settings.keyring_provider == "import",
        "uv asks the keyring only about an index whose URL names a user, and one of yours names none": (
            settings.keyring_provider == "subprocess" and nameless
        ),
        "uv takes 'all-releases' and 'only-final' for all projects or for none": some_projects,
        "uv takes a URL of constraints only where everybody can read it": remote_constraints,
    }
    return tuple(compress(facts, facts.values()))


def beyond_pip(settings: IndexSettings) -> tuple[str, ...]:
    """What pip cannot honour, a sentence each, without credentials."""
    stops = bool(settings.extra_urls) and settings.strategy != "unsafe-best-match"
    facts = {
        "pip looks for the best version in all indexes, and uv in the first that has the project": stops,
        "pip has no offline mode: it is given what is local, and nothing from uv's cache": settings.offline,
        "pip cannot trust every host ('*'), only those that are named": "*" in settings.trusted_hosts,
        "pip cannot read the credentials that uv keeps": settings.keyring_provider == "native",
        "pip cannot choose a variant of torch": "UV_TORCH_BACKEND" in settings.passed,
    }
    return tuple(compress(facts, facts.values()))


def default_index(run: Callable[[Sequence[str], Mapping[str, str]], str]) -> str:
    """The index that pip, or without it uv, asks when nobody names one: no address is written down here.

    Parameters: `run` gives what a command (its arguments, its whole environment) prints, "" if it cannot run.
    Raises `ValueError` if neither tool says. Cost: a start of pip, 0.2 s; no index is asked.
    """
    import re

    child = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    child |= {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "COLUMNS": "500", "NO_COLOR": "1"}
    for tool, arguments, pattern in _SAYS_DEFAULT:
        found = re.search(pattern, run([sys.executable, "-m", tool, *arguments], child), re.DOTALL)
        if found:
            return found[1]
    raise ValueError("neither pip nor uv says which index it asks by default")
