"""The memory of this process, and how every text of the wing writes bytes and seconds."""

from __future__ import annotations

import sys

from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
# Allocators take and return memory in steps of 0.1 to 0.25 MiB: below that a figure says nothing.
LEAST = MIB / 10


class Memory(Value):
    """What this process holds, in bytes; a field is None where the platform or its permissions do not tell.

    ``rss`` is resident memory, pages shared with other processes included; ``uss`` the part of it that no
    other process shares; ``peak`` the most that was ever resident; ``available`` what the machine could still
    give to anybody (the limit of a container is not in it).
    """

    rss: int | None
    uss: int | None
    peak: int | None
    available: int | None

    def __str__(self) -> str:
        words = {"resident": self.rss, "unique": self.uss, "peak": self.peak, "available": self.available}
        return ", ".join(f"{word} {_known(count)}" for word, count in words.items())


def memory() -> Memory:
    """Measure this process now, through psutil.

    Costs 0.3 ms in a bare process and 0.9 ms with pandas in it, because ``uss`` walks the map of the memory;
    14 ms more the first time, for importing psutil.
    """
    try:
        import psutil
    except ImportError:
        return Memory(rss=None, uss=None, peak=None, available=None)

    def told(question: Callable[[], int]) -> int | None:
        try:
            return int(question())
        except (psutil.Error, OSError, AttributeError):
            # Permission refused, no /proc, a figure that this platform does not have.
            return None

    return Memory(
        rss=told(lambda: psutil.Process().memory_info().rss),
        uss=told(lambda: psutil.Process().memory_full_info().uss),
        peak=told(_peak),
        available=told(lambda: psutil.virtual_memory().available),
    )


def human_bytes(count: float) -> str:
    """``28.3 MiB``, ``1.5 GiB``, ``< 0.1 MiB`` for too little to tell, a minus for what was given back."""
    if abs(count) < LEAST:
        return "< 0.1 MiB"
    mib = round(count / MIB, 1)
    return f"{mib / 1024:,.1f} GiB" if abs(mib) >= 1024 else f"{mib} MiB"


def added_bytes(count: float) -> str:
    """The same with a plus for what was taken: ``+28.3 MiB``."""
    return f"+{human_bytes(count)}" if count >= LEAST else human_bytes(count)


def human_seconds(seconds: float) -> str:
    """``< 1 ms``, ``84 ms``, ``1.25 s``, ``42.0 s``, ``2 min 5 s``: as many figures as repeat."""
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _known(count: int | None) -> str:
    return "unknown" if count is None else human_bytes(count)


def _peak() -> int:
    if sys.platform == "linux":
        peak = _high_water_mark()
    elif sys.platform == "win32":
        import psutil

        peak = psutil.Process().memory_info().peak_wset
    else:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak


def _high_water_mark() -> int:
    from pathlib import Path

    # Linux keeps `ru_maxrss` across execve: a small child of a large process would be told its parent's peak.
    for line in Path("/proc/self/status").read_bytes().splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")
