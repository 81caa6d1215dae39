"""``import load`` costs next to nothing: at most 1 ms more than ``import lazy_loader``.

Measured: the wall time of ``python -I -c "import X"``, minimum of many processes in turns, one environment for all
X. An empty module is the floor: what starting and ending the interpreter takes.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Contender, Context, Goal, Row, interleaved, over

EMPTY = "bench_empty"
MODULES = ("load", EMPTY, "lazy_loader", "etils.epy", "apipkg", "lazyregistry")
GOALS: dict[str, Goal] = {"lazy_loader": over(0.001)}


def measure(context: Context) -> list[Row]:
    """Ours beside the floor and each peer; only lazy_loader, the lightest of them, sets a goal."""
    environment = context.peers()
    python = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    (site / f"{EMPTY}.py").touch()
    contenders = [Contender(name, partial(context.seconds, python, "-I", "-c", f"import {name}")) for name in MODULES]
    found = interleaved(contenders, context.repeats(100, 10), warm_up=1)
    return [
        Row(1, "import load, whole process", found["load"], f"import {name}", found[name], GOALS.get(name))
        for name in MODULES[1:]
    ]
