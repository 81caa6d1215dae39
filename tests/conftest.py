"""A sandbox for every test: an index on loopback, a store, a home and a working directory of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.environment import clean_environment
from support.index import Index
from support.wheels import build_wheel


@dataclass
class World:
    """A small world: whatever runs in it sees this index, this store and this home, and nothing of the machine."""

    path: Path
    index: Index
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The store's directory (``LOAD_HOME``)."""
        return self.path / "store"

    @property
    def work(self) -> Path:
        """The working directory."""
        return self.path / "work"

    def wheel(self, name: str, version: str = "1.0", **options: object) -> Path:
        """Build a wheel that the index serves."""
        return build_wheel(self.path / "index", name, version, **options)  # type: ignore[arg-type]

    def environ(self, **changes: str) -> dict[str, str]:
        """The environment of a process in this world."""
        ours = {"PIP_INDEX_URL": self.index.url, "LOAD_HOME": str(self.home), "LOAD_COOLDOWN": "0"}
        return clean_environment(HOME=str(self.path / "user"), **{**ours, **self.extra, **changes})

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the working directory."""
        for name, text in files.items():
            file = self.work / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")

    def run(
        self, code: str, *arguments: str, python: str = sys.executable, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run code in a fresh interpreter as a script ``main.py``; what it printed and how it ended."""
        self.write({"main.py": code})
        return subprocess.run(
            [python, *arguments, "main.py"],
            cwd=self.work,
            env=self.environ(**changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def printed(self, code: str, *arguments: str, python: str = sys.executable, **changes: str) -> str:
        """What the code prints on standard output; the test fails if the code does."""
        done = self.run(code, *arguments, python=python, **changes)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def error(self, code: str, python: str = sys.executable, **changes: str) -> str:
        """The message of the error that ends the code, without the traceback."""
        guarded = "import sys, load\ntry:\n" + textwrap.indent(textwrap.dedent(code), "    ")
        guarded += "\nexcept Exception as error:\n    print(type(error).__name__ + ': ' + str(error))\n"
        return self.printed(guarded, python=python, **changes)

    def layers(self) -> list[Path]:
        """The layers of the store."""
        return sorted(self.home.glob("1/*/layers/*"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with an empty index."""
    for name in ("index", "work", "user"):
        (tmp_path / name).mkdir()
    with Index(tmp_path / "index") as index:
        yield World(tmp_path, index)


@pytest.fixture(params=["uv", "pip"])
def either(request: pytest.FixtureRequest, world: World) -> World:
    """The same world twice: installing with uv, and with pip."""
    world.extra["LOAD_INSTALLER"] = request.param
    return world
