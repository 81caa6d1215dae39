"""Every claim about speed beside its peers, in one run: ``python -m bench [rows …] [--python PATH] [--quick]``.

A row is a file ``row_<number>_<word>.py``: its docstring says what is claimed and how it is measured, and its
function ``measure(context) -> list[Row]`` does it. A new file is a new row; nothing else needs to know of it.
"""
