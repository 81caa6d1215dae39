"""The curated facts about names, in ``names.tsv`` beside this file."""

from __future__ import annotations

import os
from itertools import pairwise

from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


KINDS = ("agree", "alias", "curated", "elsewhere", "generic", "namespace", "platform", "removed", "wrong")


class Row(Value):
    """A fact of the names table."""

    kind: str
    name: str
    value: str
    note: str


class NameTable:
    """The curated facts in ``names.tsv``.

    Searched as text, a kind at a time (rows are sorted by kind): reading takes 30 µs and a look-up 1-15, where building
    dicts of 4,000 rows takes 5 ms at the first miss of every process.
    """

    def __init__(self, path: str = os.path.join(os.path.dirname(__file__), "names.tsv")) -> None:
        self._path = path
        self._text = ""
        self._sections: dict[str, tuple[int, int]] = {}
        """Where the rows of a kind begin and end in the text."""
        self._found: dict[tuple[str, str], Row | None] = {}
        """The answers so far: one load asks for the same name up to three times."""

    def row(self, kind: str, name: str) -> Row | None:
        """The fact of this kind about this name."""
        if (kind, name) not in self._found:
            text, (begin, end) = self._section(kind)
            start = text.find(f"\n{kind}\t{name}\t", begin, end)
            self._found[kind, name] = self._row(text, start + 1) if start >= 0 else None
        return self._found[kind, name]

    def rows(self, kind: str) -> Iterator[Row]:
        """All facts of a kind, sorted by name."""
        text, (begin, end) = self._section(kind)
        mark = f"\n{kind}\t"
        start = text.find(mark, begin, end)
        while start >= 0:
            yield self._row(text, start + 1)
            start = text.find(mark, start + 1, end)

    def modules_of(self, distribution: str) -> tuple[str, ...]:
        """The modules that a (normalised) distribution is known for; none where we do not know."""
        agree = self.row("agree", distribution)
        if agree is not None:
            return (agree.value or distribution.replace("-", "_"),)
        text, (begin, end) = self._section("curated")
        if text.find(distribution, begin, end) < 0:
            return ()
        return tuple(row.name for row in self.rows("curated") if distribution in row.value.split(","))

    def knows(self, distribution: str) -> bool:
        """Whether a (normalised) distribution is one of the well-known projects."""
        return bool(self.modules_of(distribution))

    def _section(self, kind: str) -> tuple[str, tuple[int, int]]:
        if not self._text:
            with open(self._path, "rb") as stream:
                text = "\n" + stream.read().decode()
            begins = [0]
            for each in KINDS:
                begins.append(text.index(f"\n{each}\t", begins[-1]))
            self._sections = dict(zip(KINDS, pairwise([*begins[1:], len(text)]), strict=True))
            self._text = text
        return self._text, self._sections[kind]

    def _row(self, text: str, start: int) -> Row:
        return Row(*text[start : text.index("\n", start)].split("\t"))


TABLE = NameTable()


def expand_alias(name: str) -> str:
    """``plt`` → ``matplotlib.pyplot``; anything that is no alias as it is."""
    row = TABLE.row("alias", name)
    return row.value if row is not None else name
