"""Settings: a call over the environment over the project file over the default; what restricts always wins."""

from __future__ import annotations

import os
import sys

from load import _project
from load._errors import ConfigError
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import Any

MODES = ("auto", "ask", "locked", "off")  # from the freest to the strictest


class Settings(Value):
    """The settings in force.

    ``cooldown`` is in days, ``ask_timeout`` and ``timeout`` in seconds, ``print_limit`` in characters; ``home`` is the
    store's directory ("" = the user's cache directory), ``as_of`` an ISO date or "".
    """

    mode: str = "auto"
    no_install: bool = False
    offline: bool = False
    cooldown: float = 3.0
    as_of: str = ""
    build: bool = False
    into: str = "store"
    installer: str = "auto"
    home: str = ""
    timeout: float = 30.0
    ask_timeout: float = 60.0
    silent: bool = False
    auto_print: bool = False
    print_limit: int = 1000


def _text(value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    raise ValueError("text")


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value.lower() in words:
            return value.lower()
        raise ValueError("one of " + ", ".join(words))

    return parse


def _flag(value: object) -> bool:
    word = str(value).strip().lower()
    if isinstance(value, (bool, int, str)) and word in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, (bool, int, str)) and word in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("yes or no (1, 0, true, false)")


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 <= number < float("inf"):
        raise ValueError("a number, zero or more")
    return number


def _days(value: object) -> float:
    text = str(value).strip().lower().removesuffix("days").removesuffix("day").removesuffix("d").strip()
    try:
        return _number(text if isinstance(value, str) else value)
    except ValueError:
        raise ValueError('a number of days, zero or more (3, "3d")') from None


def _date(value: object) -> str:
    if value is None or value == "":
        return ""
    from datetime import date, datetime

    text = value.isoformat() if isinstance(value, date) else value
    try:
        datetime.fromisoformat(_text(text))
    except ValueError:
        raise ValueError('an ISO date ("2026-01-01")') from None
    return _text(text)


_PARSERS: dict[str, Callable[[object], Any]] = {
    "mode": _one_of(*MODES),
    "no_install": _flag,
    "offline": _flag,
    "cooldown": _days,
    "as_of": _date,
    "build": _flag,
    "into": _one_of("store", "env"),
    "installer": _one_of("auto", "uv", "pip"),
    "home": _text,
    "timeout": _number,
    "ask_timeout": _number,
    "silent": _flag,
    "auto_print": _flag,
    "print_limit": lambda value: int(_number(value)),
}
# Keys of [tool.load] that other rooms read (declared.py).
_TABLES = frozenset({"names", "indexes"})


def _parse(name: str, value: object, where: str) -> Any:
    parser = _PARSERS.get(name)
    if parser is None:
        raise ConfigError(f"there is no setting {name!r} ({where})", name=None, ways=_nearest(name))
    try:
        return parser(value)
    except ValueError as error:
        raise ConfigError(f"the setting {name!r} takes {error}, not {value!r} ({where})") from None


def _nearest(name: str) -> tuple[str, ...]:
    from difflib import get_close_matches

    close = get_close_matches(name, _PARSERS, n=1)
    listed = "the settings are " + ", ".join(sorted(_PARSERS))
    return (f"did you mean {close[0]!r}?", listed) if close else (listed,)


class Configuration:
    """Where the settings come from, asked anew at each use, so that ``os.environ`` may change while a program runs."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._called: dict[str, Any] = {}
        self._file: tuple[tuple[str, int] | None, dict[str, Any]] = (None, {})
        """The project file last read, by path and mtime_ns, and its settings."""

    def current(self) -> Settings:
        """The settings in force now.

        Raises:
            ConfigError: if the environment or the project file says what no setting can be.
        """
        project, environment = self._from_project(), self._from_environment()
        chosen = {**project, **environment, **self._called}
        return Settings(**_restricted(chosen, environment, (project, environment, self._called)))

    def configure(self, changes: Mapping[str, object], frame: FrameType | None) -> Settings:
        """Change settings for this process, all or none.

        Raises:
            ConfigError: for an unknown setting or value, or if a library would make its user's policy less strict.
        """
        parsed = {name: _parse(name, value, "in a call of configure") for name, value in changes.items()}
        before, previous = self.current(), dict(self._called)
        self._called.update(parsed)
        freer = _freer(before, self.current())
        if freer and not is_main_program(frame):
            self._called.clear()
            self._called.update(previous)
            raise ConfigError(
                f"only the main program may make {freer!r} less strict, not {_module_of(frame)}",
                ways=(
                    f"the program itself calls load.configure({freer}=…)",
                    f"the environment says LOAD_{freer.upper()}=…",
                    f"the project's pyproject.toml says it under [tool.load]: {freer} = …",
                ),
            )
        return self.current()

    def _from_environment(self) -> dict[str, Any]:
        found = {}
        for name in _PARSERS:
            text = self._environ.get("LOAD_" + name.upper())
            if text is not None and text != "":
                found[name] = _parse(name, text, f"from the environment: LOAD_{name.upper()}")
        return found

    def _from_project(self) -> dict[str, Any]:
        path = _project.find().pyproject
        if path is None:
            return {}
        stamp = (path, os.stat(path).st_mtime_ns)
        if self._file[0] != stamp:
            table = _project.tool_table(path)
            values = {key: _parse(key, value, path) for key, value in table.items() if key not in _TABLES}
            self._file = (stamp, values)
        return self._file[1]


def _restricted(
    chosen: dict[str, Any], environment: Mapping[str, Any], everywhere: tuple[Mapping[str, Any], ...]
) -> dict[str, Any]:
    for flag in ("no_install", "offline"):
        if any(source.get(flag) for source in everywhere):
            chosen[flag] = True
    if "mode" in environment:
        chosen["mode"] = max(chosen["mode"], environment["mode"], key=MODES.index)
    return chosen


def _freer(before: Settings, after: Settings) -> str:
    """The first setting that allows more than before, or ""."""
    if MODES.index(after.mode) < MODES.index(before.mode):
        return "mode"
    loosened = {
        "no_install": before.no_install and not after.no_install,
        "offline": before.offline and not after.offline,
        "build": after.build and not before.build,
        "cooldown": after.cooldown < before.cooldown,
        "as_of": bool(before.as_of) and (not after.as_of or after.as_of > before.as_of),
    }
    return next((name for name, freer in loosened.items() if freer), "")


def is_main_program(frame: FrameType | None) -> bool:
    """Whether ``frame`` is code of the program that the user started, rather than of an installed library.

    The main module, a notebook's cells, and the modules that lie beside the main program count; anything in an
    environment or in a layer does not.
    """
    if frame is None or frame.f_globals.get("__name__") == "__main__":
        return True
    file = frame.f_globals.get("__file__")
    if not isinstance(file, str):
        return False
    directory = _project.find().directory
    file = os.path.abspath(file)
    return not _project.is_installed(file) and file.startswith(directory.rstrip(os.sep) + os.sep)


def _module_of(frame: FrameType | None) -> str:
    name = frame.f_globals.get("__name__", "?") if frame is not None else "?"
    return f"the module {name!r}" + (f" ({frame.f_code.co_filename}:{frame.f_lineno})" if frame is not None else "")


def store_home(settings: Settings) -> str:
    """The directory of the store: ``home``, or this user's cache directory (``platformdirs``)."""
    if settings.home:
        return os.path.abspath(os.path.expanduser(settings.home))
    platform: str = sys.platform  # a plain text to the type checker, which would drop the other platforms' branch
    if platform == "linux":
        # What platformdirs answers, without the 4 ms that asking it takes; a test compares the two.
        base = os.environ.get("XDG_CACHE_HOME", "")
        return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "load")
    import platformdirs

    return platformdirs.user_cache_dir("load", appauthor=False)
