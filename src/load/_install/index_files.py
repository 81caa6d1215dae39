"""Where pip and uv keep the user's settings, in the places and the order that their documentation gives."""

from __future__ import annotations

import os
import sys
from itertools import islice
from os.path import join

from load._errors import ConfigError
from load._install.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from configparser import RawConfigParser
    from typing import Any

_ETC = "/etc"
TRUTHS = {**dict.fromkeys(("y", "yes", "t", "true", "on", "1"), True),
          **dict.fromkeys(("n", "no", "f", "false", "off", "0"), False)}  # fmt: skip


def pip_items(environ: Mapping[str, str], prefix: str, home: str) -> Iterator[tuple[str, str, str, str]]:
    """(section, key, value, origin) of pip's files and then of its variables, the weakest first.

    The section of a variable is ``:env:``. Raises `ConfigError` for a file that pip would refuse.
    """
    for file in filter(os.path.isfile, _pip_files(environ, prefix, home)):
        parser = _ini(file)
        for section in parser.sections():
            for key, value in parser.items(section):
                yield section, key.replace("_", "-").removeprefix("--"), value, f"{file} [{section}] {key}"
    for name, value in environ.items():
        if name.startswith("PIP_"):
            yield ":env:", name[4:].lower().replace("_", "-"), value, name


def _pip_files(environ: Mapping[str, str], prefix: str, home: str) -> Iterator[str]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    name, legacy = ("pip.ini", "pip") if sys.platform == "win32" else ("pip.conf", ".pip")
    yield from (join(directory, name) for directory in (*_system_directories(environ, "pip"), _ETC))
    if not (chosen and os.path.exists(chosen)):
        yield join(home, legacy, name)
        yield join(_user_directory(environ, home, "pip"), name)
    yield join(prefix, name)
    if chosen:
        yield chosen


def _system_directories(environ: Mapping[str, str], tool: str) -> list[str]:
    if sys.platform == "win32":
        return [join(environ.get("PROGRAMDATA", r"C:\ProgramData"), tool)]
    if sys.platform == "darwin" and tool == "pip":
        return [join("/Library/Application Support", tool)]
    listed = environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)
    return [join(place, tool) for place in listed if os.path.isabs(place)] or [join(_ETC, "xdg", tool)]


def _user_directory(environ: Mapping[str, str], home: str, tool: str) -> str:
    if sys.platform == "win32":
        return join(environ.get("APPDATA") or join(home, "AppData", "Roaming"), tool)
    support = join(home, "Library", "Application Support", tool)
    if sys.platform == "darwin" and tool == "pip" and os.path.isdir(support):
        return support
    configured = environ.get("XDG_CONFIG_HOME", "")
    return join(configured if os.path.isabs(configured) else join(home, ".config"), tool)


def _ini(file: str) -> RawConfigParser:
    import locale
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read(file, encoding="utf-8" if sys.flags.utf8_mode else locale.getencoding())
    except (Error, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from None  # chained, it would show the line, and the line a password
    return parser


def _unreadable(file: str, error: Exception) -> ConfigError:
    return ConfigError(
        redact(f"the index settings in {file!r} cannot be read: {error}"),
        ways=("correct the file: it may name the index that you want", "or move it away"),
    )


def uv_tables(environ: Mapping[str, str], cwd: str, home: str) -> list[tuple[str, dict[str, Any]]]:
    """The tables that `uv pip` would read and their files, the strongest first, ``[pip]`` before all else.

    Raises `ConfigError` for a ``uv.toml`` that uv would refuse; such a ``pyproject.toml`` is passed over.
    """
    chosen = environ.get("UV_CONFIG_FILE")
    off = TRUTHS.get(environ.get("UV_NO_CONFIG", "").lower())
    named = [(join(cwd, chosen), _toml(join(cwd, chosen)))] if chosen else []
    found = named if chosen or off else list(_uv_files(environ, cwd, home))
    return [(file, table["pip"]) for file, table in found if isinstance(table.get("pip"), dict)] + found


def _uv_files(environ: Mapping[str, str], cwd: str, home: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from islice(_project_tables(_workspace(cwd) or cwd), 1)
    user = join(_user_directory(environ, home, "uv"), "uv.toml")
    if os.path.isfile(user):
        yield user, _toml(user)
    system = [*_system_directories(environ, "uv"), join(_ETC, "uv")]
    files = (join(directory, "uv.toml") for directory in system)
    yield from islice(((file, _toml(file)) for file in files if os.path.isfile(file)), 1)


def _project_tables(directory: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for parent in (directory, *_parents(directory)):
        if os.path.isfile(join(parent, "uv.toml")):
            yield join(parent, "uv.toml"), _toml(join(parent, "uv.toml"))
        elif (table := _tool_uv(parent)) is not None:
            yield join(parent, "pyproject.toml"), table


def _parents(directory: str) -> Iterator[str]:
    while (parent := os.path.dirname(directory)) != directory:
        yield parent
        directory = parent


def _workspace(cwd: str) -> str | None:
    """The root of the workspace that has `cwd` in a member: there, not in the member, uv looks first."""
    for root in _parents(cwd):
        members = ((_tool_uv(root) or {}).get("workspace") or {}).get("members", ())
        if members and _is_member(os.path.relpath(cwd, root), members):
            return root
    return None


def _is_member(place: str, members: Iterable[str]) -> bool:
    from fnmatch import fnmatch

    place = place.replace(os.sep, "/") + "/"
    return any(fnmatch(place, f"{pattern.rstrip('/')}/*") for pattern in members)


def _toml(file: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise _unreadable(file, error) from None


def _tool_uv(directory: str) -> dict[str, Any] | None:
    file = join(directory, "pyproject.toml")
    try:
        table = _toml(file).get("tool", {}).get("uv") if os.path.isfile(file) else None
    except ConfigError:
        return None
    return table if isinstance(table, dict) else None
