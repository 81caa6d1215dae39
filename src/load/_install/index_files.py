"""Where pip and uv keep the user's settings, in the places and the order that their documentation gives."""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path

from load._errors import ConfigError
from load._install.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from configparser import RawConfigParser
    from typing import Any

_ETC = Path("/etc")
TRUTHS = {**dict.fromkeys(("y", "yes", "t", "true", "on", "1"), True),
          **dict.fromkeys(("n", "no", "f", "false", "off", "0"), False)}  # fmt: skip


def pip_items(environ: Mapping[str, str], prefix: Path, home: Path) -> Iterator[tuple[str, str, str, str]]:
    """(section, key, value, origin) of pip's files and then of its variables, the weakest first.

    The section of a variable is ``:env:``. Raises `ConfigError` for a file that pip would refuse.
    """
    for file in _pip_files(environ, prefix, home):
        parser = _ini(file)
        for section in parser.sections():
            for key, value in parser.items(section):
                yield section, key.replace("_", "-").removeprefix("--"), value, f"{file} [{section}] {key}"
    for name, value in environ.items():
        if name.startswith("PIP_"):
            yield ":env:", name[4:].lower().replace("_", "-"), value, name


def _pip_files(environ: Mapping[str, str], prefix: Path, home: Path) -> Iterator[Path]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    name, legacy = ("pip.ini", "pip") if sys.platform == "win32" else ("pip.conf", ".pip")
    yield from (directory / name for directory in (*_system_directories(environ, "pip"), _ETC))
    if not (chosen and os.path.exists(chosen)):
        yield home / legacy / name
        yield _user_directory(environ, home, "pip") / name
    yield prefix / name
    if chosen:
        yield Path(chosen)


def _system_directories(environ: Mapping[str, str], tool: str) -> list[Path]:
    if sys.platform == "win32":
        return [Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), tool)]
    if sys.platform == "darwin" and tool == "pip":
        return [Path("/Library/Application Support", tool)]
    listed = environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)
    return [Path(place, tool) for place in listed if os.path.isabs(place)] or [_ETC / "xdg" / tool]


def _user_directory(environ: Mapping[str, str], home: Path, tool: str) -> Path:
    if sys.platform == "win32":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming", tool)
    support = home / "Library" / "Application Support" / tool
    if sys.platform == "darwin" and tool == "pip" and support.is_dir():
        return support
    configured = environ.get("XDG_CONFIG_HOME", "")
    return Path(configured if os.path.isabs(configured) else home / ".config", tool)


def _ini(file: Path) -> RawConfigParser:
    import locale
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read(file, encoding="utf-8" if sys.flags.utf8_mode else locale.getencoding())
    except (Error, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from None  # chained, it would show the line, and the line a password
    return parser


def _unreadable(file: Path, error: Exception) -> ConfigError:
    return ConfigError(
        redact(f"the index settings in {str(file)!r} cannot be read: {error}"),
        ways=("correct the file: it may name the index that you want", "or move it away"),
    )


def uv_tables(environ: Mapping[str, str], cwd: Path, home: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The tables that `uv pip` would read and their files, the strongest first, ``[pip]`` before all else.

    Raises `ConfigError` for a ``uv.toml`` that uv would refuse; such a ``pyproject.toml`` is passed over.
    """
    chosen = environ.get("UV_CONFIG_FILE")
    off = TRUTHS.get(environ.get("UV_NO_CONFIG", "").lower())
    named = [(Path(cwd, chosen), _toml(Path(cwd, chosen)))] if chosen else []
    found = named if chosen or off else list(_uv_files(environ, cwd, home))
    return [(file, table["pip"]) for file, table in found if isinstance(table.get("pip"), dict)] + found


def _uv_files(environ: Mapping[str, str], cwd: Path, home: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield from islice(_project_tables(_workspace(cwd) or cwd), 1)
    user = _user_directory(environ, home, "uv") / "uv.toml"
    if user.is_file():
        yield user, _toml(user)
    system = [*_system_directories(environ, "uv"), _ETC / "uv"]
    files = (directory / "uv.toml" for directory in system)
    yield from islice(((file, _toml(file)) for file in files if file.is_file()), 1)


def _project_tables(directory: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for parent in (directory, *directory.parents):
        if (parent / "uv.toml").is_file():
            yield parent / "uv.toml", _toml(parent / "uv.toml")
        elif (table := _tool_uv(parent)) is not None:
            yield parent / "pyproject.toml", table


def _workspace(cwd: Path) -> Path | None:
    """The root of the workspace that has `cwd` in a member: there, not in the member, uv looks first."""
    from fnmatch import fnmatch

    for root in cwd.parents:
        workspace = (_tool_uv(root) or {}).get("workspace") or {}
        place = cwd.relative_to(root).as_posix() + "/"
        if any(fnmatch(place, f"{pattern.rstrip('/')}/*") for pattern in workspace.get("members", ())):
            return root
    return None


def _toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise _unreadable(file, error) from None


def _tool_uv(directory: Path) -> dict[str, Any] | None:
    file = directory / "pyproject.toml"
    try:
        table = _toml(file).get("tool", {}).get("uv") if file.is_file() else None
    except ConfigError:
        return None
    return table if isinstance(table, dict) else None
