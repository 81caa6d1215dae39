"""Rooms stay small: list every module over 350 lines and every function over 45, and fail if there is one."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 350, 45
SOURCE = Path(__file__).resolve().parent.parent / "src" / "load"


def offenders(file: Path) -> list[str]:
    """What is too long in one file. A docstring is no code and does not count."""
    text = file.read_text(encoding="utf-8")
    found = []
    if text.count("\n") > FILE_LINES:
        found.append(f"{file}: {text.count(chr(10))} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
            length = (node.end_lineno or first) - first + 1
            if length > FUNCTION_LINES:
                found.append(f"{file}:{node.lineno}: {node.name} has {length} lines")
    return found


def main() -> int:
    found = [line for file in sorted(SOURCE.rglob("*.py")) for line in offenders(file)]
    print("\n".join(found) or f"no file over {FILE_LINES} lines, no function over {FUNCTION_LINES}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
