"""What any project installed before costs its import and at most 5 ms: no process is started, no network asked.

Measured: wall time of a fresh ``import load; load.X`` with X in the store, beside ``import X`` from the site-packages of
a copy of the same environment; byte code is warm for both. In one more run each, an audit hook (:pep:`578`) counts
the processes started and the connections, addresses and requests asked for.
"""

from __future__ import annotations

from functools import partial

from bench.harness import SUBJECTS, Contender, Context, Measured, Row, Subject, exactly, interleaved, over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_AUDITED = """
import sys
WATCHED = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.spawn", "pty.spawn",
           "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
           "socket.sendto", "socket.sendmsg", "urllib.Request", "http.client.connect")
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event) if event in WATCHED else None)
{code}
print(len(seen))
"""


def measure(context: Context) -> list[Row]:
    """Two rows a subject: the time, and what was started or asked."""
    plain = context.plain()
    return [row for subject in SUBJECTS for row in _measure(context, plain, subject)]


def _measure(context: Context, plain: Path, subject: Subject) -> list[Row]:
    with context.fresh() as home, context.copy(plain) as environment:
        python = environment / "bin" / "python"
        uv = environment / "bin" / "uv"
        context.said(uv, "pip", "install", "--quiet", "--python", python, subject.distribution)
        ours = (plain / "bin" / "python", "-I", "-c", f"import load; load.{subject.word}")
        theirs = (python, "-I", "-c", f"import {subject.module}")
        contenders = [
            Contender("ours", partial(context.seconds, *ours, LOAD_HOME=home)),
            Contender("theirs", partial(context.seconds, *theirs)),
        ]
        # The first round installs ours into the store and compiles both, the second finds all in place.
        found = interleaved(contenders, context.repeats(20, 3), warm_up=2)
        counts = [
            _started(context.said(*command[:-1], _AUDITED.format(code=command[-1]), LOAD_HOME=home))
            for command in (ours, theirs)
        ]
    peer, work = f"import {subject.module}", f"load.{subject.word}, in the store"
    return [
        Row(10, work, found["ours"], peer, found["theirs"], over(0.005)),
        Row(10, f"{work}: processes, network", counts[0], peer, counts[1], exactly(0), unit="count"),
    ]


def _started(said: str) -> Measured:
    return Measured.of([int(said.rsplit(maxsplit=1)[-1])])
