"""The names table keeps its promises, and the script that asks real wheels tells true rows from wrong."""

from __future__ import annotations

import functools
import importlib.util
import keyword
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "src" / "load" / "_install" / "names.tsv"
SCRIPT = ROOT / "tools" / "verify_names.py"


class Row(NamedTuple):
    kind: str
    name: str
    value: str
    note: str

    @property
    def values(self) -> list[str]:
        """The distributions of a ``curated`` or ``wrong`` row."""
        return self.value.split(",")

    @property
    def module(self) -> str:
        """The module an ``agree`` row is about."""
        return self.value or self.name.replace("-", "_")


@functools.cache
def lines() -> list[str]:
    return TABLE.read_bytes().decode("utf-8").split("\n")


@functools.cache
def rows() -> list[Row]:
    return [Row(*line.split("\t")) for line in lines() if line and not line.startswith("#")]


@functools.cache
def of(kind: str) -> dict[str, Row]:
    return {row.name: row for row in rows() if row.kind == kind}


@functools.cache
def trusted() -> dict[str, str]:
    """Module to first distribution, for every row that may install without a question."""
    agreed = {row.module: row.name for row in of("agree").values()}
    return agreed | {row.name: row.values[0] for row in of("curated").values()}


def fold(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def is_module(name: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


def distribution_of(module: str) -> str | None:
    """What the longest prefix that the table knows says; None for a bare namespace root or a stranger."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        prefix, rest = ".".join(parts[:end]), parts[end:]
        if prefix in trusted():
            return trusted()[prefix]
        if prefix in of("namespace"):
            return fold("-".join([of("namespace")[prefix].value, *rest])) if rest else None
    return None


def test_the_file_is_utf8_with_unix_line_ends_and_a_last_one() -> None:
    content = TABLE.read_bytes()
    assert b"\r" not in content
    assert content.decode("utf-8").endswith("\n")


def test_comments_stand_at_the_top_and_no_line_is_empty() -> None:
    is_comment = [line.startswith("#") for line in lines()[:-1]]
    assert is_comment == sorted(is_comment, reverse=True)
    assert all(lines()[:-1])


def test_every_row_has_four_columns() -> None:
    assert [line for line in lines()[:-1] if not line.startswith("#") and line.count("\t") != 3] == []


def test_no_field_has_space_around_it_and_every_row_has_a_name() -> None:
    assert [row for row in rows() if any(field != field.strip() for field in row) or not row.name] == []


def test_the_comments_define_the_kinds_that_the_rows_have() -> None:
    defined = [match[1] for line in lines() if (match := re.match(r"# ([a-z]+) {2,}\S", line))]
    assert defined == sorted({row.kind for row in rows()})


def test_rows_are_sorted_bytewise_and_no_kind_has_a_name_twice() -> None:
    keys = [(row.kind.encode(), row.name.encode()) for row in rows()]
    assert keys == sorted(set(keys))


def test_what_is_said_to_be_a_module_can_be_one() -> None:
    kinds = ("alias", "curated", "elsewhere", "generic", "namespace", "platform", "removed")
    names = [name for kind in kinds for name in of(kind)]
    names += [row.value for row in of("alias").values()] + list(trusted())
    names += [child for row in of("namespace").values() for child in row.note.split()]
    assert [name for name in names if not is_module(name)] == []


def test_what_is_said_to_be_a_distribution_is_in_normal_form_and_listed_once() -> None:
    names = [*of("agree"), *of("wrong"), *(row.value for row in of("namespace").values())]
    lists = [row.values for kind in ("curated", "wrong") for row in of(kind).values()]
    assert [listed for listed in lists if len(set(listed)) != len(listed)] == []
    names += [name for listed in lists for name in listed]
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_the_table_is_large_enough_that_ordinary_packages_never_ask() -> None:
    assert len(of("curated")) >= 350
    assert len([row for row in of("agree").values() if "." not in row.module]) >= 600


def test_a_curated_module_does_not_fold_to_its_first_distribution() -> None:
    assert [row for row in of("curated").values() if fold(row.name) == row.values[0]] == []


def test_an_agreeing_module_folds_to_its_distribution_and_is_spelt_out_only_where_needed() -> None:
    assert {row.module for row in of("agree").values()} & of("curated").keys() == set()
    assert [row for row in of("agree").values() if fold(row.module) != row.name] == []
    assert [row for row in of("agree").values() if row.value == row.name.replace("-", "_")] == []


def test_nothing_that_installs_is_a_standard_library_module() -> None:
    names = sys.stdlib_module_names | of("removed").keys()
    assert [module for module in trusted() if module.split(".")[0] in names] == []


def test_nothing_that_installs_is_a_generic_word() -> None:
    assert [module for module in trusted() if fold(module) in {fold(word) for word in of("generic")}] == []
    assert of("agree").keys() & {fold(word) for word in of("generic")} == set()


def test_nothing_that_installs_is_a_wrong_or_a_hostile_project() -> None:
    installed = {*of("agree"), *(value for row in of("curated").values() for value in row.values)}
    assert installed & of("wrong").keys() == set()
    # Unmaintained with known holes, and the look-alikes that stole keys (dateutil/dateutil#984).
    assert installed & {"pycrypto", "mysql-python", "python3-dateutil", "jeilyfish"} == set()


def test_the_note_of_a_metapackage_names_another_distribution() -> None:
    notes = {row.name: row.note for row in of("agree").values() if row.note}
    assert notes["pyside6"] == "code in pyside6-essentials"
    for name, note in notes.items():
        assert re.fullmatch(r"code in [a-z0-9-]+", note)
        assert note != f"code in {name}"


def test_a_bounded_row_bounds_its_own_first_distribution() -> None:
    bounded = [row for row in of("curated").values() if row.note.startswith("needs ")]
    assert "pkg_resources" in [row.name for row in bounded]
    assert [row for row in bounded if not re.match(rf"needs {row.values[0]}[<>=!~]\S+: .", row.note)] == []


def test_the_providers_of_cv2_are_ranked() -> None:
    expected = "opencv-python,opencv-python-headless,opencv-contrib-python,opencv-contrib-python-headless"
    assert of("curated")["cv2"].value == expected


def test_an_alias_is_no_module_of_its_own() -> None:
    assert of("alias").keys() & (sys.stdlib_module_names | trusted().keys() | of("generic").keys()) == set()


def test_an_alias_points_to_a_module_that_is_trusted_or_of_the_standard_library() -> None:
    for row in of("alias").values():
        assert distribution_of(row.value) or importlib.util.find_spec(row.value), row


def test_a_wrong_name_leads_to_other_distributions_which_are_trusted() -> None:
    known = {*of("agree"), *(value for row in of("curated").values() for value in row.values)}
    for row in of("wrong").values():
        assert row.name not in row.values
        assert known.issuperset(row.values), row


def test_a_wrong_name_leads_where_its_module_does() -> None:
    modules = {fold(row.name): row.values[0] for row in of("curated").values()}
    both = modules.keys() & of("wrong").keys()
    assert {"bs4", "dotenv", "jwt", "sklearn", "fitz", "docx", "attr", "zmq"} <= both
    assert {name: of("wrong")[name].values[0] for name in both} == {name: modules[name] for name in both}


def test_legitimate_alternates_are_not_called_wrong() -> None:
    assert of("wrong").keys() & {"psycopg2", "ansible", "vertexai", "editor", "box2d"} == set()


def test_a_generic_word_has_nothing_to_say_and_is_not_a_standard_library_module() -> None:
    assert [row for row in of("generic").values() if row.value or row.note] == []
    assert of("generic").keys() & sys.stdlib_module_names == set()
    assert {"utils", "config", "models", "src", "test", "tests", "app"} <= of("generic").keys()


def test_a_removed_module_is_gone_from_the_version_it_says_and_was_there_before() -> None:
    for row in of("removed").values():
        major, minor = map(int, row.value.split("."))
        assert (row.name in sys.stdlib_module_names) == (sys.version_info < (major, minor)), row


def test_a_platform_module_is_of_the_standard_library_and_has_a_way_out() -> None:
    for row in of("platform").values():
        assert row.name.split(".")[0] in sys.stdlib_module_names
        assert row.value


def test_a_module_from_elsewhere_has_a_source_and_no_distribution() -> None:
    others = sys.stdlib_module_names | trusted().keys() | of("generic").keys() | of("alias").keys()
    assert [row for row in of("elsewhere").values() if not row.value or row.name in others] == []


def test_a_namespace_root_is_no_module_of_one_distribution() -> None:
    assert of("namespace").keys() & (trusted().keys() | of("elsewhere").keys()) == set()


def test_a_namespace_prefix_is_its_root_folded_but_for_two() -> None:
    unlike = {row.name: row.value for row in of("namespace").values() if row.value != fold(row.name)}
    assert unlike == {"airflow.providers": "apache-airflow-providers", "odoo.addons": "odoo-addon"}


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("google.cloud.storage", "google-cloud-storage"),
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google.cloud.secretmanager", "google-cloud-secret-manager"),
        ("google.cloud.sql.connector", "cloud-sql-python-connector"),
        ("google.cloud.newthing", "google-cloud-newthing"),
        ("azure.storage.blob.aio", "azure-storage-blob"),
        ("airflow.providers.amazon.aws.hooks.s3", "apache-airflow-providers-amazon"),
        ("airflow.models", "apache-airflow"),
        ("airflow.providers.newthing", "apache-airflow-providers-newthing"),
        ("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "opentelemetry-exporter-otlp-proto-grpc"),
        ("opentelemetry.instrumentation.new_thing", "opentelemetry-instrumentation-new-thing"),
        ("PyQt5.QtWebEngineWidgets", "pyqtwebengine"),
    ],
)
def test_the_longest_prefix_decides(module: str, distribution: str) -> None:
    assert distribution_of(module) == distribution


@pytest.mark.parametrize("root", ["google", "google.cloud", "azure", "opentelemetry", "snowflake"])
def test_a_bare_root_names_no_distribution_but_children_that_do(root: str) -> None:
    assert distribution_of(root) is None
    children = of("namespace")[root].note.split()
    assert children
    assert [child for child in children if not distribution_of(f"{root}.{child}")] == []


# The script that asks real wheels


FACTS = """\
# a comment
agree\tmeta\t\tcode in meta-core
curated\ta.b.c\tspaced\t
curated\tabsent\tnowhere\t
curated\tfar\tpathed\t
curated\thidden\tdeclared\t
curated\told\timpostor\tneeds impostor<1: 1 dropped it
curated\treal\timpostor\t
curated\tshown\tdeclared\t
curated\tyaml\tpyyaml,impostor\t
generic\tutils\t\t
"""


def make_wheel(directory: Path, name: str, *files: str, metadata: str = "") -> None:
    info = f"{name}-1.0.dist-info"
    content = dict.fromkeys(files, "import evil\nsub\\lib\n") | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("names")
    (directory / "names.tsv").write_text(FACTS, encoding="utf-8")
    make_wheel(directory, "pyyaml", "yaml/__init__.py", "_yaml/__init__.py")
    make_wheel(directory, "impostor", "docs/real.txt", "impostor-1.0.data/scripts/real.py", "other.py")
    make_wheel(directory, "declared", "shown.py", "hidden.py", metadata="Import-Name: shown\n")
    make_wheel(directory, "spaced", "a/b/c.py", metadata="Import-Name: a.b\nImport-Namespace: a\n")
    make_wheel(directory, "pathed", "pathed.pth", "sub/lib/far.py")
    make_wheel(directory, "meta")
    make_wheel(directory, "meta_core", "meta/_vendor/x-1.dist-info/RECORD", "meta/__init__.py")
    return directory


def verify(place: Path, *names: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place)}
    command = [sys.executable, str(SCRIPT), "--table", str(place / "names.tsv"), *names]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_true_rows_are_ok_whether_asked_by_module_or_by_distribution(place: Path) -> None:
    done = verify(place, "yaml", "PyYAML", "shown", "a.b.c", "far", "meta")
    assert done.stdout.splitlines() == [
        "ok        yaml  <- pyyaml 1.0 (provides yaml, _yaml)",
        "ok        shown  <- declared 1.0 (provides hidden, shown)",
        "ok        a.b.c  <- spaced 1.0 (provides a)",
        "ok        far  <- pathed 1.0 (provides far, sub)",
        "ok        meta  <- meta-core 1.0, for meta (provides meta)",
    ]
    assert done.returncode == 0


def test_a_wheel_without_the_module_is_wrong_and_no_wheel_proves_nothing(place: Path) -> None:
    done = verify(place, "real", "hidden", "absent", "old", "utils", "yaml")
    assert done.stdout.splitlines() == [
        "unproved  utils  (no row of the table promises it)",
        "WRONG     real  <- impostor 1.0 (provides other)",
        "WRONG     hidden  <- declared 1.0 (declares only shown)",
        "unproved  absent  <- nowhere (pip got no wheel: No matching distribution found for nowhere)",
        "unproved  old  <- impostor<1 (pip got no wheel: No matching distribution found for impostor<1)",
        "ok        yaml  <- pyyaml 1.0 (provides yaml, _yaml)",
    ]
    assert done.returncode == 1


def test_more_than_twenty_names_are_refused_before_anything_is_asked(place: Path) -> None:
    done = verify(place, *["yaml"] * 21)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.splitlines()[-1] == (
        "verify_names: error: 21 names are more than 20: every one asks the index for a wheel, "
        "so this is for a handful of rows, never for the table"
    )
    assert verify(place, *["yaml"] * 20).returncode == 0
