"""What a user sees of an install: live bars on a terminal, one line everywhere, nothing when silent."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import load
from load._journal import Event, Journal, Progress
from load._report.narrator import Narrator, install_line, is_live
from load._report.printing import no_print

SOURCE = str(Path(load.__file__).resolve().parents[1])
NUMPY = Event(
    "install", "numpy", "2.4.1", "/store/a1", "numpy", seconds=0.412, detail="numpy 2.4.1; 31142707", number=1
)
LINE = "load: installed numpy 2.4.1 in 412 ms (29.7 MiB)"
needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

PRELUDE = f"""
import os, sys
from load._journal import Event, Journal, Progress
from load._report.narrator import Narrator
journal = Journal()
narrator = Narrator()
journal.subscribe(narrator)
numpy = {NUMPY!r}
"""


def environment(**changes: str) -> dict[str, str]:
    """This environment, without what would change how a terminal is used."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**clean, "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color", **changes}


def program(script: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + textwrap.dedent(script)]


def run(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a script that has a journal, a narrator and `numpy`, the event of an install; no terminal anywhere."""
    return subprocess.run(
        program(script),
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


class Terminal:
    """A real pseudo-terminal that a script has as its stderr."""

    def __init__(self) -> None:
        self.ours, self._theirs = os.openpty()

    def start(self, script: str, **environ: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            program(script),
            env=environment(**environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._theirs,
            text=True,
        )
        os.close(self._theirs)
        return started

    def read(self) -> str:
        """Everything written to it until nobody has it open any more, or for a minute nobody writes."""
        written = b""
        while True:
            if not select.select([self.ours], [], [], 60)[0]:
                raise TimeoutError(written)
            try:
                some = os.read(self.ours, 65536)
            except OSError:  # Linux says EIO where others say end of file
                some = b""
            if not some:
                os.close(self.ours)
                return written.decode()
            written += some


def shown_by(script: str, **environ: str) -> str:
    """What a script writes to a terminal; it must succeed."""
    terminal = Terminal()
    with terminal.start(script, **environ) as started:
        try:
            written = terminal.read()
        except TimeoutError:
            started.kill()
            raise
        assert started.wait(timeout=60) == 0, written
    return written


def screen(written: str) -> list[str]:
    """What stands on the screen at the end: the lines that were not erased."""
    lines, row = [""], 0
    for piece in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", written):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif piece.endswith("A") and piece.startswith("\x1b["):
            row -= int(piece[2:-1] or 1)
        elif piece and not piece.startswith(("\x1b", "\r")):
            lines[row] += piece
    return [line for line in lines if line.strip()]


A_TRANSACTION = """
    journal.signal(Progress("resolve", "numpy"))
    journal.signal(Progress("download", "numpy", 0, 31142707))
    journal.signal(Progress("unpack", ""))
    journal.append(numpy)
    """


# --- the line


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, LINE),
        ({"detail": "numpy 2.4.1; 29.7 MiB"}, LINE),
        ({"detail": "numpy 2.4.1"}, "load: installed numpy 2.4.1 in 412 ms"),
        ({"detail": ""}, "load: installed numpy 2.4.1 in 412 ms"),
        ({"detail": "", "version": None}, "load: installed numpy in 412 ms"),
        (
            {"name": "yaml", "detail": "pyyaml 6.0.3; 800000"},
            "load: installed pyyaml 6.0.3 for yaml in 412 ms (0.8 MiB)",
        ),
        (
            {"name": "pandas", "detail": "pandas 3.1.1, numpy 2.4.1, six 1.17.0; 1", "seconds": 2.0},
            "load: installed pandas 3.1.1, numpy 2.4.1, six 1.17.0 in 2.00 s (< 0.1 MiB)",
        ),
        (
            {"name": "pandas", "detail": "pandas 3.1.1, numpy 2.4.1, six 1.17.0, pytz 2026.1, tzdata 2026.1; 1"},
            "load: installed pandas 3.1.1, numpy 2.4.1, six 1.17.0 and 2 more in 412 ms (< 0.1 MiB)",
        ),
        (
            {"name": "NumPy_x, yaml, six", "detail": "numpy-x 1.0, pyyaml 6.0.3, six 1.17.0; 1"},
            "load: installed numpy-x 1.0, pyyaml 6.0.3, six 1.17.0 for yaml in 412 ms (< 0.1 MiB)",
        ),
        ({"name": "a\n\x1b[2Jb"}, "load: installed numpy 2.4.1 for a\\n\\x1b[2Jb in 412 ms (29.7 MiB)"),
    ],
)
def test_the_line_says_what_was_installed_for_whom_how_long_it_took_and_how_much_it_is(facts, line):
    assert install_line(NUMPY._replace(**facts)) == line


def test_where_there_is_no_terminal_an_install_is_one_line_on_stderr_and_rich_is_not_imported():
    ran = run(A_TRANSACTION + "print('rich' in sys.modules)")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("False\n", LINE + "\n", 0)


def test_nothing_but_an_install_has_a_line():
    ran = run("""
        for kind in ("resolve", "plan", "refuse", "activate", "import", "reuse", "reload", "unload", "fail"):
            journal.record(kind, "numpy", detail="x")
        journal.signal(Progress("resolve", "numpy"))
        journal.signal(Progress("done", "numpy"))
        """)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


def test_a_remark_has_a_line_of_its_own():
    ran = run('journal.signal(Progress("note", "code in .pth files was not run"))')
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "load: code in .pth files was not run\n", 0)


def test_a_narrator_that_hears_nothing_says_nothing(capfd):
    Journal().append(NUMPY)
    assert capfd.readouterr() == ("", "")


def test_a_foreign_name_is_written_in_ascii_where_the_stream_cannot_do_more():
    ran = run('journal.append(numpy._replace(name="naïve"))', PYTHONIOENCODING="ascii")
    assert ran.stderr == "load: installed numpy 2.4.1 for na\\xefve in 412 ms (29.7 MiB)\n"


def test_stderr_is_looked_up_at_each_line(capsys):
    narrator = Narrator()
    for _ in range(2):
        narrator(NUMPY)
        assert capsys.readouterr() == ("", LINE + "\n")


# --- silence


def test_a_silent_narrator_shows_nothing_on_a_terminal_or_elsewhere_until_it_is_told_to_speak(capsys):
    narrator = Narrator(silent=True)
    narrator(NUMPY)
    assert capsys.readouterr() == ("", "")
    narrator.silent = False
    narrator(NUMPY)
    assert capsys.readouterr().err == LINE + "\n"


@needs_terminals
def test_a_silent_narrator_leaves_a_terminal_untouched():
    assert shown_by("narrator.silent = True" + textwrap.dedent(A_TRANSACTION)) == ""


def test_no_print_silences_installs_too(capsys):
    narrator = Narrator()
    with no_print():
        narrator(NUMPY)
    assert capsys.readouterr() == ("", "")


# --- the bars


@needs_terminals
def test_on_a_terminal_there_is_a_bar_a_phase_and_at_the_end_only_the_line():
    written = shown_by(A_TRANSACTION)
    for shown in ("load: resolve numpy ", "load: download numpy ", "29.7 MiB", "load: unpack ", "━"):
        assert shown in written
    assert screen(written) == [LINE]
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor was hidden, and is back


@needs_terminals
def test_while_it_lasts_all_phases_so_far_are_on_the_screen():
    script = textwrap.dedent(A_TRANSACTION).replace("journal.append(numpy)", "os._exit(0)")
    lines = screen(shown_by(script, NO_COLOR="1"))
    assert [line.split()[1] for line in lines] == ["resolve", "download", "unpack"]
    assert all("━" in line for line in lines)
    assert [bool(re.search("━ +━", line)) for line in lines] == [False, False, True]  # the last one still moves


@needs_terminals
def test_known_bytes_are_shown_against_their_total():
    written = shown_by("""
        journal.signal(Progress("download", "numpy", 10 << 20, 40 << 20))
        journal.append(numpy)
        """)
    assert "10.0 MiB of 40.0 MiB" in written


@needs_terminals
def test_extras_in_brackets_are_no_markup_and_control_characters_are_written_out():
    written = shown_by("""
        journal.signal(Progress("download", "requests[socks]"))
        narrator.close()
        journal.signal(Progress("download", "a\\x1b]0;x\\x07\\nb"))
        narrator.close()
        journal.signal(Progress("download", "x" * 300))
        narrator.close()
        """)
    assert "load: download requests[socks] " in written
    assert "load: download a\\x1b]0;x\\x07\\nb " in written
    assert "load: download " + "x" * 21 + " " in written
    assert screen(written) == []


@needs_terminals
@pytest.mark.parametrize(
    "end",
    [
        'journal.record("plan", "numpy")',
        'journal.record("refuse", "numpy")',
        'journal.record("fail", "numpy")',
        'journal.signal(Progress("done", "numpy"))',
        "narrator.close()",
    ],
)
def test_the_bars_are_gone_before_a_question_an_error_or_anything_else_is_written(end):
    written = shown_by(f"""
        journal.signal(Progress("resolve", "numpy"))
        {end}
        sys.stderr.write("Install numpy? [y/N] ")
        """)
    assert "load: resolve numpy" in written
    assert screen(written) == ["Install numpy? [y/N] "]


@needs_terminals
def test_what_happens_meanwhile_elsewhere_does_not_end_the_bars():
    written = shown_by("""
        journal.signal(Progress("resolve", "numpy"))
        for kind in ("resolve", "activate", "import", "reuse"):
            journal.record(kind, "other")
        os._exit(0)
        """)
    assert len(screen(written)) == 1


@needs_terminals
def test_a_second_install_begins_with_bars_of_its_own():
    written = shown_by(A_TRANSACTION + A_TRANSACTION)
    assert screen(written) == [LINE, LINE]
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 2


@needs_terminals
def test_installs_in_several_threads_leave_a_line_each_and_a_whole_terminal():
    written = shown_by("""
        import threading
        def install():
            for _ in range(5):
                journal.signal(Progress("resolve", "numpy"))
                journal.signal(Progress("download", "numpy", 1, 2))
                journal.append(numpy)
        threads = [threading.Thread(target=install) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        narrator.close()
        """)
    assert written.count(LINE) == 40
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


@needs_terminals
def test_the_streams_of_the_process_are_never_replaced():
    written = shown_by("""
        before = sys.stdout, sys.stderr
        journal.signal(Progress("resolve", "numpy"))
        assert (sys.stdout, sys.stderr) == before
        narrator.close()
        """)
    assert "load: resolve numpy" in written


@needs_terminals
def test_without_colours_there_are_bars_and_no_colour():
    colour = re.compile(r"\x1b\[[0-9;]*m")
    plain = shown_by(A_TRANSACTION, NO_COLOR="1")
    assert "━" in plain
    assert not colour.search(plain)
    assert colour.search(shown_by(A_TRANSACTION))


@needs_terminals
@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_gets_the_line_only(kind):
    assert shown_by(A_TRANSACTION, TERM=kind) == LINE + "\r\n"


@needs_terminals
def test_a_terminal_that_can_do_ascii_only_gets_bars_in_ascii():
    written = shown_by(
        textwrap.dedent(A_TRANSACTION).replace('"resolve", "numpy"', '"resolve", "naïve"'), PYTHONIOENCODING="ascii"
    )
    assert "load: resolve na\\xefve " in written
    assert "----" in written
    assert written.isascii()
    assert screen(written) == [LINE]


@needs_terminals
def test_a_bar_is_never_wider_than_the_screen_because_what_wraps_cannot_be_erased():
    for script in (
        'journal.signal(Progress("download", "ï" * 99, 1022 << 20, 1023 << 20))',
        'journal.signal(Progress("unpack", "x" * 99))',
    ):
        for encoding in ("ascii", "utf-8"):
            written = shown_by(script + "; os._exit(0)", PYTHONIOENCODING=encoding, NO_COLOR="1", COLUMNS="80")
            assert 36 < max(map(len, screen(written))) <= 80


# --- trouble


@pytest.mark.parametrize("trouble", ["sys.stderr.close()", "sys.stderr = None", "os.close(2)"])
def test_a_stream_in_trouble_is_no_trouble_of_the_install(trouble):
    ran = run(f"{trouble}\n{textwrap.dedent(A_TRANSACTION)}\nos._exit(7)")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 7)


@needs_terminals
def test_a_terminal_that_hangs_up_is_no_trouble_of_the_install():
    terminal = Terminal()
    script = """
        import threading, time
        told = []
        threading.excepthook = lambda failure: told.append(failure.exc_type.__name__)
        journal.signal(Progress("resolve", "numpy"))
        print("started", flush=True)
        sys.stdin.readline()
        journal.signal(Progress("download", "numpy", 1, 2))
        time.sleep(0.5)  # the bars redraw themselves in the meantime
        journal.append(numpy)
        print("installed", *told, flush=True)
        os._exit(0)
        """
    with terminal.start(script) as started:
        assert started.stdout.readline() == "started\n"
        os.close(terminal.ours)
        assert started.communicate("go on\n", timeout=60)[0] == "installed\n"
    assert started.returncode == 0


@needs_terminals
def test_a_stream_that_is_closed_while_there_are_bars_is_no_trouble_of_the_install():
    shown_by("""
        journal.signal(Progress("resolve", "numpy"))
        sys.stderr.close()
        journal.signal(Progress("download", "numpy", 1, 2))
        journal.append(numpy)
        """)


@needs_terminals
def test_without_rich_there_is_the_line():
    assert shown_by("sys.modules['rich'] = None" + textwrap.dedent(A_TRANSACTION)) == LINE + "\r\n"


@needs_terminals
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_bars_to_its_parent_and_waits_for_nobody():
    written = shown_by("""
        import signal, warnings
        warnings.simplefilter("ignore")  # from 3.12 on, of a fork beside the thread that redraws the bars
        journal.signal(Progress("resolve", "numpy"))
        with narrator._lock:  # as another thread may hold it at the moment of a fork
            child = os.fork()
            if not child:
                signal.alarm(20)
                journal.append(numpy)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
        narrator.close()
        assert status == 0
        """)
    assert written.count(LINE) == 1
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1


def test_what_is_no_terminal_is_not_live(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    with (tmp_path / "log").open("w") as file:
        assert not is_live(file)
    assert not is_live(file)  # closed
    assert not is_live(None)


def test_to_close_without_bars_is_harmless_in_any_thread():
    narrator = Narrator()
    thread = threading.Thread(target=narrator.close)
    thread.start()
    thread.join()
    narrator.close()
    narrator(Progress("done", "numpy"))


def test_the_room_is_cheap_to_enter():
    script = f"import sys; sys.path.insert(0, {SOURCE!r}); import load._report.narrator; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-ISc", script], capture_output=True, text=True, timeout=60, check=True)
    assert not {"typing", "dataclasses", "re", "subprocess", "logging", "psutil", "rich", "threading"} & set(
        ran.stdout.split()
    )
