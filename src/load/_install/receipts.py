"""Receipts: the whole story of a transaction, as JSON beside the files it installed."""

from __future__ import annotations

import os
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from load._install.layers import Layer
    from load._install.staging import Staged
    from load._install.store import Store

FILE = "receipt.json"


class Receipt(NamedTuple):
    """What was installed: what, from where, hashes, why, when, who asked, seconds, bytes.

    ``requested`` maps each module to its requirement and the evidence for it; ``distributions`` has name, version, number of
    files, bytes and the digest of its RECORD; ``asked_by`` is the ``file:line`` that asked.
    """

    layer: str
    requested: tuple[dict[str, str], ...]
    distributions: tuple[dict[str, Any], ...]
    relies_on: tuple[dict[str, str], ...]
    set_aside: tuple[str, ...]
    installer: str
    indexes: tuple[str, ...]
    date_limit: str
    created: str
    seconds: float
    bytes: int
    asked_by: str | None
    program: str
    python: str

    def to_json(self) -> str:
        """The receipt as indented JSON."""
        import json

        return json.dumps(self._asdict(), indent=1) + "\n"

    def summary(self) -> str:
        """``numpy 2.4.1, tzdata 2026.1; 29700000``: what was installed and its bytes, for the journal."""
        return ", ".join(f"{each['name']} {each['version']}" for each in self.distributions) + f"; {self.bytes}"


def describe(staged: Staged) -> dict[str, Any]:
    """A staged distribution as receipts show it."""
    from hashlib import sha256

    rows = "\n".join(f"{path}\t{hash_}" for path, hash_, _ in sorted(staged.record) if hash_)
    return {
        "name": staged.name,
        "version": staged.version,
        "files": len(staged.record),
        "bytes": total_bytes([staged]),
        "record": "sha256:" + sha256(rows.encode()).hexdigest(),
    }


def total_bytes(staged: Sequence[Staged]) -> int:
    """The bytes of all files, as the RECORDs list them."""
    return sum(int(size) for each in staged for _, _, size in each.record if size)


def read(store: Store, layer: Layer) -> Receipt | None:
    """The receipt of a layer, or None where it cannot be read."""
    import json

    try:
        with open(os.path.join(store.root, "layers", layer.id, FILE), encoding="utf-8") as stream:
            fields: dict[str, Any] = json.load(stream)
        return Receipt(**{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()})  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError):
        return None


def receipts(store: Store) -> Iterator[Receipt]:
    """The receipts of all layers of a store."""
    from load._install.store import walk_layers

    yield from (receipt for layer in walk_layers(store) if (receipt := read(store, layer)) is not None)
