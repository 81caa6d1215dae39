"""A wheel on this machine: what it is called, what it holds, and its hash."""

from __future__ import annotations

import os

from load._errors import InvalidTarget
from load._install.environment import module_of_file, normalise, only_module
from load._install.names import Need
from load._values import Value


class Wheel(Value):
    """A wheel on this machine; its ``need`` is tied to its very bytes."""

    file: str
    distribution: str
    version: str
    need: Need


def read_wheel(path: str, sha256: str = "", module: str = "") -> Wheel:
    """Read what a wheel is and provides.

    Parameters:
        sha256: the hash that it must have, in hexadecimal; "" for any.
        module: the module to import; "" for the only one that it provides.

    Raises:
        InvalidTarget: if it is not there, is no wheel, or has another hash.
        AmbiguousModule: if it provides several modules and none was named.
    """
    file = os.path.abspath(os.path.expanduser(path))
    name = os.path.basename(file).removesuffix(".whl").split("-")
    if not os.path.isfile(file):
        raise InvalidTarget(path, f"there is no file {file}")
    if len(name) not in (5, 6):
        raise InvalidTarget(path, "its name is not a wheel's: name-version-python-abi-platform.whl")
    digest = _digest(file)
    if sha256 and sha256.lower() != digest:
        raise InvalidTarget(
            path, f"its SHA-256 is {digest}, not {sha256}", ways=("do not use it unless you know why it changed",)
        )
    modules = _modules(path, file)
    chosen = module or only_module(os.path.basename(file), normalise(name[0]), modules)
    need = Need(chosen, f"{normalise(name[0])} @ sha256:{digest}", "given")
    return Wheel(file, normalise(name[0]), name[1], need)


def _digest(file: str) -> str:
    from hashlib import file_digest

    with open(file, "rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _modules(path: str, file: str) -> list[str]:
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(file) as archive:
            names = archive.namelist()
    except (BadZipFile, OSError) as error:
        raise InvalidTarget(path, f"it is not a readable wheel: {error}") from None
    inside = (
        name.partition("/")[2].partition("/")[2] if ".data/" in name.partition("/")[0] + "/" else name for name in names
    )
    return sorted({top for name in inside if (top := module_of_file(name)) and not top.startswith("_")})
