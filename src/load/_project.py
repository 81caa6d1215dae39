"""Which program is running and which project it belongs to: the files that may declare something."""

from __future__ import annotations

import os
import sys

from load._errors import ConfigError
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LEVELS = 12  # directories looked at upwards; deeper nesting than this is not a project but a mistake


class Project(Value):
    """Absolute paths of what belongs to the main program; None where there is no such file."""

    directory: str
    script: str | None
    pyproject: str | None
    requirements: str | None
    lock: str | None


def find() -> Project:
    """The project of the main program: its script's directory, or the working directory of an interactive session."""
    script = main_script()
    start = os.path.dirname(script) if script else os.getcwd()
    top = start
    for _ in range(_LEVELS):
        pyproject = _file(top, "pyproject.toml")
        if pyproject or _file(top, "pylock.toml") or os.path.exists(os.path.join(top, ".git")):
            return Project(top, script, pyproject, _file(top, "requirements.txt"), _file(top, "pylock.toml"))
        parent = os.path.dirname(top)
        if parent == top:
            break
        top = parent
    return Project(start, script, None, _file(start, "requirements.txt"), None)


def main_script() -> str | None:
    """The file run as ``__main__``, unless it is an installed tool (pytest, ipykernel, …) that runs the user's code."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not isinstance(file, str):
        return None
    file = os.path.abspath(file)
    return None if is_installed(file) or not os.path.isfile(file) else file


def is_installed(file: str) -> bool:
    """Whether ``file`` belongs to an interpreter or an environment rather than to a user's project."""
    if "site-packages" in file or "dist-packages" in file:
        return True
    bins = (
        os.path.dirname(sys.executable or ""),
        os.path.join(sys.prefix, "bin"),
        os.path.join(sys.base_prefix, "bin"),
    )
    return os.path.dirname(file) in bins or file.startswith(os.path.dirname(os.__file__) + os.sep)


def _file(directory: str, name: str) -> str | None:
    path = os.path.join(directory, name)
    return path if os.path.isfile(path) else None


def tool_table(path: str) -> dict[str, Any]:
    """``[tool.load]`` of a pyproject.toml, however it is written; empty where there is none.

    Raises:
        ConfigError: if it is no table.
    """
    tools = read_toml(path, b"load").get("tool", {})
    table = tools.get("load", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.load] in {path} must be a table, not {table!r}")
    return table


def read_toml(path: str, must_contain: bytes = b"") -> dict[str, Any]:
    """The parsed file, or an empty table without parsing where ``must_contain`` is nowhere in it.

    Raises:
        ConfigError: if it is not TOML, with file and line.
    """
    with open(path, "rb") as stream:
        content = stream.read()
    if must_contain not in content:
        return {}  # tomllib costs 6-14 ms to import, a search of the bytes some µs
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
