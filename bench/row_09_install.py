"""From a missing package to a usable module: no slower than uv (1.05 ×), at least 4 × faster than pip.

Measured: wall time from a fresh interpreter to the imported module. Ours is one process, ``import load; load.X``, with
an empty store. The peers are two processes, ``uv pip install X`` (or pip's) into a fresh copy of the same environment
and then ``import X``: the least that anybody could do without `load`. All have the same packages to start with, none
has X, and each reads the user's index settings as it always does. The installers' caches are warm (pip keeps there only
what the headers of the index allow), and for numpy in a second turn empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench.harness import SUBJECTS, Contender, Context, Row, Subject, faster, interleaved, ratio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

UV, PIP = "uv pip install, import", "pip install, import"
COLD = next(each for each in SUBJECTS if each.word == "numpy")
Once = Callable[[Mapping[str, str]], float]


def measure(context: Context) -> list[Row]:
    """Two rows a subject: beside uv, and beside pip."""
    plain = context.plain()
    rows = []
    for subject in SUBJECTS:
        contenders = [Contender(name, partial(once, {})) for name, once in _contenders(context, plain, subject).items()]
        rows += _rows(subject, "warm", contenders, context.repeats(5, 1), warm_up=1)
    cold = [
        Contender(name, partial(_with_empty_caches, context, once))
        for name, once in _contenders(context, plain, COLD).items()
    ]
    return rows + _rows(COLD, "cold", cold, context.repeats(3, 1), warm_up=0)


def _rows(subject: Subject, caches: str, contenders: list[Contender], repeats: int, warm_up: int) -> list[Row]:
    found = interleaved(contenders, repeats, warm_up)
    work = f"load.{subject.word}, not installed, {caches} cache"
    return [
        Row(9, work, found["ours"], UV, found[UV], ratio(1.05)),
        Row(9, work, found["ours"], PIP, found[PIP], faster(4)),
    ]


def _contenders(context: Context, plain: Path, subject: Subject) -> dict[str, Once]:
    return {
        "ours": partial(_ours, context, plain, subject),
        UV: partial(_theirs, context, plain, subject, "uv"),
        PIP: partial(_theirs, context, plain, subject, "pip"),
    }


def _ours(context: Context, plain: Path, subject: Subject, caches: Mapping[str, str]) -> float:
    with context.fresh() as home:
        code = f"import load; load.{subject.word}"
        return context.seconds(plain / "bin" / "python", "-I", "-c", code, LOAD_HOME=home, **caches)


def _theirs(context: Context, plain: Path, subject: Subject, tool: str, caches: Mapping[str, str]) -> float:
    with context.copy(plain) as environment:
        python = environment / "bin" / "python"
        uv = (environment / "bin" / "uv", "pip", "install", "--python", python)
        command = uv if tool == "uv" else (python, "-m", "pip", "install")
        installing = context.seconds(*command, subject.distribution, **caches)
        return installing + context.seconds(python, "-I", "-c", f"import {subject.module}", **caches)


def _with_empty_caches(context: Context, once: Once) -> float:
    with context.fresh() as caches:
        return once({"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")})
