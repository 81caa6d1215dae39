"""Settings: a call over the environment over the project file over the default, and what restricts always wins."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from conftest import World
from load import _project
from load._errors import ConfigError
from load._settings import MODES, Configuration, Settings, store_home

NAMES = ", ".join(sorted(Settings._fields))
CALL = "in a call of configure"


class Sources:
    """A configuration whose three sources the test writes."""

    def __init__(self, directory: Path) -> None:
        self.pyproject = directory / "pyproject.toml"
        self.environ: dict[str, str] = {}
        self.configuration = Configuration(self.environ)
        self._written = 0

    def project(self, text: str) -> None:
        self.pyproject.write_text(text, encoding="utf-8")
        self._written += 1
        os.utime(self.pyproject, ns=(self._written, self._written))

    def call(self, **changes: Any) -> Settings:
        return self.configuration.configure(changes, None)

    @property
    def now(self) -> Settings:
        return self.configuration.current()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.chdir(tmp_path)
    assert _project.find() == (str(tmp_path), None, None, None, None), "pytest is no script of a user"
    return Sources(tmp_path)


def problem(sources: Sources, **changes: object) -> str:
    with pytest.raises(ConfigError) as caught:
        sources.call(**changes) if changes else sources.now
    return str(caught.value)


# --- who wins


def test_without_any_source_the_defaults_are_in_force(sources: Sources) -> None:
    assert sources.now == Settings()
    assert (sources.now.mode, sources.now.no_install, sources.now.cooldown, sources.now.into) == (
        "auto",
        False,
        3.0,
        "store",
    )


def test_a_call_wins_over_the_environment_over_the_project_file(sources: Sources) -> None:
    sources.project("[tool.load]\ntimeout = 1\ncooldown = 1\nprint_limit = 1\n")
    sources.environ.update(LOAD_TIMEOUT="2", LOAD_COOLDOWN="2")
    sources.call(timeout=3)
    now = sources.now
    assert (now.timeout, now.cooldown, now.print_limit, now.ask_timeout) == (3.0, 2.0, 1, 60.0)


def test_a_later_call_wins_over_an_earlier_one_and_leaves_the_rest(sources: Sources) -> None:
    sources.call(timeout=1, cooldown=9)
    assert sources.call(timeout=2) == sources.now == Settings(timeout=2.0, cooldown=9.0)


def test_an_empty_variable_is_no_setting(sources: Sources) -> None:
    sources.environ.update(LOAD_MODE="", LOAD_TIMEOUT="")
    assert sources.now == Settings()


def test_the_environment_is_asked_anew_at_each_use(sources: Sources) -> None:
    sources.environ["LOAD_TIMEOUT"] = "5"
    assert sources.now.timeout == 5.0
    del sources.environ["LOAD_TIMEOUT"]
    assert sources.now.timeout == 30.0


def test_a_change_of_the_project_file_is_seen_and_so_is_its_absence(sources: Sources) -> None:
    for seconds in (5, 6):
        sources.project(f"[tool.load]\ntimeout = {seconds}\n")
        assert sources.now.timeout == seconds
    sources.pyproject.unlink()
    assert sources.now.timeout == 30.0


# --- what restricts


@pytest.mark.parametrize("name", ["no_install", "offline"])
@pytest.mark.parametrize("restricting", ["project", "environment", "call"])
def test_what_forbids_wins_wherever_it_is_said(sources: Sources, name: str, restricting: str) -> None:
    sources.project(f"[tool.load]\n{name} = {str(restricting == 'project').lower()}\n")
    sources.environ[f"LOAD_{name.upper()}"] = str(int(restricting == "environment"))
    sources.call(**{name: restricting == "call"})
    assert getattr(sources.now, name) is True


@pytest.mark.parametrize("name", ["no_install", "offline"])
def test_what_nobody_forbids_is_allowed(sources: Sources, name: str) -> None:
    sources.project(f"[tool.load]\n{name} = false\n")
    sources.environ[f"LOAD_{name.upper()}"] = "0"
    assert getattr(sources.call(**{name: False}), name) is False


@pytest.mark.parametrize("called", MODES)
@pytest.mark.parametrize("environment", MODES)
def test_a_stricter_mode_of_the_environment_wins_over_a_call_and_a_stricter_call_over_it(
    sources: Sources, environment: str, called: str
) -> None:
    sources.environ["LOAD_MODE"] = environment
    assert sources.call(mode=called).mode == max(environment, called, key=MODES.index)


@pytest.mark.parametrize(("project", "environment"), [("off", "auto"), ("auto", "off"), ("ask", "locked")])
def test_between_environment_and_project_the_environment_decides(
    sources: Sources, project: str, environment: str
) -> None:
    sources.project(f'[tool.load]\nmode = "{project}"\n')
    assert sources.now.mode == project
    sources.environ["LOAD_MODE"] = environment
    assert sources.now.mode == environment


def test_the_main_program_may_free_what_its_project_restricts(sources: Sources) -> None:
    sources.project('[tool.load]\nmode = "off"\ncooldown = 30\n')
    now = sources.call(mode="auto", cooldown=0, build=True)
    assert (now.mode, now.cooldown, now.build) == ("auto", 0.0, True)


# --- what a setting takes


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("mode", "LOCKED", "locked"),
        ("into", "env", "env"),
        ("installer", "pip", "pip"),
        ("build", "yes", True),
        ("build", "ON", True),
        ("build", 1, True),
        ("build", "no", False),
        ("build", "off", False),
        ("build", False, False),
        ("silent", "1", True),
        ("auto_print", "true", True),
        ("cooldown", 0, 0.0),
        ("cooldown", "7", 7.0),
        ("cooldown", "3d", 3.0),
        ("cooldown", "1 day", 1.0),
        ("cooldown", "2.5 days", 2.5),
        ("timeout", "1e1", 10.0),
        ("ask_timeout", 0.5, 0.5),
        ("print_limit", "50", 50),
        ("as_of", "2026-01-01", "2026-01-01"),
        ("as_of", "2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("as_of", date(2026, 1, 1), "2026-01-01"),
        ("as_of", None, ""),
        ("as_of", "", ""),
        ("home", Path("/srv/store"), "/srv/store"),
        ("home", "~/store", "~/store"),
    ],
    ids=str,
)
def test_a_setting_takes_what_reads_as_its_kind(sources: Sources, name: str, value: object, parsed: object) -> None:
    taken = getattr(sources.call(**{name: value}), name)
    assert taken == parsed and type(taken) is type(parsed)


ONE_OF_MODES = "one of auto, ask, locked, off"
NUMBER = "a number, zero or more"
DAYS = 'a number of days, zero or more (3, "3d")'
FLAG = "yes or no (1, 0, true, false)"
DATE = 'an ISO date ("2026-01-01")'


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("mode", "free", ONE_OF_MODES),
        ("mode", 1, ONE_OF_MODES),
        ("mode", None, ONE_OF_MODES),
        ("into", "user", "one of store, env"),
        ("installer", "conda", "one of auto, uv, pip"),
        ("build", "maybe", FLAG),
        ("no_install", 2, FLAG),
        ("offline", None, FLAG),
        ("silent", 1.0, FLAG),
        ("cooldown", "soon", DAYS),
        ("cooldown", -1, DAYS),
        ("cooldown", "3h", DAYS),
        ("cooldown", True, DAYS),
        ("cooldown", float("inf"), DAYS),
        ("cooldown", float("nan"), DAYS),
        ("timeout", "-1", NUMBER),
        ("timeout", "nan", NUMBER),
        ("timeout", True, NUMBER),
        ("ask_timeout", None, NUMBER),
        ("print_limit", "all", NUMBER),
        ("as_of", "yesterday", DATE),
        ("as_of", 20260101, DATE),
        ("as_of", "2026-02-30", DATE),
        ("home", 5, "text"),
        ("home", None, "text"),
    ],
    ids=str,
)
def test_a_value_that_no_setting_takes_is_refused_with_what_it_takes(
    sources: Sources, name: str, value: object, takes: str
) -> None:
    assert problem(sources, **{name: value}) == f"the setting {name!r} takes {takes}, not {value!r} ({CALL})"
    assert sources.now == Settings()


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [("mode", "free", ONE_OF_MODES), ("no_install", "perhaps", FLAG), ("cooldown", "soon", DAYS), ("as_of", "x", DATE)],
)
def test_a_bad_value_names_the_source_it_comes_from(sources: Sources, name: str, value: str, takes: str) -> None:
    sources.environ[f"LOAD_{name.upper()}"] = value
    where = f"from the environment: LOAD_{name.upper()}"
    assert problem(sources) == f"the setting {name!r} takes {takes}, not {value!r} ({where})"
    sources.environ.clear()
    sources.project(f'[tool.load]\n{name} = "{value}"\n')
    assert problem(sources) == f"the setting {name!r} takes {takes}, not {value!r} ({sources.pyproject})"


def test_an_unknown_setting_gets_a_suggestion_and_the_list(sources: Sources) -> None:
    assert problem(sources, cooldwn=1) == (
        f"there is no setting 'cooldwn' ({CALL})\nWays out:\n  - did you mean 'cooldown'?\n  - the settings are {NAMES}"
    )
    assert problem(sources, zzz=1) == f"there is no setting 'zzz' ({CALL})\nWays out:\n  - the settings are {NAMES}"
    sources.project("[tool.load]\ntimeuot = 1\n")
    assert problem(sources) == (
        f"there is no setting 'timeuot' ({sources.pyproject})\n"
        "Ways out:\n"
        "  - did you mean 'timeout'?\n"
        f"  - the settings are {NAMES}"
    )


def test_every_setting_has_a_default_that_it_takes_itself(sources: Sources) -> None:
    assert sources.call(**Settings()._asdict()) == Settings()


def test_every_setting_can_be_said_in_the_environment(sources: Sources) -> None:
    values: dict[str, Any] = {"mode": "off", "into": "env", "installer": "uv", "as_of": "2026-01-01", "home": "/srv"}
    for name, default in Settings()._asdict().items():
        value = values.get(name, True if isinstance(default, bool) else 7)
        sources.environ[f"LOAD_{name.upper()}"] = str(value)
        assert getattr(sources.now, name) == value != default
        sources.environ.clear()


# --- the project file


@pytest.mark.parametrize(
    "text",
    [
        '[tool.load]\nmode = "off"',
        '[ tool.load ]\nmode = "off"',
        'tool.load.mode = "off"',
        'tool.load = {mode = "off"}',
        '[tool.load.names]\ncv2 = "opencv"\n[tool.load]\nmode = "off"',
        pytest.param('[tool]\nload.mode = "off"'),
        pytest.param('[tool]\nload = {mode = "off"}'),
        pytest.param('[tool . load]\nmode = "off"'),
        pytest.param('[tool."load"]\nmode = "off"'),
    ],
)
def test_a_table_counts_however_it_is_written(sources: Sources, text: str) -> None:
    sources.project(text)
    assert sources.now.mode == "off"


OTHERS = ["", "[tool.loader]\nmode = 'off'", "[tool.other]\nload = {mode = 'off'}", "load = {mode = 'off'}"]


@pytest.mark.parametrize("text", OTHERS)
def test_another_table_does_not_count(sources: Sources, text: str) -> None:
    sources.project(text)
    assert sources.now == Settings()


def test_a_date_of_the_project_file_is_a_date(sources: Sources) -> None:
    sources.project("[tool.load]\nas_of = 2026-01-01\n")
    assert sources.now.as_of == "2026-01-01"


def test_a_malformed_project_file_is_named_with_the_line(sources: Sources) -> None:
    sources.project("[tool.load]\nmode = \n")
    assert problem(sources) == f"{sources.pyproject} is not valid TOML: Invalid value (at line 2, column 8)"
    sources.pyproject.write_bytes(b"[tool.load]\nmode = '\xff'\n")
    assert problem(sources).startswith(f"{sources.pyproject} is not valid TOML: 'utf-8' codec can't decode byte 0xff")


def test_a_malformed_project_file_that_says_nothing_of_load_is_left_alone(sources: Sources) -> None:
    sources.project("[tool.other]\nmode = \n")
    assert sources.now == Settings()


@pytest.mark.parametrize("text", ["tool.load = 3", "tool.load = ['mode']"])
def test_a_table_that_is_none_is_a_config_error(sources: Sources, text: str) -> None:
    sources.project(text)
    assert str(sources.pyproject) in problem(sources)


@pytest.mark.parametrize("marker", ["pyproject.toml", ".git/HEAD", "pylock.toml"])
def test_the_project_of_a_script_is_found_upwards(world: World, marker: str) -> None:
    world.write({marker: "", "deep/er/script.py": "from load import _project; print(_project.find().directory)"})
    printed = world.printed("import runpy; runpy.run_path('deep/er/script.py', run_name='x')")
    assert printed == str(world.work)
    code = "import subprocess, sys; subprocess.run([sys.executable, 'deep/er/script.py'], check=True)"
    assert world.printed(code) == str(world.work)


def test_a_script_outside_of_any_project_has_its_own_directory_for_one(world: World) -> None:
    world.write({"deep/script.py": "from load import _project; print(*_project.find())"})
    code = "import subprocess, sys; subprocess.run([sys.executable, 'deep/script.py'], check=True)"
    assert world.printed(code) == f"{world.work}/deep {world.work}/deep/script.py None None None"


def test_the_settings_of_the_working_directory_are_not_those_of_a_script_elsewhere(world: World) -> None:
    world.write(
        {"here/pyproject.toml": "[tool.load]\ntimeout = 1\n", "there/pyproject.toml": "[tool.load]\ntimeout = 2\n"}
    )
    world.write({"there/script.py": "import load; print(load.settings().timeout)"})
    code = "import subprocess, sys; subprocess.run([sys.executable, '../there/script.py'], check=True, cwd='here')"
    assert world.printed(code) == "2.0"


# --- nothing half changed


def test_a_call_changes_everything_or_nothing(sources: Sources) -> None:
    before = sources.call(timeout=5)
    for changes in ({"timeout": 6, "mode": "free"}, {"timeout": 6, "nope": 1}, {"mode": "off", "cooldown": -1}):
        problem(sources, **changes)
        assert sources.now == before


def test_a_call_that_a_bad_environment_stops_changes_nothing(sources: Sources) -> None:
    sources.environ["LOAD_MODE"] = "free"
    problem(sources, timeout=6)
    sources.environ.clear()
    assert sources.now == Settings()


def test_a_bad_environment_can_be_mended_while_the_program_runs(world: World) -> None:
    code = """
        import os, load
        for _ in range(2):
            try:
                load.json
            except load.ConfigError as error:
                print(error)
        os.environ["LOAD_MODE"] = "auto"
        print(load.json.__name__, load.settings().mode)
    """
    message = "the setting 'mode' takes one of auto, ask, locked, off, not 'free' (from the environment: LOAD_MODE)"
    assert world.printed(code, LOAD_MODE="free") == f"{message}\n{message}\njson auto"


# --- who may free


LIBRARY = """
    import load
    def change(**changes):
        return load.configure(**changes)
"""


def refusal(setting: str, module: str, place: Path) -> str:
    return (
        f"ConfigError: only the main program may make {setting!r} less strict, not the module {module!r} ({place}:4)\n"
        "Ways out:\n"
        f"  - the program itself calls load.configure({setting}=…)\n"
        f"  - the environment says LOAD_{setting.upper()}=…\n"
        f"  - the project's pyproject.toml says it under [tool.load]: {setting} = …"
    )


STRICT = {"mode": '"off"', "cooldown": "9", "no_install": "True", "offline": "True", "as_of": '"2026-01-01"'}
FREE = {"mode": '"auto"', "cooldown": "0", "no_install": "False", "offline": "False", "as_of": '""', "build": "True"}


@pytest.mark.parametrize(
    "setting",
    [
        "mode",
        "cooldown",
        "build",
        pytest.param("no_install"),
        pytest.param("offline"),
        pytest.param("as_of"),
    ],
)
def test_an_installed_library_may_not_free_what_its_user_restricts(world: World, setting: str) -> None:
    place = world.path / "site-packages" / "lib.py"
    world.write({"../site-packages/lib.py": LIBRARY})
    strict = f"load.configure({setting}={STRICT[setting]})" if setting in STRICT else ""
    code = f"""
        import sys
        sys.path.append({str(place.parent)!r})
        import lib, load
        {strict}
        before = load.settings()
        try:
            lib.change(timeout=1, {setting}={FREE[setting]})
        except load.ConfigError as error:
            print(type(error).__name__ + ":", error)
        print(load.settings() == before)
    """
    assert world.printed(code) == refusal(setting, "lib", place) + "\nTrue"


@pytest.mark.parametrize("setting", ["mode", "cooldown", "no_install", "offline", "as_of"])
def test_an_installed_library_may_restrict(world: World, setting: str) -> None:
    world.write({"../site-packages/lib.py": LIBRARY})
    code = f"""
        import sys
        sys.path.append({str(world.path / "site-packages")!r})
        import lib, load
        print(lib.change({setting}={STRICT[setting]}) == load.settings(), load.settings().{setting} == {STRICT[setting]})
    """
    assert world.printed(code, LOAD_COOLDOWN="") == "True True"


def test_a_library_in_a_layer_may_not_free_even_if_the_store_lies_in_the_project(world: World) -> None:
    world.wheel("lib", files={"lib.py": "import load\n\n\ndef change(**changes): return load.configure(**changes)\n"})
    world.write({"requirements.txt": "lib\n"})
    world.extra["LOAD_HOME"] = str(world.work / ".store")
    message = world.error("lib = load.lib\nload.configure(mode='off')\nlib.change(mode='auto')")
    site = next((world.work / ".store").glob("1/*/layers/*/**/lib.py"))
    assert message == refusal("mode", "lib", site)


@pytest.mark.parametrize("setting", ["mode", "cooldown", "build"])
@pytest.mark.parametrize("place", ["helper.py", "pack/helper.py", "deep/er/helper.py"])
def test_the_main_program_and_the_modules_beside_it_may_free(world: World, setting: str, place: str) -> None:
    world.write({place: LIBRARY, "pyproject.toml": '[tool.load]\nmode = "off"\ncooldown = 9\n'})
    code = f"""
        import load, sys
        sys.path.append({os.path.dirname(place)!r})
        import helper
        print(helper.change({setting}={FREE[setting]}).{setting} == {FREE[setting]})
        load.configure(mode="off")
        print(load.configure(mode="ask").mode)
    """
    assert world.printed(code, LOAD_COOLDOWN="") == "True\nask"


def test_a_module_that_lies_elsewhere_may_not_free(world: World) -> None:
    world.write({"../elsewhere/lib.py": LIBRARY})
    place = world.path / "elsewhere" / "lib.py"
    code = f"""
        import sys
        sys.path.append({str(place.parent)!r})
        import lib
        load.configure(mode="off")
        lib.change(mode="auto")
    """
    assert world.error(code) == refusal("mode", "lib", place)


def test_code_of_no_file_may_not_free_unless_it_is_the_main_program_s(world: World) -> None:
    code = """
        import load
        load.configure(mode="off")
        for name in ("somewhere", "__main__"):
            try:
                exec("import load\\nload.configure(mode='auto')", {"__name__": name})
            except load.ConfigError as error:
                print(str(error).splitlines()[0])
            print(load.settings().mode)
    """
    message = "only the main program may make 'mode' less strict, not the module 'somewhere' (<string>:2)"
    assert world.printed(code) == f"{message}\noff\nauto"


def test_a_program_run_as_a_module_or_from_the_command_line_is_the_main_program(world: World) -> None:
    world.write(
        {
            "prog/__init__.py": "",
            "prog/__main__.py": "import load\nload.configure(mode='off')\nprint(load.configure(mode='ask').mode)",
        }
    )
    code = """
        import subprocess, sys
        line = "import load; load.configure(mode='off'); print(load.configure(mode='ask').mode)"
        for arguments in (["-m", "prog"], ["-c", line]):
            subprocess.run([sys.executable, *arguments], check=True)
    """
    assert world.printed(code) == "ask\nask"


# --- the store's directory


@pytest.mark.parametrize(
    "home", [None, "", "/srv/cache", "/srv/cache/", "/srv/../cache", "relative/cache", "~/cache", " "]
)
def test_the_store_lies_where_platformdirs_puts_the_user_s_caches(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert store_home(Settings()) == platformdirs.user_cache_dir("load", appauthor=False)


def test_the_store_lies_where_platformdirs_puts_it_also_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert store_home(Settings()) == platformdirs.user_cache_dir("load", appauthor=False)


@pytest.mark.parametrize(
    ("home", "place"), [("/srv/store", "/srv/store"), ("~/store", "{home}/store"), ("store", "{cwd}/store")]
)
def test_the_setting_home_moves_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/the/test")
    assert store_home(Settings(home=home)) == place.format(home="/home/of/the/test", cwd=tmp_path)


# --- through the face


def test_the_face_tells_the_settings_in_force(world: World) -> None:
    world.write({"pyproject.toml": '[tool.load]\ninstaller = "pip"\n'})
    code = """
        import load
        before = load.settings()
        now = load.configure(timeout="5", mode="ask")
        print(now is not before, now == load.settings(), isinstance(now, load.Settings))
        print(before.mode, now.mode, now.timeout, now.installer, load.info()["mode"], load.info()["store"] == now.home)
        print(load.configure() == now)
    """
    assert world.printed(code) == "True True True\nauto ask 5.0 pip ask True\nTrue"


def test_reading_the_settings_costs_neither_toml_nor_platformdirs_where_nothing_is_said(world: World) -> None:
    world.write({"pyproject.toml": "[project]\nname = 'x'\nversion = '1'\n"})
    code = "import load, sys; load.settings(); print([n for n in ('tomllib', 'platformdirs', 'difflib') if n in sys.modules])"
    assert world.printed(code) == "[]"
    world.write({"pyproject.toml": "[tool.load]\ntimeout = 1\n"})
    assert world.printed(code) == "['tomllib']"
