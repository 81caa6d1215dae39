"""Run the tests on every supported CPython of this machine: ``python tools/everywhere.py [pytest options]``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
ROOT = Path(__file__).resolve().parent.parent


def main(options: list[str]) -> int:
    """Test on each interpreter in turn; the exit status is 1 if any failed."""
    wanted = os.environ.get("LOAD_TEST_PYTHONS", " ".join(SUPPORTED)).split()
    failed = [version for version in wanted if not passes(version, options)]
    if failed:
        print(f"failed on CPython {', '.join(failed)}")
    return 1 if failed else 0


def passes(version: str, options: list[str]) -> bool:
    """Whether the tests pass on one version; a version that is not on this machine is skipped by name."""
    interpreter = find(version)
    if interpreter is None:
        print(f"skipped: there is no CPython {version} on this machine", flush=True)
        return True
    python = environment(version, interpreter)
    print(f"CPython {version}: {interpreter}", flush=True)
    return subprocess.run([python, "-m", "pytest", "-q", *options], cwd=ROOT, check=False).returncode == 0


def find(version: str) -> str | None:
    """An interpreter of that version that really runs, on the PATH or where pyenv keeps them."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    on_path = [
        Path(directory, f"python{version}") for directory in os.environ.get("PATH", "").split(os.pathsep) if directory
    ]
    candidates = [Path(sys.executable), *kept, *on_path]
    return next((str(each) for each in candidates if runs(each, version)), None)


def runs(interpreter: Path, version: str) -> bool:
    if not os.access(interpreter, os.X_OK):
        return False
    ask = "import sys, venv, ensurepip; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([interpreter, "-I", "-c", ask], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == f"cpython {version}"


def environment(version: str, interpreter: str) -> Path:
    """The virtual environment for a version, made again when what it is made from has changed."""
    directory = ROOT / ".venvs" / version
    python = directory / "bin" / "python"
    ready = directory / "ready"
    sources = [ROOT / "setup.cfg", ROOT / "pyproject.toml"]
    if ready.exists() and all(ready.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return python
    subprocess.run([interpreter, "-m", "venv", directory], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip", "setuptools"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--editable", f"{ROOT}[test]"], check=True)
    ready.touch()
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
