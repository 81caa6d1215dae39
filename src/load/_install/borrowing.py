"""What is importable, shown to a resolver as installed: bare metadata, lent for one run of an installer."""

from __future__ import annotations

import os

from load._install.environment import header_lines, metadata_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from load._install.environment import Installed
    from load._install.store import Store

_HEADERS = ("Metadata-Version:", "Name:", "Version:", "Requires-Dist:", "Requires-Python:", "Provides-Extra:")


class Loan:
    """A directory with bare metadata of everything importable, taken from the store and given back.

    A resolver that is told only pins would look on the index for private, editable and local builds, and fail. Bare:
    without a RECORD no installer can remove what is not there. Kept from one run to the next, because making it takes
    0.5 ms a distribution and moving it one rename; uv does not follow links to directories, so it cannot stay where it is.
    """

    def __init__(self, environment: Mapping[str, Installed], store: Store) -> None:
        self._names = {_name(each): each for each in environment.values()}
        self._kept = os.path.join(store.directory("borrowed"), _key(environment))

    def borrow(self, into: str) -> None:
        """Make ``into``, which is not there yet, the directory of the metadata."""
        try:
            os.rename(self._kept, into)
        except OSError:  # never made, or lent to somebody else just now
            os.makedirs(into, mode=0o700, exist_ok=True)
            for name, installed in self._names.items():
                _write(installed, os.path.join(into, name))

    def give_back(self, where: str, workplace: str) -> None:
        """Part what an installer put into ``where`` from the metadata, and put that away for the next time.

        ``workplace`` is a directory on the same file system that goes away afterwards, with whatever is not wanted.
        """
        mark = os.urandom(4).hex()
        fresh, lent = os.path.join(workplace, f"fresh-{mark}"), os.path.join(workplace, f"lent-{mark}")
        os.mkdir(fresh, mode=0o700)
        for name in os.listdir(where):
            if name not in self._names:
                os.rename(os.path.join(where, name), os.path.join(fresh, name))
        os.rename(where, lent)
        os.rename(fresh, where)
        whole = all(os.path.isdir(os.path.join(lent, name)) for name in self._names)
        if whole and not os.path.exists(self._kept):  # else another run has given back the same meanwhile
            os.replace(lent, self._kept)


def pin(installed: Installed) -> str:
    """A constraint that keeps a distribution as it is, or "" where its version is none that an installer could read."""
    version = installed.version
    plain = version.replace("+", "").replace("!", "").replace(".", "").replace("_", "").replace("-", "")
    readable = version[:1].isdigit() and plain.isalnum() and "_" not in version.partition("+")[0]
    return f"{installed.name}=={version}" if readable else ""


def _name(installed: Installed) -> str:
    return f"{installed.name.replace('-', '_')}-{installed.version}.dist-info"


def _key(environment: Mapping[str, Installed]) -> str:
    """A name for exactly this metadata: an editable project changes its own without changing its version."""
    from zlib import adler32, crc32

    facts = []
    for each in environment.values():
        file = metadata_file(each)
        stamp = os.stat(file if os.path.exists(file) else each.metadata)
        facts.append(f"{each.name} {each.version} {stamp.st_mtime_ns} {stamp.st_size}")
    text = "\n".join(sorted(facts)).encode()
    return f"{len(facts)}-{crc32(text):08x}{adler32(text):08x}"  # hashlib takes 2-10 ms to import


def _write(installed: Installed, directory: str) -> None:
    kept = [line for line in header_lines(metadata_file(installed)) if line.startswith(_HEADERS)]
    named = kept or ["Metadata-Version: 2.1", f"Name: {installed.name}", f"Version: {installed.version}"]
    os.mkdir(directory)
    with open(os.path.join(directory, "METADATA"), "w", encoding="utf-8") as stream:
        stream.write("\n".join(named) + "\n\n")
