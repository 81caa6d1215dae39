"""``load.json``, once loaded, costs what an attribute of a plain module with a hook costs: at most 1.2 × that.

Measured: ``timeit`` in a fresh process per repeat, in turns. The statement holds 20 reads, so that the loop around
them counts little. The floor is a plain module with the same attribute and a :pep:`562` ``__getattr__`` in its dict;
the peer is apipkg, whose ``__getattr__`` stands in the class.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Contender, Context, Row, interleaved, ratio

READS = 20
SUBJECTS = {
    "ours": "import load as module",
    "a PEP 562 hook": """
import json, types
module = types.ModuleType("module")
module.json = json
def hook(name):
    raise AttributeError(name)
module.__getattr__ = hook
""",
    "apipkg": """
import apipkg, sys, types
sys.modules["bench_module"] = types.ModuleType("bench_module")
apipkg.initpkg("bench_module", {"json": "json"})
module = sys.modules["bench_module"]
""",
}
_TIME = """
import timeit
module.json.dumps  # a first read loads it
timer = timeit.Timer({statement!r}, globals=globals())
print(min(timer.repeat(repeat=15, number={number})) / {number} / {reads})
"""


def measure(context: Context) -> list[Row]:
    """Seconds a read, ours beside the floor and beside apipkg."""
    python = context.peers() / "bin" / "python"
    number = context.repeats(20_000, 5_000)
    statement = "; ".join(["module.json"] * READS)
    time = _TIME.format(statement=statement, number=number, reads=READS)

    def once(setup: str) -> float:
        return float(context.said(python, "-I", "-c", setup + time))

    contenders = [Contender(name, partial(once, setup)) for name, setup in SUBJECTS.items()]
    found = interleaved(contenders, context.repeats(20, 3))
    work = "load.json, when it is loaded"
    return [
        Row(2, work, found["ours"], "a PEP 562 hook", found["a PEP 562 hook"], ratio(1.2)),
        Row(2, work, found["ours"], "apipkg", found["apipkg"]),
    ]
