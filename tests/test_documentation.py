"""Every Python block in README and docs runs as it stands, on the configured index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n\n".join(blocks(page)), encoding="utf-8")
    environ = {**os.environ, "LOAD_HOME": str(tmp_path / "store"), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.network
@pytest.mark.slow
def test_the_first_example_of_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    environ = {**os.environ, "LOAD_HOME": str(tmp_path / "store")}
    first = [sys.executable, "-c", blocks(ROOT / "README.md")[0]]
    runs = [
        subprocess.run(first, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert [run.stdout for run in runs] == ["{'answer': 42}\n"] * 2
    assert [run.stderr.count("load: installed pyyaml") for run in runs] == [1, 0]


@pytest.mark.network
@pytest.mark.slow
def test_the_demo_does_its_job_and_installs_nothing_the_second_time(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/demo.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("Second run")
    assert done.stderr.count("load: installed ") == 3
    for run in (first, second):
        assert "21 years, +44.5 ppm in all, +2.20 ppm a year" in run
        assert "refused: 'numрy' is not here" in run
    assert (tmp_path / "demo-output/co2.png").read_bytes().startswith(b"\x89PNG")


def test_the_documents_name_no_registry_and_no_path_of_a_machine() -> None:
    places = [*PAGES, ROOT / "CHANGELOG.md", *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.tsv")]
    found = [
        f"{place.name}: {match}"
        for place in places
        for match in re.findall(r"pypi\.org|pythonhosted|/work/|/root/", place.read_text(encoding="utf-8"))
    ]
    assert found == []
