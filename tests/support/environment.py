"""What a subprocess knows of the world: nothing of the machine it runs on, and whom it may trust."""

from __future__ import annotations

import os
from pathlib import Path

_PREFIXES = ("PIP_", "UV_", "SSL_", "XDG_", "LOAD_")
_SUFFIX = "_PROXY"
# requests reads the first two; uv installs into what the next two name when it is told of no environment;
# the last names a credential file outside the home directory.
_NAMES = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VIRTUAL_ENV", "CONDA_PREFIX", "NETRC"}


def _is_of_the_machine(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(_PREFIXES) or upper.endswith(_SUFFIX) or upper in _NAMES


def clean_environment(**extra: str | os.PathLike[str]) -> dict[str, str]:
    """This process's environment without any setting of pip, uv, ``load``, proxies or certificates.

    Parameters: `extra`, variables that are set last, so that they win; one of them must be ``HOME``, a
    directory of the test's own, for pip, uv and netrc keep settings, caches and credentials below it.
    Raises `TypeError` without ``HOME``.
    """
    if "HOME" not in extra:
        raise TypeError("clean_environment() needs HOME: a directory of the test's own")
    home = Path(extra["HOME"])
    kept = {name: value for name, value in os.environ.items() if not _is_of_the_machine(name)}
    ours = {
        "USERPROFILE": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(home / "cache-pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # the check would ask the index for pip, and spoil the counts
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(home / "cache-uv"),
        "UV_PYTHON_DOWNLOADS": "never",  # an interpreter that is not here would come from outside loopback
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # the desktop's would be asked after a 401
    }
    return kept | ours | {name: os.fspath(value) for name, value in extra.items()}


def self_signed(directory: Path) -> tuple[Path, Path, Path]:
    """Write a certificate for 127.0.0.1 and localhost: the paths of (certificate, its key, its authority)."""
    import trustme  # here, not above: cryptography costs 100 ms that tests without https need not pay

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    paths = directory / "cert.pem", directory / "key.pem", directory / "ca.pem"
    blobs = certificate.cert_chain_pems[0], certificate.private_key_pem, authority.cert_pem
    for path, blob in zip(paths, blobs, strict=True):
        blob.write_to_path(str(path))
    return paths
