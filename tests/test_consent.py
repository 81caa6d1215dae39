"""The prompt's contract: on a real pseudo-terminal, in a real kernel, and where nobody could answer."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from load._install import consent
from support.environment import clean_environment

ENTER = "\r"  # what the key sends; the terminal makes a newline of it
CTRL_C, CTRL_D, CTRL_Q, CTRL_R, CTRL_S, CTRL_U, BACKSPACE = "\x03\x04\x11\x12\x13\x15\x7f"
QUESTION = "install it? [y/N/?] "
YES = [True, "yes"]
NO = [False, "you said no"]
INTERRUPTED = [False, "interrupted"]
NOBODY = [False, "there is nobody to ask"]
PATIENCE = 30.0  # seconds before a test gives up on what it waits for

PRELUDE = """
import fcntl, io, json, os, signal, subprocess, sys, termios, threading, time
if os.isatty(0) and os.getsid(0) == os.getpid():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # a session begins without a terminal
from load._install import consent

def ask(timeout=30, question="install it?", details=lambda: "the facts"):
    return consent.ask(question, details, timeout=timeout)

def say(value):
    sys.stdout.write(json.dumps(value) + "\\n")  # in one piece, whoever else speaks
    sys.stdout.flush()

def unread():
    "What is left for whoever reads the terminal next, half lines too."
    attributes = termios.tcgetattr(0)
    attributes[3] &= ~termios.ICANON
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 0, 0
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    return os.read(0, 100_000).decode()

"""


def surroundings(home: Path, **extra: str) -> dict[str, str]:
    source = str(Path(consent.__file__).parents[2])
    environ = clean_environment(HOME=home, PYTHONPATH=source, **extra)
    if "CI" not in extra:
        environ.pop("CI", None)
    return environ


class Terminal:
    """A pseudo-terminal, and on it a Python that runs a script.

    Standard input and standard error are the terminal; standard output is a pipe, on which the script says
    what came of it. `screen` is what a person would have seen.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.screen = ""
        self._hand, self.line = pty.openpty()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe, self._said = -1, b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self.hang_up()

    def run(self, script: str, *, streams: Sequence[str] = ("stdin", "stderr"), **environ: str) -> None:
        """Start the script; `streams` are those that are the terminal, the rest are pipes."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script],
            env=surroundings(self.home, **environ),
            start_new_session=True,
            stdin=self.line if "stdin" in streams else subprocess.PIPE,
            stderr=self.line if "stderr" in streams else subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()

    def type(self, text: str) -> None:
        os.write(self._hand, text.encode())

    def see(self, text: str, times: int = 1) -> None:
        """Wait until the screen shows the text so many times."""
        deadline = time.monotonic() + PATIENCE
        while self.screen.count(text) < times:
            if not select.select([self._hand], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} was not seen {times} times in {self.screen!r}")
            self.screen += os.read(self._hand, 4096).decode()

    def hear(self) -> Any:
        """The next thing that the script says."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._said:
            ready = select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))[0]
            said = os.read(self._pipe, 65_536) if ready else b""
            assert said, f"the script said nothing more: {self.screen + self._rest()!r}"
            self._said += said
        line, _, self._said = self._said.partition(b"\n")
        return json.loads(line)

    def end(self) -> str:
        """Wait for the script's end; the whole screen."""
        assert self._process is not None
        self._process.wait(PATIENCE)
        self.screen += self._rest()
        return self.screen

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def hang_up(self) -> None:
        for descriptor in (self._hand, self.line):
            if descriptor >= 0:
                os.close(descriptor)
        self._hand = self.line = -1

    def _rest(self) -> str:
        rest = ""
        while select.select([self._hand], [], [], 0)[0]:
            rest += os.read(self._hand, 4096).decode()
        return rest


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as ready:
        yield ready


def answer_with(terminal: Terminal, *keys: str, script: str = "say(ask())") -> Any:
    terminal.run(script)
    for number, typed in enumerate(keys, start=1):
        terminal.see(QUESTION, times=number)
        terminal.type(typed)
    return terminal.hear()


# -- what is a yes -------------------------------------------------------------


@pytest.mark.parametrize("word", ["y", "yes", "Y", "YES", "Yes", "  y  ", "\tyes"])
def test_y_or_yes_and_enter_after_the_question_is_yes(terminal: Terminal, word: str) -> None:
    assert answer_with(terminal, word + ENTER) == YES


WORDS = ["", " ", "n", "no", "q", "1", "true", "yy", "ye", "y y", "yes please", "??", "y?"]
UNSEEN = ["y\x00", "y\x16\x03", "\x1b[Dy", "\ufeffy", "y\u200b", "y\xa0", "\uff59", "ye\u017f"]


@pytest.mark.parametrize("word", [*WORDS, *UNSEEN])
def test_anything_else_is_no(terminal: Terminal, word: str) -> None:
    assert answer_with(terminal, word + ENTER) == NO


@given(st.text())
def test_no_other_text_means_yes(text: str) -> None:
    bare = text.strip(" \t\r\n")
    means_yes = bare in ("y", "Y") or (bare.isascii() and bare.lower() == "yes")
    assert (consent._meaning(text) == (True, "yes")) == means_yes
    assert (consent._meaning(text) is None) == (bare == "?")


def test_the_line_can_be_edited(terminal: Terminal) -> None:
    assert answer_with(terminal, "no" + CTRL_U + "n" + BACKSPACE + "y" + ENTER) == YES


def test_a_yes_that_was_rubbed_out_is_no(terminal: Terminal) -> None:
    assert answer_with(terminal, "y" + BACKSPACE + ENTER) == NO


@pytest.mark.parametrize("line", ["y" * 10_000, "y" + " " * 5_000 + "no", "y" + " " * 100])
def test_a_very_long_line_is_no_and_nothing_of_it_is_left(terminal: Terminal, line: str) -> None:
    assert answer_with(terminal, line + ENTER, script="say([*ask(), unread()])") == [*NO, ""]


def test_what_is_typed_after_the_answer_is_left_for_its_reader(terminal: Terminal) -> None:
    script = "say([*ask(), sys.stdin.readline()])"
    assert answer_with(terminal, "y" + ENTER + "next" + ENTER, script=script) == [*YES, "next\n"]


# -- typed ahead ---------------------------------------------------------------


@pytest.mark.parametrize("keys", [ENTER, "y" + ENTER, "yes" + ENTER + "yes" + ENTER, "y", CTRL_D])
def test_nothing_typed_ahead_is_an_answer(terminal: Terminal, keys: str) -> None:
    terminal.type(keys + CTRL_R)  # which shows the line again: all before it has arrived
    terminal.see("^R")
    terminal.run("say(ask(timeout=0.3))")
    assert terminal.hear() == [False, "no answer in 0.3 s"]


def test_a_typed_ahead_newline_means_no(terminal: Terminal) -> None:
    terminal.type(ENTER)
    terminal.see("\r\n")
    assert answer_with(terminal, ENTER) == NO


def test_a_typed_ahead_newline_takes_nothing_from_a_yes(terminal: Terminal) -> None:
    terminal.type(ENTER)
    terminal.see("\r\n")
    assert answer_with(terminal, "y" + ENTER) == YES


def test_a_line_begun_before_the_question_is_no_yes_when_it_is_ended_after(terminal: Terminal) -> None:
    terminal.type("y")
    terminal.see("y")
    assert answer_with(terminal, ENTER) == NO


def test_what_is_typed_before_the_details_are_shown_does_not_answer_the_question_after_them(
    terminal: Terminal,
) -> None:
    script = "say(ask(timeout=2))"
    assert answer_with(terminal, "?" + ENTER + "y" + ENTER, script=script) == [False, "no answer in 2 s"]


def test_what_is_typed_while_the_question_cannot_be_seen_is_no_answer(terminal: Terminal) -> None:
    terminal.type(CTRL_S)  # the screen stands still, and the question waits for it
    terminal.run("say('asking'); say(ask(timeout=1))")
    assert terminal.hear() == "asking"
    time.sleep(0.3)
    terminal.type("y" + ENTER + CTRL_Q)
    assert terminal.hear() == [False, "no answer in 1 s"]
    assert QUESTION in terminal.end()


# -- the other ways to answer --------------------------------------------------


def test_a_question_mark_shows_the_facts_and_asks_again(terminal: Terminal) -> None:
    assert answer_with(terminal, "?" + ENTER, "y" + ENTER) == YES
    assert terminal.end() == (
        "install it? [y/N/?] ?\r\n"
        "the facts\r\n"
        "install it? [y/N/?] y\r\n"
    )  # fmt: skip


def test_a_question_mark_can_be_followed_by_no(terminal: Terminal) -> None:
    assert answer_with(terminal, "?" + ENTER, "?" + ENTER, ENTER) == NO
    assert terminal.end().count("the facts\r\n") == 2


def test_the_facts_are_not_gathered_unless_asked_for(terminal: Terminal) -> None:
    assert answer_with(terminal, "y" + ENTER, script="say(ask(details=lambda: 1 / 0))") == YES
    assert terminal.end() == "install it? [y/N/?] y\r\n"


def test_an_error_of_the_details_is_the_callers(terminal: Terminal) -> None:
    script = "try:\n    ask(details=lambda: open('/nowhere'))\nexcept FileNotFoundError:\n    say('raised')"
    assert answer_with(terminal, "?" + ENTER, script=script) == "raised"


def test_no_answer_is_no(terminal: Terminal) -> None:
    terminal.run("say(ask(timeout=0.2))")
    assert terminal.hear() == [False, "no answer in 0.2 s"]
    assert terminal.end() == "install it? [y/N/?] \r\n"


def test_half_an_answer_is_no_answer_and_is_not_left_for_the_next_reader(terminal: Terminal) -> None:
    script = "say([*ask(timeout=1), unread()])"
    assert answer_with(terminal, "y", script=script) == [False, "no answer in 1 s", ""]


@pytest.mark.parametrize("keys", [CTRL_C, "y" + CTRL_C])
def test_ctrl_c_is_no(terminal: Terminal, keys: str) -> None:
    assert answer_with(terminal, keys) == INTERRUPTED
    assert terminal.end() == f"install it? [y/N/?] {keys.removesuffix(CTRL_C)}^C\r\n"


def test_ctrl_c_is_no_in_another_thread_and_interrupts_nobody_else(terminal: Terminal) -> None:
    script = "thread = threading.Thread(target=lambda: say(ask())); thread.start(); thread.join(); say('on')"
    assert answer_with(terminal, CTRL_C, script=script) == INTERRUPTED
    assert terminal.hear() == "on"


def test_ctrl_c_interrupts_again_once_the_question_is_over(terminal: Terminal) -> None:
    script = "try:\n    say(ask()); time.sleep(30)\nexcept KeyboardInterrupt:\n    say('interrupted')"
    assert answer_with(terminal, ENTER, script=script) == NO
    terminal.type(CTRL_C)
    assert terminal.hear() == "interrupted"


def test_an_interrupt_that_no_key_sent_is_no(terminal: Terminal) -> None:
    terminal.run("say(ask())")
    terminal.see(QUESTION)
    terminal.signal(signal.SIGINT)
    assert terminal.hear() == INTERRUPTED


def test_an_interrupt_while_the_facts_are_gathered_is_no(terminal: Terminal) -> None:
    script = "say(ask(details=lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(30)))"
    assert answer_with(terminal, "?" + ENTER, script=script) == INTERRUPTED


@pytest.mark.parametrize("keys", [CTRL_D, "y" + CTRL_D])
def test_the_end_of_the_input_is_no(terminal: Terminal, keys: str) -> None:
    assert answer_with(terminal, keys) == NO


def test_a_terminal_that_is_closed_meanwhile_is_nobody(terminal: Terminal) -> None:
    terminal.run("signal.signal(signal.SIGHUP, signal.SIG_IGN); say(ask())")
    terminal.see(QUESTION)
    terminal.hang_up()
    assert terminal.hear() == NOBODY


def test_a_terminal_that_is_closed_just_before_is_an_error_of_the_system(terminal: Terminal) -> None:
    terminal.run(
        "import errno, select\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "say(consent.place()); select.select([0], [], [])\n"
        "try:\n    consent._from_terminal('install it?', 1)\n"
        "except OSError as error:\n    say(errno.errorcode[error.errno])"
    )
    assert terminal.hear() == "terminal"
    terminal.hang_up()
    assert terminal.hear() == "EIO"


def test_yes_works_in_another_thread(terminal: Terminal) -> None:
    script = "thread = threading.Thread(target=lambda: say(ask())); thread.start(); thread.join()"
    assert answer_with(terminal, "y" + ENTER, script=script) == YES


def test_two_threads_are_answered_one_after_the_other(terminal: Terminal) -> None:
    terminal.run(
        "for name in 'ab':\n    threading.Thread(target=lambda name=name: say([name, *ask(question=name)])).start()"
    )
    terminal.see(" [y/N/?] ")
    first = terminal.screen[0]
    terminal.type("y" + ENTER)
    assert terminal.hear() == [first, *YES]
    terminal.see(" [y/N/?] ", times=2)
    terminal.type("n" + ENTER)
    assert terminal.hear() == ["ba"["ab".index(first)], *NO]


def test_a_thread_that_waits_too_long_for_its_turn_has_no_answer(terminal: Terminal) -> None:
    terminal.run(
        "threading.Thread(target=lambda: say(ask())).start()\n"
        "while not consent._ONE_AT_A_TIME.locked(): time.sleep(0.01)\n"
        "say(ask(timeout=0.2, question='and this?'))"
    )
    assert terminal.hear() == [False, "no answer in 0.2 s"]
    terminal.see(QUESTION)
    terminal.type("y" + ENTER)
    assert terminal.hear() == YES
    assert "and this?" not in terminal.end()


def test_characters_that_would_change_what_is_seen_are_replaced(terminal: Terminal) -> None:
    script = r"say(ask(question='a\x1b[2Kb\u202ec\rd', details=lambda: 'e\x1b[2Af'))"
    terminal.run(script)
    terminal.see("[y/N/?] ")
    terminal.type("?" + ENTER)
    terminal.see("[y/N/?] ", times=2)
    terminal.type(ENTER)
    assert terminal.hear() == NO
    assert terminal.end() == (
        "a\ufffd[2Kb\ufffdc\ufffdd [y/N/?] ?\r\n"
        "e\ufffd[2Af\r\n"
        "a\ufffd[2Kb\ufffdc\ufffdd [y/N/?] \r\n"
    )  # fmt: skip


# -- the terminal is left as it was --------------------------------------------


def make_raw(line: int) -> None:
    attributes = termios.tcgetattr(line)
    attributes[0] &= ~termios.ICRNL
    attributes[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    termios.tcsetattr(line, termios.TCSANOW, attributes)


@pytest.mark.parametrize("raw", [False, True], ids=["cooked", "raw"])
@pytest.mark.parametrize(
    ("keys", "timeout", "answer"),
    [
        ("y" + ENTER, 30, YES),
        ("n" + ENTER, 30, NO),
        (CTRL_C, 30, INTERRUPTED),
        (CTRL_D, 30, NO),
        ("", 1, [False, "no answer in 1 s"]),
        ("?" + ENTER, 1, [False, "no answer in 1 s"]),
    ],
)
def test_the_terminal_is_left_as_it_was(
    terminal: Terminal, keys: str, timeout: int, answer: list[Any], raw: bool
) -> None:
    if raw:
        make_raw(terminal.line)
    before = termios.tcgetattr(terminal.line)
    assert answer_with(terminal, keys, script=f"say(ask(timeout={timeout}))") == answer
    assert termios.tcgetattr(terminal.line) == before


def test_a_terminal_without_lines_or_echo_gets_them_for_the_question(terminal: Terminal) -> None:
    make_raw(terminal.line)
    terminal.run("say(ask())")
    terminal.see(QUESTION)
    terminal.type("n" + BACKSPACE + "y")
    terminal.see(QUESTION + "n\b \by")
    terminal.type(ENTER)
    assert terminal.hear() == YES


def test_the_terminal_is_left_as_it_was_by_an_error(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.line)
    terminal.run(
        "signal.signal(signal.SIGUSR1, lambda *_: 1 / 0)\ntry:\n    ask()\nexcept ZeroDivisionError:\n    say('raised')"
    )
    terminal.see(QUESTION)
    terminal.signal(signal.SIGUSR1)
    assert terminal.hear() == "raised"
    assert termios.tcgetattr(terminal.line) == before


# -- where nobody could answer -------------------------------------------------

PLACE = "say([consent.place(), *ask(details=lambda: 1 / 0)])"


def test_a_terminal_in_the_foreground_is_a_place_to_ask(terminal: Terminal) -> None:
    assert answer_with(terminal, "y" + ENTER, script=PLACE) == ["terminal", *YES]


@pytest.mark.parametrize("streams", [["stdin"], ["stderr"], []])
def test_without_a_terminal_on_both_sides_nobody_is_asked(terminal: Terminal, streams: list[str]) -> None:
    terminal.run(PLACE, streams=streams)
    assert terminal.hear() == ["nobody", *NOBODY]
    assert terminal.end() == ""


@pytest.mark.parametrize("replacement", ["None", "io.StringIO('y\\n')", "open(os.devnull)", "object()"])
@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_a_stream_that_is_no_terminal_asks_nobody(terminal: Terminal, stream: str, replacement: str) -> None:
    terminal.run(f"sys.{stream} = {replacement}; {PLACE}")
    assert terminal.hear() == ["nobody", *NOBODY]
    assert terminal.end() == ""


def test_a_closed_stream_asks_nobody(terminal: Terminal) -> None:
    terminal.run(f"sys.stdin.close(); {PLACE}")
    assert terminal.hear() == ["nobody", *NOBODY]


def test_a_ci_machine_is_not_asked(terminal: Terminal) -> None:
    terminal.run(PLACE, CI="true")
    assert terminal.hear() == ["nobody", *NOBODY]
    assert terminal.end() == ""


def test_an_empty_ci_variable_is_no_ci_machine(terminal: Terminal) -> None:
    terminal.run("say(consent.place())", CI="")
    assert terminal.hear() == "terminal"


def test_a_background_process_does_not_ask(terminal: Terminal) -> None:
    terminal.run(
        "code = 'from load._install import consent; print(consent.place(), *consent.ask(\"?\", str))'\n"
        "say(subprocess.run([sys.executable, '-c', code], process_group=0, stdout=-1, text=True).stdout)"
    )
    assert terminal.hear() == "nobody False there is nobody to ask\n"
    assert terminal.end() == ""


def test_a_child_process_in_the_foreground_may_ask(terminal: Terminal) -> None:
    terminal.run(
        "code = 'from load._install import consent; print(consent.place())'\n"
        "say(subprocess.run([sys.executable, '-c', code], stdout=-1, text=True).stdout)"
    )
    assert terminal.hear() == "terminal\n"


@pytest.mark.parametrize(("keys", "answer"), [("", [False, "no answer in 2 s"]), ("y\n", NOBODY)])
def test_a_process_put_in_the_background_meanwhile_leaves_the_terminal_alone(
    terminal: Terminal, keys: str, answer: list[Any]
) -> None:
    asker = (
        "signal.signal(signal.SIGTTOU, signal.SIG_DFL)\n"
        "while os.tcgetpgrp(0) != os.getpgrp(): time.sleep(0.01)\n"
        f"say(ask(timeout={30 if keys else 2}))"
    )
    terminal.run(  # what a shell does: a job in the foreground, which Ctrl-Z and `bg` put in the background
        "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
        f"job = subprocess.Popen([sys.executable, '-c', {PRELUDE + asker!r}], process_group=0)\n"
        "os.tcsetpgrp(0, job.pid)\n"
        "signal.signal(signal.SIGUSR1, lambda *_: (os.tcsetpgrp(0, os.getpgrp()), say('background')))\n"
        "job.wait()"
    )
    terminal.see(QUESTION)
    terminal.signal(signal.SIGUSR1)
    assert terminal.hear() == "background"
    make_raw(terminal.line)  # the shell's own modes
    before = termios.tcgetattr(terminal.line)
    terminal.type(keys)
    assert terminal.hear() == answer
    assert termios.tcgetattr(terminal.line) == before
    assert not keys or os.read(terminal.line, 10) == keys.encode()


def test_a_captured_test_does_not_ask(terminal: Terminal, tmp_path: Path) -> None:
    body = "from load._install import consent\ndef test_it():\n    assert consent.place() == 'nobody'\n"
    (tmp_path / "test_inner.py").write_text(body)
    terminal.run(
        f"command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', {str(tmp_path)!r}]\n"
        "run = subprocess.run(command, stdout=-1, text=True)\n"
        "say([consent.place(), run.returncode, run.stdout])"
    )
    place, returncode, said = terminal.hear()
    assert (place, returncode) == ("terminal", 0), said


# -- a Windows console ---------------------------------------------------------


class Keyboard:
    """Stands in for ``msvcrt``, which only Windows has: keys that wait, and keys that follow the choices."""

    def __init__(self, ahead: str, after: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._keys, self._after = list(ahead), list(after)
        self._capsys = capsys
        self.screen = ""

    def kbhit(self) -> bool:
        self.screen += self._capsys.readouterr().err
        if "[y/N/?]" in self.screen:
            self._keys, self._after = self._keys + self._after, []
        return bool(self._keys)

    def getwch(self) -> str:
        return self._keys.pop(0)

    def putwch(self, unicode_char: str, /) -> None:
        self.screen += unicode_char


def typed(keyboard: Keyboard) -> str:
    return consent._edited_line(keyboard, "install it?", 0.1)


def test_a_console_line_is_echoed_edited_and_ended_with_enter(capsys: pytest.CaptureFixture[str]) -> None:
    keyboard = Keyboard("", "\bno\b\by\r", capsys)
    assert typed(keyboard) == "y"
    assert keyboard.screen == QUESTION + "no\b \b\b \by"


@pytest.mark.parametrize("ahead", ["\r", "y\r", "y"])
def test_nothing_typed_ahead_on_a_console_is_read(ahead: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TimeoutError):
        typed(Keyboard(ahead, "", capsys))
    assert typed(Keyboard(ahead, "n\r", capsys)) == "n"


def test_ctrl_c_breaks_off_a_console_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        typed(Keyboard("", "y\x03", capsys))


@pytest.mark.parametrize("key", ["\x1a", "\x04"])
def test_the_end_of_the_input_breaks_off_a_console_line(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EOFError):
        typed(Keyboard("", f"y{key}", capsys))


def test_an_arrow_key_before_y_is_no_yes_on_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    assert consent._meaning(typed(Keyboard("", "\xe0Ky\r", capsys))) == (False, "you said no")


# -- a notebook ----------------------------------------------------------------


class Cell(NamedTuple):
    """What came of a cell: what it said, what it wrote on standard error, and what it asked."""

    said: Any
    errors: str
    prompts: list[str]


class Notebook:
    """A real kernel, and a front end that answers its questions."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def run(self, code: str, *answers: str | None, stdin: bool = True) -> Cell:
        """Run a cell; each question gets the next answer (None: silence)."""
        prompts: list[str] = []
        left = iter(answers)

        def reply(request: dict[str, Any]) -> None:
            prompts.append(request["content"]["prompt"])
            answer = next(left)
            if answer is not None:
                self.client.input(answer)

        streams = {"stdout": "", "stderr": ""}
        self._execute(code, streams, stdin, reply)
        return Cell(json.loads(streams["stdout"]), streams["stderr"], prompts)

    def _execute(self, code: str, streams: dict[str, str], stdin: bool, reply: Any) -> None:
        def show(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                streams[message["content"]["name"]] += message["content"]["text"]

        reply_message = self.client.execute_interactive(
            code, allow_stdin=stdin, stdin_hook=reply, output_hook=show, timeout=PATIENCE
        )
        assert reply_message["content"]["status"] == "ok", reply_message


IN_KERNEL = """
import json, os, sys, threading
from load._install import consent

def ask(timeout=30, details=lambda: "the facts"):
    return consent.ask("install it?", details, timeout=timeout)

def say(value):
    print(json.dumps(value))

say("ready")
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    home = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(connection_file=str(home / "kernel.json"))
    manager.start_kernel(env=surroundings(home, IPYTHONDIR=str(home)))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        ready = Notebook(manager, client)
        assert ready.run(IN_KERNEL).said == "ready"
        yield ready
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.destroy()


@pytest.mark.parametrize("line", ["y", "YES\n"])
def test_y_or_yes_in_a_notebook_is_yes(notebook: Notebook, line: str) -> None:
    assert notebook.run("say([consent.place(), *ask()])", line) == (["notebook", *YES], "", [QUESTION])


@pytest.mark.parametrize("line", ["", "n", "yes, please", "y\nn", CTRL_D, "y" * 1_000_000])
def test_anything_else_in_a_notebook_is_no(notebook: Notebook, line: str) -> None:
    assert notebook.run("say(ask())", line) == (NO, "", [QUESTION])


def test_a_question_mark_shows_the_facts_in_a_notebook(notebook: Notebook) -> None:
    assert notebook.run("say(ask())", "?", "y") == (YES, "the facts\n", [QUESTION, QUESTION])


def test_no_answer_in_a_notebook_is_no(notebook: Notebook) -> None:
    assert notebook.run("say(ask(timeout=0.3))", None).said == [False, "no answer in 0.3 s"]


def test_a_late_answer_does_not_answer_the_next_question(notebook: Notebook) -> None:
    assert notebook.run("say(ask(timeout=0.3))", None).said == [False, "no answer in 0.3 s"]
    notebook.client.input("y")
    assert notebook.run("say(ask(timeout=0.3))", None).said == [False, "no answer in 0.3 s"]
    assert notebook.run("say(ask())", "y").said == YES


def test_an_answer_to_another_question_is_no_answer_and_one_to_this_question_is(notebook: Notebook) -> None:
    requests: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []

    def reply(request: dict[str, Any]) -> None:
        requests.append(request)
        if len(requests) == 2:  # the box of the first question, then that of the second
            for to, answer in zip(requests, ["y", "n"], strict=True):
                session = notebook.client.session
                sent.append(session.msg("input_reply", {"value": answer}, parent=to))
                notebook.client.stdin_channel.send(sent[-1])

    streams = {"stdout": "", "stderr": ""}
    notebook._execute("say([*ask(timeout=0.3), *ask()])", streams, True, reply)
    assert json.loads(streams["stdout"]) == [False, "no answer in 0.3 s", *NO]


def test_a_forged_reply_is_no_answer(notebook: Notebook) -> None:
    def reply(_: dict[str, Any]) -> None:
        session = notebook.client.session
        parts = session.serialize(session.msg("input_reply", {"value": "y"}))
        parts[1] = b"0" * 64  # the signature
        notebook.client.stdin_channel.socket.send_multipart(parts)

    streams = {"stdout": "", "stderr": ""}
    notebook._execute("say(ask(timeout=0.5))", streams, True, reply)
    assert json.loads(streams["stdout"]) == [False, "no answer in 0.5 s"]


def test_interrupting_the_kernel_is_no(notebook: Notebook) -> None:
    streams = {"stdout": "", "stderr": ""}
    notebook._execute("say(ask())", streams, True, lambda _: notebook.manager.interrupt_kernel())
    assert json.loads(streams["stdout"]) == INTERRUPTED


def test_a_thread_of_a_notebook_may_ask(notebook: Notebook) -> None:
    code = "thread = threading.Thread(target=lambda: say(ask())); thread.start(); thread.join()"
    assert notebook.run(code, "y").said == YES


def test_a_notebook_that_takes_no_input_has_nobody_to_ask(notebook: Notebook) -> None:
    code = "say([consent.place(), *ask(details=lambda: 1 / 0)])"
    assert notebook.run(code, stdin=False) == (["nobody", *NOBODY], "", [])


def test_a_forked_child_of_a_kernel_does_not_use_its_sockets(notebook: Notebook) -> None:
    code = (
        "near, far = os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.write(far, consent.place().encode()); os._exit(0)\n"
        "os.waitpid(child, 0); say([consent.place(), os.read(near, 100).decode()])"
    )
    assert notebook.run(code).said == ["notebook", "nobody"]


def test_a_notebook_run_without_a_person_has_nobody_to_ask(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    code = "from load._install import consent\nprint(consent.place(), *consent.ask('install it?', str))"
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": code,
        "metadata": {},
        "outputs": [],
        "execution_count": 0,
    }
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    pages = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    client = NotebookClient(pages, kernel_name="python3", timeout=int(PATIENCE))
    client.execute(env=surroundings(tmp_path, IPYTHONDIR=str(tmp_path)))
    assert pages.cells[0].outputs[0].text == "nobody False there is nobody to ask\n"
