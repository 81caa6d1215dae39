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


def borrow(environment: Mapping[str, Installed], into: str, store: Store) -> None:
    """Put bare metadata of everything importable into the directory ``into``.

    A resolver that is told only pins would look on the index for private, editable and local builds, and fail. Bare:
    without a RECORD no installer can remove what is not there. Links to copies kept in the store: 60 µs each, where
    making a directory with a file takes 500; and whatever an installer may do to them, it cannot reach the environment.
    """
    kept = store.directory("borrowed")
    for each in environment.values():
        source, link = _bare_metadata(each, kept), os.path.join(into, _name(each))
        try:
            os.symlink(source, link)
        except OSError:  # Windows, without the privilege
            _write(each, metadata_file(each), link)


def give_back(environment: Mapping[str, Installed], where: str) -> None:
    """Remove what `borrow` put there."""
    for each in environment.values():
        link = os.path.join(where, _name(each))
        if os.path.islink(link):
            os.unlink(link)
        elif os.path.isdir(link):
            os.unlink(os.path.join(link, "METADATA"))
            os.rmdir(link)


def pin(installed: Installed) -> str:
    """A constraint that keeps a distribution as it is, or "" where its version is none that an installer could read."""
    version = installed.version
    plain = version.replace("+", "").replace("!", "").replace(".", "").replace("_", "").replace("-", "")
    readable = version[:1].isdigit() and plain.isalnum() and "_" not in version.partition("+")[0]
    return f"{installed.name}=={version}" if readable else ""


def _name(installed: Installed) -> str:
    return f"{installed.name.replace('-', '_')}-{installed.version}.dist-info"


def _bare_metadata(installed: Installed, kept: str) -> str:
    source = metadata_file(installed)
    stamp = os.stat(source) if os.path.exists(source) else os.stat(installed.metadata)
    name = f"{installed.name}-{installed.version}-{stamp.st_mtime_ns:x}-{stamp.st_size:x}"
    directory = os.path.join(kept, name)
    if not os.path.exists(os.path.join(directory, "METADATA")):
        _write(installed, source, directory)
    return directory


def _write(installed: Installed, source: str, directory: str) -> None:
    kept = [line for line in header_lines(source) if line.startswith(_HEADERS)]
    named = kept or ["Metadata-Version: 2.1", f"Name: {installed.name}", f"Version: {installed.version}"]
    os.makedirs(directory, mode=0o700, exist_ok=True)
    temporary = os.path.join(directory, f"{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write("\n".join(named) + "\n\n")
    os.replace(temporary, os.path.join(directory, "METADATA"))
