"""Wheels and source distributions: built in the test that installs them, and described as an index does.

Stored, not compressed, and dated 1980: the same call gives the same bytes, so the same hash, on every Python
and every zlib.
"""

from __future__ import annotations

import base64
import csv
import email
import gzip
import hashlib
import io
import itertools
import os
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

Contents: TypeAlias = Mapping[str, str | bytes]
Corruption: TypeAlias = Literal["record", "truncated", "escape"]


def build_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Contents | None = None,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    tag: str = "py3-none-any",
    data: Contents | None = None,
    entry_points: str | None = None,
    requires_python: str | None = None,
    corrupt: Corruption | None = None,
) -> Path:
    """Write the wheel of a distribution into `directory`, in one rename, and return its path.

    Parameters: `files`, path in the wheel to contents, by default one module named after the distribution
    with its ``VERSION``; `requires`, PEP 508 requirements; `extras`, extra to its requirements; `tag`, what
    the file name ends with, compressed sets allowed (``py2.py3-none-any``); `data`, path below
    ``{name}-{version}.data/`` to contents (``scripts/tool``, ``data/share/x.txt``); `entry_points`, the text
    of ``entry_points.txt``; `requires_python`, a version specifier; `corrupt`, ``record`` for hashes that are
    not those of the files, ``truncated`` for the first half of the archive, ``escape`` for a file named
    ``../escaped.py``.
    Source: the binary distribution format and core metadata 2.1 specifications.
    """
    stem = f"{_escape(name)}-{_escape_version(version)}"
    members = _encode({_module_file(name): f"VERSION = {version!r}\n"} if files is None else files)
    members |= {f"{stem}.data/{path}": body for path, body in _encode(data or {}).items()}
    if corrupt == "escape":
        members["../escaped.py"] = b"ESCAPED = True\n"
    metadata = _metadata(name, version, requires, extras or {}, requires_python)
    about = {"METADATA": metadata, "WHEEL": _wheel(tag)}
    if entry_points is not None:
        about["entry_points.txt"] = entry_points
    members |= {f"{stem}.dist-info/{path}": body for path, body in _encode(about).items()}
    record = f"{stem}.dist-info/RECORD"
    members[record] = _record(members, record, wrong=corrupt == "record")
    archive = _zip(members)
    if corrupt == "truncated":
        archive = archive[: len(archive) // 2]
    return _publish(directory / f"{stem}-{tag}.whl", archive)


def build_sdist(directory: Path, name: str, version: str = "1.0", *, setup_py: str) -> Path:
    """Write a source distribution into `directory`, in one rename, and return its path.

    Parameters: `setup_py`, the text of its ``setup.py``: whoever builds the distribution runs it.
    Source: the source distribution format specification, without ``pyproject.toml``: the legacy build.
    """
    stem = f"{_escape(name)}-{_escape_version(version)}"
    about = _metadata(name, version, (), {}, None)
    archive = _tar(_encode({f"{stem}/PKG-INFO": about, f"{stem}/setup.py": setup_py}))
    return _publish(directory / f"{stem}.tar.gz", archive)


def describe(path: Path) -> dict[str, Any]:
    """What an index can tell of a file by looking at it, in the words of PEP 691 and 700, ``url`` left out.

    PEP 658's ``core-metadata`` is there only for a wheel that can be read. Cost: the file is read and hashed.
    """
    body, metadata = path.read_bytes(), read_metadata(path)
    facts: dict[str, Any] = {"filename": path.name, "size": len(body), "hashes": _hashes(body)}
    if metadata is not None:
        facts |= {"core-metadata": _hashes(metadata), "dist-info-metadata": _hashes(metadata)}
        if python := email.message_from_bytes(metadata)["Requires-Python"]:
            facts["requires-python"] = python
    return facts


def identify(name: str) -> tuple[str, str]:
    """The project (PEP 503 normalised) and the version of a file name; else the name, as one, and ''."""
    project, version = name, ""
    if name.endswith(".whl"):
        project, version = [*name.split("-"), ""][:2]
    elif name.endswith(".tar.gz"):
        project, _, version = name.removesuffix(".tar.gz").rpartition("-")
    return _escape(project).replace("_", "-"), version


def read_metadata(path: Path) -> bytes | None:
    """The METADATA of a wheel; None for another file and for an archive that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            return archive.read(found[0]) if found else None
    except zipfile.BadZipFile:
        return None


def _hashes(body: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(body).hexdigest()}


def _escape(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _escape_version(version: str) -> str:
    return version.replace("-", "_")


def _module_file(name: str) -> str:
    return re.sub(r"[-.]", "_", name) + ".py"


def _encode(contents: Contents) -> dict[str, bytes]:
    return {path: body.encode() if isinstance(body, str) else body for path, body in contents.items()}


def _metadata(
    name: str, version: str, requires: Sequence[str], extras: Mapping[str, Sequence[str]], python: str | None
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_only_with(extra, requirement)}" for requirement in wanted]
    return "\n".join(lines) + "\n"


def _only_with(extra: str, requirement: str) -> str:
    wanted, _, marker = (part.strip() for part in requirement.partition(";"))
    condition = f'extra == "{extra}"'
    return f"{wanted} ; ({marker}) and {condition}" if marker else f"{wanted} ; {condition}"


def _wheel(tag: str) -> str:
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    pure = "true" if abis == ["none"] and platforms == ["any"] else "false"
    head = ["Wheel-Version: 1.0", "Generator: load-tests", f"Root-Is-Purelib: {pure}"]
    tags = [f"Tag: {'-'.join(one)}" for one in itertools.product(pythons, abis, platforms)]
    return "\n".join([*head, *tags]) + "\n"


def _record(members: Mapping[str, bytes], itself: str, *, wrong: bool) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for path, body in members.items():
        rows.writerow((path, f"sha256={_digest(b'not ' + body if wrong else body)}", len(body)))
    rows.writerow((itself, "", ""))
    return text.getvalue().encode()


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _zip(members: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for path, body in members.items():
            member = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, wherever it is built, or the permissions would not count
            member.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
            file.writestr(member, body)
    return archive.getvalue()


def _tar(members: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=archive, compresslevel=0, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as file,
    ):
        for path, body in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))
    return archive.getvalue()


def _publish(path: Path, body: bytes) -> Path:
    """Rename into place: an index that lists the directory meanwhile sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(body)
    os.replace(unfinished, path)
    return path
