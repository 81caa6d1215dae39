"""What an installer's failure means: its words become one of our errors, with the ways out."""

from __future__ import annotations

from load._errors import InstallFailed, LoadError, VersionConflict
from load._install.environment import normalise
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from load._install.environment import Installed
    from load._install.runner import Completed


class Asked(Value):
    """What was asked of the installer: the module's name, the requirement, the distributions held at their versions."""

    name: str
    requirement: str
    pins: tuple[str, ...]
    limit: str = ""
    """The date limit in words, "" where there was none."""


class _Sign(Value):
    """Words of an installer (any of them, lower case) and what they mean."""

    words: tuple[str, ...]
    problem: str
    ways: tuple[str, ...] = ()


_ANOTHER_STORE = "another store: LOAD_HOME=/a/directory/of/yours"
_SIGNS = (
    _Sign(
        ("no space left on device", "os error 28"),
        "there is no space left on the disk",
        ("free some space", _ANOTHER_STORE),
    ),
    _Sign(
        ("permission denied", "os error 13", "read-only file system", "os error 30"),
        "the place cannot be written to",
        (_ANOTHER_STORE,),
    ),
    _Sign(
        ("401 unauthorized", "403 forbidden", "http error 401", "http error 403", "401 client error", "403 client error"),
        "the index did not let us in (401 or 403)",
        ("check the user and password of the index in your pip or uv settings, or in ~/.netrc",),
    ),
    _Sign(
        ("certificate verify failed", "invalid peer certificate", "unknownissuer", "certificateverifyfailed", "sslerror"),
        "the certificate of the index is not trusted",
        ("name the file of its authority: PIP_CERT or SSL_CERT_FILE",),
    ),
    _Sign(
        ("hash mismatch", "hashes mismatch", "do not match the hashes", "do not match the required hashes"),
        "what the index sent is not what its hash says",
        ("try again; if it stays so, the index or the way to it is broken or hostile",),
    ),
    _Sign(
        ("zip file", "invalid zip", "failed to extract", "badzipfile", "failed to unpack", "invalid wheel", "is invalid"),
        "the wheel on the index is broken",
        ('another version: load("name==version")',),
    ),
    _Sign(
        ("no usable wheels", "no-build", "no wheels with a matching", "building from source is disabled"),
        "there is no wheel of it for this Python and platform, and building from source runs its code",
        ("consent to the build: load(…, build=True)",),
    ),
    _Sign(
        ("offline mode", "network connectivity is disabled", "network was disabled"),
        "it is not in the cache, and the network is off",
        ("allow the network: unset LOAD_OFFLINE",),
    ),
    _Sign(
        (
            "error sending request", "dns error", "connection refused", "could not connect", "connection aborted",
            "failed to establish a new connection", "timed out", "max retries exceeded", "connection reset",
            "connection broken", "connection closed", "remote end closed", "incompleteread", "failed to fetch",
            "error reading a body", "incomplete-download", "end of file before message",
        ),
        "the index cannot be reached or does not answer",
        ("check the network, the proxy and the index in your pip or uv settings", "use what is here: LOAD_OFFLINE=1"),
    ),
    _Sign(
        ("was not found in the package registry", "not found in the provided package locations"),
        "the index has nothing of that name that could be used here",
        ('name the right distribution: load(…, requirement="…")',),
    ),
    _Sign(  # pip's words for a name that is unknown, has no wheel, or whose index does not answer: it does not tell which
        ("(from versions: none)",),
        "pip found nothing of that name that could be used here, or could not reach the index",
        ('name the right distribution: load(…, requirement="…")', "see whether the index of your pip settings answers"),
    ),
    _Sign(
        ("there is no version of", "could not find a version", " available and you require"),
        "no version on the index satisfies it",
        ("ask for another version",),
    ),
)  # fmt: skip


def diagnose(
    asked: Asked, completed: Completed, environment: Mapping[str, Installed], redact: Callable[[str], str]
) -> LoadError:
    """The error for an installer's failure."""
    log = redact(completed.stderr + completed.stdout)
    held = _held_back(asked, log)
    if held is not None:
        return _conflict(asked, held, log, environment)
    said = log.lower()
    sign = next((sign for sign in _SIGNS if any(word in said for word in sign.words)), None)
    reason = _reason(log)
    problem = f"{sign.problem}\n  {reason}" if sign is not None else reason
    ways = list(sign.ways if sign is not None else ())
    if asked.limit:
        ways.insert(0, f"only releases {asked.limit} were looked at; for younger ones: load(…, fresh=True)")
    return InstallFailed(asked.name, asked.requirement, problem, log=log, returncode=completed.returncode, ways=ways)


def _held_back(asked: Asked, log: str) -> str | None:
    """The first pin that the installer names as a cause."""
    words = set(log.replace(",", " ").replace("(", " ").replace(")", " ").replace("`", " ").split())
    return next((pin for pin in asked.pins if pin in words), None)


def _conflict(asked: Asked, pin: str, log: str, environment: Mapping[str, Installed]) -> VersionConflict:
    import sys

    from load._install.environment import provided_modules

    here = environment[pin.partition("==")[0]]
    loaded = any(module in sys.modules for module in provided_modules(here))
    ways = [f"ask for a version of {asked.requirement} that works with {pin}"]
    ways.append("start a new process and load this one first" if loaded else f"update {here.name} in the environment")
    ways.append("use another environment or process for it")
    return VersionConflict(asked.name, asked.requirement, pin, loaded=loaded, because=_reason(log), ways=ways)


def _reason(log: str) -> str:
    """The lines of an installer that say why, without those that say what it did."""
    causes = [cause for line in log.splitlines() if (cause := _cause(line.strip()))] + _conflicting(log)
    telling = [cause for cause in causes if " " in cause and not cause.startswith("No solution found")]
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " · ".join(dict.fromkeys(telling or causes)) or (lines[-1] if lines else "the installer said nothing")


def _cause(line: str) -> str:
    """What uv and pip write behind these marks; "" for any other line."""
    if line.lower().startswith(("error:", "cause:", "caused by:")):
        return line.partition(":")[2].strip()
    return line[1:].strip() if line.startswith("×") else ""


def _conflicting(log: str) -> list[str]:
    """The lines in which pip lists who wants what."""
    listed = log.partition("The conflict is caused by:")[2].strip("\n").partition("\n\n")[0]
    return [line.strip() for line in listed.splitlines()]


def undated(log: str) -> tuple[str, ...]:
    """The distributions of which uv passed over files because an index gives no upload times for them (:pep:`700`)."""
    lines = [line for line in log.splitlines() if "is missing an upload date" in line]
    return tuple(sorted({normalise(line.partition("`")[2].partition("-")[0]) for line in lines}))


def lacks_upload_times(log: str) -> bool:
    """Whether pip could not apply a date limit: an index gives no upload times, or it is a pip from before 26.0."""
    return "does not provide upload-time metadata" in log or "no such option: --uploaded-prior-to" in log


def progress_of(line: str) -> tuple[str, str, int] | None:
    """What a line of an installer tells about its progress: phase, subject, bytes; None for all other lines."""
    words = line.split()
    if not words:
        return None
    if words[0] == "Downloading" and "(" in line:
        return "download", words[1], _bytes(line[line.rindex("(") + 1 :].rstrip(")"))
    if words[0] in ("Resolved", "Collecting"):
        return "resolve", " ".join(words[1:3]), 0
    if words[0] in ("Prepared", "Installing"):
        return "unpack", "", 0
    return None


def _bytes(text: str) -> int:
    number = "".join(letter for letter in text if letter.isdigit() or letter == ".")
    units: Iterable[tuple[str, int]] = (
        ("kib", 2**10),
        ("mib", 2**20),
        ("gib", 2**30),
        ("kb", 10**3),
        ("mb", 10**6),
        ("gb", 10**9),
    )
    factor = next((factor for unit, factor in units if unit in text.lower()), 1)
    try:
        return int(float(number) * factor)
    except ValueError:
        return 0
