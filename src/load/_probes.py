"""Tools that look around: completers and inspectors ask for names that nobody wrote, and want no module."""

from __future__ import annotations

from load._journal import caller_frame

# They try names (IPython's `load?` asks for `getdoc`, rich for a canary), or evaluate what stands before a cursor.
_PROBERS = (
    "IPython.core.completer", "IPython.core.guarded_eval", "IPython.core.oinspect", "jedi.", "rich.pretty", "rlcompleter",
)  # fmt: skip
_NEAR = 3  # frames between the tool and the attribute


def is_probe() -> bool:
    """Whether the attribute of ``load`` that is being looked up was asked for by such a tool. Costs 1 µs, on a miss only."""
    frame = caller_frame()
    # The code of a cell has the shell two frames above; only what the shell asks for by itself is a look around.
    if frame is not None and frame.f_globals.get("__name__") == "IPython.core.interactiveshell":
        return True
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_globals.get("__name__", "").startswith(_PROBERS):
            return True
        frame = frame.f_back
    return False
