"""What a project declares: every place that can say it, which of them counts, and what is not even read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conftest import World
from load import _project
from load._errors import ConfigError
from load._install.declared import (
    Declaration,
    Declared,
    pyproject_requirements,
    requirement_name,
    requirements_lines,
    script_block,
)

SCRIPT = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "tiny-dist>=3",
# ]
# ///
"""


class Place:
    """The directory of a project, and what is declared in it now."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.declared = Declared()
        self._written = 0

    def write(self, name: str, text: str) -> str:
        file = self.directory / name
        file.write_text(text, encoding="utf-8")
        self._written += 1
        os.utime(file, ns=(self._written, self._written))
        return str(file)

    def requirement(self, distribution: str) -> str | None:
        found = self.declared.distribution(distribution)
        return None if found is None else found.requirement


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    assert _project.find() == (str(tmp_path), None, None, None, None), "pytest is no script of a user"
    return Place(tmp_path)


def project(*dependencies: str) -> str:
    listed = ", ".join(repr(each) for each in dependencies)
    return f"[project]\nname = 'x'\nversion = '1'\ndependencies = [{listed}]\n"


# --- pyproject.toml


def test_dependencies_optional_dependencies_and_groups_are_declarations(place: Place) -> None:
    file = place.write(
        "pyproject.toml",
        project("numpy>=1.26")
        + "[project.optional-dependencies]\nplot = ['matplotlib~=3.8']\n"
        + "[dependency-groups]\ntest = ['pytest>=8', {include-group = 'lint'}]\nlint = ['ruff==0.5']\n",
    )
    for requirement in ("numpy>=1.26", "matplotlib~=3.8", "pytest>=8", "ruff==0.5"):
        name = requirement_name(requirement)
        assert place.declared.distribution(name) == Declaration(requirement, file)
    assert place.requirement("lint") is None and place.requirement("include-group") is None


def test_a_distribution_is_found_in_any_spelling(place: Place) -> None:
    place.write("pyproject.toml", project("Ruamel.YAML_clib[x]>=1"))
    for spelling in ("ruamel-yaml-clib", "ruamel.yaml.clib", "RUAMEL_yaml__CLIB"):
        assert place.requirement(spelling) == "Ruamel.YAML_clib[x]>=1"
    assert place.requirement("ruamel-yaml") is None and place.requirement("yaml-clib") is None


def test_a_dependency_is_read_in_the_order_dependencies_optional_groups(place: Place) -> None:
    optional = "[project.optional-dependencies]\na = ['tiny>=2']\n"
    groups = "[dependency-groups]\nb = ['tiny>=3']\n"
    for text, expected in (
        (project("tiny>=1") + optional + groups, "tiny>=1"),
        (project() + optional + groups, "tiny>=2"),
        (project() + groups, "tiny>=3"),
    ):
        place.write("pyproject.toml", text)
        assert place.requirement("tiny") == expected


@pytest.mark.parametrize(
    "table",
    [{}, {"project": {}}, {"dependency-groups": {"a": []}}, {"dependency-groups": {"a": [{"include-group": "b"}]}}],
)
def test_a_table_without_dependencies_declares_nothing(table: dict[str, object]) -> None:
    assert list(pyproject_requirements(table)) == []


def test_a_mention_that_is_no_declaration_declares_nothing(place: Place) -> None:
    place.write("pyproject.toml", project("other") + "# tiny>=1 would be nice\n[tool.tiny]\nx = 'tiny>=2'\n")
    assert place.requirement("tiny") is None
    assert place.requirement("other") == "other"


def test_a_malformed_pyproject_is_named_with_the_line(place: Place) -> None:
    file = place.write("pyproject.toml", "[project]\nname = 'tiny'\nversion = \n")
    with pytest.raises(ConfigError) as caught:
        place.declared.distribution("tiny")
    assert str(caught.value) == f"{file} is not valid TOML: Invalid value (at line 3, column 11)"


def test_a_malformed_pyproject_is_not_read_for_a_name_that_it_does_not_mention(place: Place) -> None:
    place.write("pyproject.toml", "[project]\nname = 'tiny'\nversion = \n")
    assert place.requirement("other") is None


# --- [tool.load.names]


def test_a_module_has_the_requirement_that_tool_load_names_gives_it(place: Place) -> None:
    names = "[tool.load.names]\ncv2 = 'opencv-python-headless>=4'\n'google.cloud' = 'google-cloud-core'\ngoogle = 'googled'\n"
    file = place.write("pyproject.toml", names)
    assert place.declared.module("cv2") == Declaration("opencv-python-headless>=4", file)
    assert place.declared.module("cv2.dnn.layers") == Declaration("opencv-python-headless>=4", file)
    assert place.declared.module("google.cloud.storage") == Declaration("google-cloud-core", file)
    assert place.declared.module("google.api") == Declaration("googled", file)
    assert place.declared.module("cv") is None and place.declared.module("cv22") is None
    assert place.declared.distribution("opencv-python-headless") is None, (
        "it says nothing of what the project depends on"
    )


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("3", "3"),
        ("''", "''"),
        ("'>=1'", "'>=1'"),
        ("['a']", "['a']"),
        pytest.param("'a b'", "'a b'"),
        pytest.param("'-r a.txt'", "'-r a.txt'"),
    ],
)
def test_a_name_that_names_no_requirement_is_a_config_error(place: Place, value: str, seen: str) -> None:
    file = place.write("pyproject.toml", f"[tool.load.names]\ncv2 = {value}\n")
    with pytest.raises(ConfigError) as caught:
        place.declared.module("cv2")
    assert str(caught.value) == f"[tool.load.names] in {file}: 'cv2' must name a requirement, not {seen}"


@pytest.mark.parametrize("text", ["[tool.load]\nnames = {cv2 = 'headless'}", "[tool]\nload.names.cv2 = 'headless'"])
def test_the_names_count_however_they_are_written(place: Place, text: str) -> None:
    place.write("pyproject.toml", text)
    found = place.declared.module("cv2")
    assert found is not None and found.requirement == "headless"


# --- requirements.txt


def test_requirements_are_the_lines_that_name_a_distribution(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# a comment\n"
        "\n"
        "numpy>=1.26  # why\n"
        "  pandas[excel]~=2.0\n"
        "-r other.txt\n"
        "-e ./local\n"
        "--index-url https://host/simple\n"
        "thing @ https://host/thing-1.0-py3-none-any.whl\n"
        "git+https://host/repo\n"
        "requests==2.31 \\\n"
        "    --hash=sha256:00 \\\n"
        "    --hash=sha256:11\n"
        'tomli; python_version < "3.11"\n'
        "name#fragment\n"
    )
    assert list(requirements_lines(str(file))) == [
        "numpy>=1.26",
        "pandas[excel]~=2.0",
        "requests==2.31",
        'tomli; python_version < "3.11"',
        "name#fragment",
    ]


@pytest.mark.parametrize("line", ["tiny>=1\t# why", "\ufefftiny>=1", "tiny>=1 --config-settings x=y"], ids=ascii)
def test_a_line_is_read_as_pip_reads_it(place: Place, line: str) -> None:
    place.write("requirements.txt", f"{line}\n")
    assert place.requirement("tiny") == "tiny>=1"


def test_a_requirements_file_that_is_no_text_is_read_as_far_as_it_goes(place: Place) -> None:
    (place.directory / "requirements.txt").write_bytes(b"caf\xe9\ntiny>=1\n")
    assert place.requirement("tiny") == "tiny>=1"


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("numpy", "numpy"),
        ("  Foo_Bar.baz >= 1", "foo-bar-baz"),
        ("a[b,c]>=1", "a"),
        ("a(>=1)", "a"),
        ("a@x", "a"),
        ("a~=1", "a"),
        ("a!=1", "a"),
        ("a; x", "a"),
        ("a, b", "a"),
        (">=1", ""),
        ("", ""),
        pytest.param("-r x", ""),
        pytest.param("-tiny>=1", ""),
        ("./a", ""),
        ("é", ""),
    ],
)
def test_the_name_of_a_requirement_is_what_stands_before_everything_else(requirement: str, name: str) -> None:
    assert requirement_name(requirement) == name


# --- PEP 723


def test_the_script_block_is_read(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(f"#!/usr/bin/env python\n{SCRIPT}print()\n")
    assert script_block(str(file)) == {"requires-python": ">=3.11", "dependencies": ["tiny-dist>=3"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print('# /// script')\n",
        "# /// pyproject\n# dependencies = ['tiny']\n# ///\n",
        "  # /// script\n  # dependencies = ['tiny']\n  # ///\n",
        "#/// script\n# dependencies = ['tiny']\n# ///\n",
        "# /// script\n# ///\n",
    ],
)
def test_what_is_no_script_block_declares_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "script.py"
    file.write_text(text)
    assert script_block(str(file)) == {}


def test_a_block_that_is_not_closed_is_no_block(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("# /// script\n# dependencies = ['tiny']\n\nprint()\n")
    assert script_block(str(file)) == {}


def test_an_empty_line_of_the_block_needs_no_space(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("# /// script\n#\n# dependencies = []\n#\n# ///\n")
    assert script_block(str(file)) == {"dependencies": []}


def test_a_malformed_block_is_named_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("import x\n\n# /// script\n# dependencies = [\n# ///\n")
    with pytest.raises(ConfigError) as caught:
        script_block(str(file))
    beginning = f"{file}:3: the '# /// script' block is not valid TOML: "
    assert str(caught.value).startswith(beginning) and len(str(caught.value)) > len(beginning)


def test_a_second_block_is_named_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT + "\n" + SCRIPT)
    with pytest.raises(ConfigError) as caught:
        script_block(str(file))
    assert str(caught.value) == f"{file}:8: a second '# /// script' block; PEP 723 allows one"


@pytest.mark.parametrize("dependencies", ["'tiny'", "3", "[3]", "{tiny = '>=1'}"])
def test_dependencies_that_are_no_list_of_texts_are_a_config_error(world: World, dependencies: str) -> None:
    code = f"# /// script\n# dependencies = {dependencies}  # tiny\n# ///\nimport load\ntry:\n    print(load.which('tiny'))\n"
    code += "except load.ConfigError as error:\n    print(error)\n"
    assert world.printed(code).startswith(f"{world.work}/main.py:1: ")


# --- which one counts


def which(world: World, name: str, script: str = "") -> str:
    """The requirement for a module, as a fresh program with that script block sees it."""
    return world.printed(f"{script}import load; need = load.which({name!r}); print(need.requirement, need.because)")


def test_the_script_counts_before_pyproject_before_requirements(world: World) -> None:
    world.write({"requirements.txt": "tiny-dist>=1\n"})
    assert which(world, "tiny_dist") == "tiny-dist>=1 declared"
    world.write({"pyproject.toml": project("tiny-dist>=2")})
    assert which(world, "tiny_dist") == "tiny-dist>=2 declared"
    assert which(world, "tiny_dist", SCRIPT) == "tiny-dist>=3 declared"


def test_tool_load_names_counts_before_all_of_them(world: World) -> None:
    world.write({"requirements.txt": "tiny-dist>=1\n"})
    world.write({"pyproject.toml": project("tiny-dist>=2") + "[tool.load.names]\ntiny_dist = 'other>=4'\n"})
    assert which(world, "tiny_dist", SCRIPT) == "other>=4 declared"
    assert which(world, "tiny_dist.sub", SCRIPT) == "other>=4 declared"


def test_what_is_declared_nowhere_is_not_declared(world: World) -> None:
    world.write({"requirements.txt": "tiny-dist>=1\n"})
    assert which(world, "tiny") == "tiny same name"


def test_a_curated_name_takes_the_version_that_the_project_declares(world: World) -> None:
    world.write({"requirements.txt": "PyYAML>=6,<7\n"})
    assert which(world, "yaml") in ("PyYAML>=6,<7 declared",)
    world.write({"requirements.txt": "opencv-python-headless\n"})
    assert which(world, "cv2") == "opencv-python-headless declared"


def test_a_requirement_whose_marker_is_false_here_is_not_the_one_that_counts(world: World) -> None:
    world.wheel("tiny", "1.0")
    world.wheel("tiny", "2.0")
    world.write({"requirements.txt": 'tiny<2; python_version < "3"\ntiny>=2; python_version >= "3"\n'})
    assert world.printed("import load; print(load.tiny.VERSION)") == "2.0"


def test_a_requirement_whose_marker_is_false_here_is_no_declaration(world: World) -> None:
    world.write({"requirements.txt": 'tiny<2; python_version < "3"\n'})
    assert which(world, "tiny") == "tiny same name"


def test_a_requirement_whose_marker_is_true_here_is_a_declaration(world: World) -> None:
    world.write({"requirements.txt": 'tiny<2; python_version >= "3"\n'})
    assert which(world, "tiny").startswith("tiny<2") and which(world, "tiny").endswith(" declared")


def test_the_files_of_the_script_s_project_count_and_not_those_of_the_working_directory(world: World) -> None:
    world.write({"here/requirements.txt": "tiny-dist>=1\n", "there/requirements.txt": "tiny-dist>=2\n"})
    world.write({"there/script.py": "import load; print(load.which('tiny_dist').requirement)"})
    code = "import subprocess, sys; subprocess.run([sys.executable, '../there/script.py'], check=True, cwd='here')"
    assert world.printed(code) == "tiny-dist>=2"


# --- changes are seen


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_change_of_a_file_is_seen_and_so_is_its_absence(place: Place, name: str) -> None:
    def text(requirement: str) -> str:
        return project(requirement) if name.endswith("toml") else requirement + "\n"

    assert place.requirement("tiny") is None
    for requirement in ("tiny>=1", "tiny>=2"):
        place.write(name, text(requirement))
        assert place.requirement("tiny") == requirement
    place.write(name, text("other"))
    assert place.requirement("tiny") is None
    place.write(name, text("tiny>=3"))
    assert place.requirement("tiny") == "tiny>=3"
    (place.directory / name).unlink()
    assert place.requirement("tiny") is None


def test_a_change_is_seen_by_a_program_that_runs(world: World) -> None:
    code = """
        import load, os, pathlib
        for version in (1, 2):
            pathlib.Path("requirements.txt").write_text(f"tiny-dist>={version}")
            os.utime("requirements.txt", ns=(version, version))
            print(load.which("tiny_dist").requirement)
    """
    assert world.printed(code) == "tiny-dist>=1\ntiny-dist>=2"


# --- what is not read


@pytest.mark.parametrize(("parts", "parsed"), [("other dist", False), ("tiny dist", True)])
def test_nothing_is_parsed_for_a_name_that_is_not_mentioned(world: World, parts: str, parsed: bool) -> None:
    world.write({"pyproject.toml": project("tiny-dist"), "requirements.txt": "another\n"})
    code = f"""
        import sys
        from load._install.declared import Declared
        name = "_".join({parts.split()})  # the program is one of the files
        declared = Declared()
        found = declared.module(name) or declared.distribution(name)
        print(found is not None, "tomllib" in sys.modules)
    """
    assert world.printed(code) == f"{parsed} {parsed}"


def test_the_code_of_the_program_mentions_nothing(world: World) -> None:
    world.write({"pyproject.toml": project("tiny-dist")})
    code = "import load, sys; print(load.which('other_dist').because, 'tomllib' in sys.modules)"
    assert world.printed(code) == "same name False"


def test_a_module_that_is_here_costs_no_look_at_the_declarations(world: World) -> None:
    world.write({"pyproject.toml": project("here"), "here.py": "VALUE = 7"})
    code = "import load, sys; print(load.here.VALUE, [n for n in ('tomllib', 'packaging') if n in sys.modules])"
    assert world.printed(code) == "7 []"


def test_a_file_is_read_once_for_many_names_and_again_only_when_it_has_changed(place: Place) -> None:
    file = place.write("requirements.txt", "tiny>=1\nother>=2\n")
    opened: list[object] = []
    watching = [True]

    def watch(event: str, args: tuple[object, ...]) -> None:
        if watching and event == "open" and args[0] == file:
            opened.append(args[0])

    sys.addaudithook(watch)  # a hook cannot be removed: it is switched off below
    try:
        names = ("tiny", "other", "tiny", "nothing")
        assert [place.requirement(name) for name in names] == ["tiny>=1", "other>=2", "tiny>=1", None]
        first = len(opened)
        [place.requirement(name) for name in names]
        assert len(opened) == first <= 2, "once for the text, once for the tables"
        place.write("requirements.txt", "tiny>=3\n")
        opened.clear()
        assert place.requirement("tiny") == "tiny>=3" and opened
    finally:
        watching.clear()
