"""Auto-print: one line a load, and any value within a limit, on the stdout of the moment."""

from __future__ import annotations

import asyncio
import collections
import io
import os
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import load
from load._errors import ConfigError
from load._journal import Event, Journal, Progress
from load._report.printing import AutoPrinter, describe, load_line, no_print, put_line

MIB = 1 << 20
SOURCE = str(Path(load.__file__).resolve().parents[1])
NUMPY = Event("import", "numpy", "2.4.1", "store", seconds=0.0844, memory=int(28.3 * MIB), number=1)


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def printer(journal):
    """A printer that is enabled, and disabled again after the test."""
    printer = AutoPrinter(journal)
    printer.enable()
    yield printer
    printer.disable()


def run(script: str, **options) -> subprocess.CompletedProcess[bytes]:
    """Run a script that has a journal, an enabled printer and `numpy`, the event of a load."""
    prelude = f"""
        import os, sys
        from load._journal import Event, Journal
        from load._report.printing import AutoPrinter
        journal = Journal()
        printer = AutoPrinter(journal)
        printer.enable()
        numpy = {NUMPY!r}
        """
    environ = {**os.environ, "PYTHONPATH": SOURCE, **options.pop("environ", {})}
    program = [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(script)]
    return subprocess.run(program, env=environ, timeout=60, check=False, stderr=subprocess.PIPE, **options)


# --- the line of a load


def test_a_load_is_one_line(journal, printer, capsys):
    journal.append(NUMPY)
    assert capsys.readouterr() == ("✓ numpy 2.4.1 · 84 ms · +28.3 MiB · store\n", "")


def test_a_printer_that_is_not_enabled_prints_nothing(journal, capsys):
    AutoPrinter(journal)
    journal.append(NUMPY)
    assert capsys.readouterr().out == ""


def test_a_printer_that_was_disabled_prints_nothing_and_can_be_enabled_again(journal, printer, capsys):
    printer.disable()
    printer.disable()
    assert not printer.enabled
    journal.append(NUMPY)
    assert capsys.readouterr().out == ""
    printer.enable()
    assert printer.enabled
    journal.append(NUMPY)
    assert capsys.readouterr().out.count("\n") == 1


def test_to_enable_twice_prints_no_line_twice(journal, printer, capsys):
    printer.enable()
    journal.append(NUMPY)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"version": None}, "✓ numpy · 84 ms · +28.3 MiB · store"),
        ({"memory": None}, "✓ numpy 2.4.1 · 84 ms · store"),
        ({"memory": 0}, "✓ numpy 2.4.1 · 84 ms · < 0.1 MiB · store"),
        ({"memory": -MIB}, "✓ numpy 2.4.1 · 84 ms · -1.0 MiB · store"),
        ({"origin": None, "seconds": 2.5}, "✓ numpy 2.4.1 · 2.50 s · +28.3 MiB"),
    ],
)
def test_what_is_not_known_is_left_out(facts, line):
    assert load_line(NUMPY._replace(**facts)) == line


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event("refuse", "nope", detail="it is not established\nWays out:"), "✗ nope · it is not established"),
        (Event("fail", "bad", detail="import: ValueError: no"), "✗ bad · ValueError: no"),
        (Event("fail", "bad", detail="surely: ValueError: no"), "✗ bad · surely: ValueError: no"),
        (Event("refuse", "bad", detail="import: it is off"), "✗ bad · import: it is off"),
        (Event("fail", "bad"), "✗ bad · "),
    ],
)
def test_a_load_that_did_not_succeed_says_why_in_its_first_line(event, line):
    assert load_line(event) == line


def test_a_long_reason_is_cut_at_the_limit(journal, printer, capsys):
    printer.set_print_limit(10)
    journal.append(Event("refuse", "nope", detail="0123456789 and more"))
    assert capsys.readouterr().out == "✗ nope · 0123456789…\n"


@given(st.sampled_from(["import", "refuse", "fail"]), st.text(), st.text(), st.text(), st.text())
def test_whatever_is_in_an_event_it_is_one_line_without_control_characters(kind, name, version, origin, detail):
    event = Event(kind, name, version, origin, detail=detail)
    assert load_line(event).isprintable()


# --- which loads have a line


def test_only_loads_have_lines(journal, printer, capsys):
    for kind in ("resolve", "plan", "install", "activate", "reuse", "reload", "unload"):
        journal.record(kind, "numpy")
    journal.signal(Progress("download", "numpy", 1, 2))
    assert capsys.readouterr().out == ""


def test_a_load_inside_a_load_has_no_line_of_its_own(journal, printer, capsys):
    with journal.timed("import", "outer"), journal.timed("import", "inner"):
        pass
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["outer"]


def test_a_load_inside_an_install_or_a_plan_has_a_line(journal, printer, capsys):
    with journal.timed("plan", "both"), journal.timed("install", "both"):
        journal.append(NUMPY._replace(parent=journal.under_way()))
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "✓ numpy 2.4.1 · 84 ms · +28.3 MiB · store\n"


def test_a_load_inside_an_install_inside_a_load_has_no_line(journal, printer, capsys):
    with journal.timed("import", "outer"), journal.timed("install", "inner"), journal.timed("import", "inner"):
        pass
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["outer"]


def test_a_failure_inside_a_load_that_succeeds_has_no_line(journal, printer, capsys):
    with journal.timed("import", "outer"), pytest.raises(ZeroDivisionError), journal.timed("import", "optional"):
        raise ZeroDivisionError("no GPU")
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["✓", "outer"]]


def test_a_refused_load_is_told_once_and_with_the_reason_of_the_refusal(journal, printer, capsys):
    with pytest.raises(ImportError), journal.timed("import", "nope"):
        journal.record("refuse", "nope", detail="it is not established")
        raise ImportError("'nope' is not here, and so on")
    assert capsys.readouterr().out == "✗ nope · it is not established\n"


def test_a_load_that_fails_for_another_s_sake_keeps_its_own_reason(journal, printer, capsys):
    with pytest.raises(ImportError), journal.timed("import", "outer"):
        journal.record("refuse", "nope", detail="it is not established")
        raise ImportError("outer needs nope")
    assert capsys.readouterr().out == "✗ outer · ImportError: outer needs nope\n"


def test_the_time_and_memory_of_installing_are_not_those_of_the_load(journal, printer, capsys):
    journal.append(Event("resolve", "numpy", seconds=0.25, memory=MIB, number=3, parent=2))
    journal.append(Event("install", "numpy", seconds=2.0, memory=3 * MIB, number=2, parent=1))
    journal.append(Event("activate", "a1b2", seconds=0.25, number=4, parent=1))
    journal.append(Event("import", "numpy", seconds=2.5, memory=4 * MIB, number=1))
    journal.append(Event("import", "json", seconds=2.5, memory=4 * MIB, number=5))
    assert capsys.readouterr().out == "✓ numpy · 250 ms · +1.0 MiB\n✓ json · 2.50 s · +4.0 MiB\n"


def test_loads_of_several_threads_have_a_line_each(journal, printer, capsys):
    at_once = threading.Barrier(8)

    def load_one(name):
        at_once.wait()
        with journal.timed("import", name), journal.timed("import", "inner"):
            pass

    threads = [threading.Thread(target=load_one, args=(f"m{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.split()[1] for line in capsys.readouterr().out.splitlines()) == [f"m{n}" for n in range(8)]


# --- silence


def test_no_print_silences_loads_and_values_and_nests(journal, printer, capsys):
    with no_print():
        with no_print():
            journal.append(NUMPY)
        journal.append(NUMPY)
        printer.smart_print(1)
    assert capsys.readouterr().out == ""
    journal.append(NUMPY)
    printer.smart_print(1)
    assert capsys.readouterr().out.count("\n") == 2


def test_no_print_ends_also_where_its_block_raises(journal, printer, capsys):
    with pytest.raises(ZeroDivisionError), no_print():
        raise ZeroDivisionError
    journal.append(NUMPY)
    assert capsys.readouterr().out.count("\n") == 1


def test_one_no_print_object_can_be_entered_again(journal, printer, capsys):
    quiet = no_print()
    with quiet, quiet:
        pass
    journal.append(NUMPY)
    assert capsys.readouterr().out.count("\n") == 1


def test_no_print_leaves_the_loads_of_other_threads_alone(journal, printer, capsys):
    with no_print():
        other = threading.Thread(target=journal.append, args=(NUMPY,))
        other.start()
        other.join()
    assert capsys.readouterr().out.count("\n") == 1


def test_no_print_leaves_the_loads_of_other_tasks_alone(journal, printer, capsys):
    async def quiet(entered, leave):
        with no_print():
            entered.set()
            await leave.wait()

    async def main():
        entered, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(quiet(entered, leave))
        await entered.wait()
        journal.append(NUMPY)
        leave.set()
        await task

    asyncio.run(main())
    assert capsys.readouterr().out.count("\n") == 1


def test_a_value_that_is_asked_for_is_shown_while_disabled(printer, capsys):
    printer.disable()
    printer.smart_print([1, 2], "pair")
    assert capsys.readouterr().out == "pair: [1, 2]\n"


# --- the stream


def test_stdout_is_looked_up_at_each_line(journal, printer, monkeypatch):
    for stream in (io.StringIO(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        journal.append(NUMPY)
        assert stream.getvalue() == "✓ numpy 2.4.1 · 84 ms · +28.3 MiB · store\n"


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("utf-8", "✓ numpy 2.4.1 · 84 ms · +28.3 MiB · store".encode()),
        ("ascii", b"ok numpy 2.4.1 | 84 ms | +28.3 MiB | store"),
        ("cp1252", b"ok numpy 2.4.1 | 84 ms | +28.3 MiB | store"),
        ("ascii:replace", b"ok numpy 2.4.1 | 84 ms | +28.3 MiB | store"),
    ],
)
def test_a_stream_that_cannot_do_the_marks_gets_words(encoding, line):
    ran = run("journal.append(numpy)", stdout=subprocess.PIPE, environ={"PYTHONIOENCODING": encoding})
    assert (ran.stdout.splitlines(), ran.stderr, ran.returncode) == ([line], b"", 0)


def test_a_failure_and_a_foreign_name_are_told_in_ascii_too():
    ran = run(
        'journal.append(Event("fail", "naïve", detail="import: E: 変")); journal.append(numpy._replace(name="naïve"))',
        stdout=subprocess.PIPE,
        environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
    )
    assert ran.stdout.splitlines() == [
        b"failed na\\xefve | E: \\u5909",
        b"ok na\\xefve 2.4.1 | 84 ms | +28.3 MiB | store",
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        "sys.stdout.close()",
        "sys.stdout = None",
        "sys.stdout = sys.__stdout__.detach() and sys.stdout",
        "os.close(1); sys.stdout = open(os.open(os.devnull, os.O_RDONLY), 'w', buffering=1, closefd=False)",
    ],
)
def test_a_stream_in_trouble_is_no_trouble_of_the_load(trouble):
    ran = run(f"{trouble}\njournal.append(numpy); printer.smart_print(1); os._exit(7)", stdout=subprocess.DEVNULL)
    assert (ran.returncode, ran.stderr) == (7, b"")


def test_a_reader_that_has_gone_is_no_trouble_of_the_load():
    reader, writer = os.pipe()
    os.close(reader)
    script = "sys.stdout.reconfigure(line_buffering=True); journal.append(numpy); os._exit(7)"
    ran = run(script, stdout=writer)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (7, b"")


def test_an_error_that_is_not_the_stream_s_is_not_hidden():
    class Interrupted(io.StringIO):
        def write(self, text):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put_line(Interrupted(), "x")


def test_the_room_is_cheap_to_enter():
    ran = subprocess.run(
        [
            sys.executable,
            "-ISc",
            f"import sys; sys.path.insert(0, {SOURCE!r}); import load._report.printing; print(*sorted(sys.modules))",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    heavy = {
        "typing",
        "dataclasses",
        "re",
        "json",
        "subprocess",
        "logging",
        "inspect",
        "psutil",
        "rich",
        "contextlib",
        "pathlib",
    }
    assert not heavy & set(ran.stdout.split())


# --- the limit


@pytest.mark.parametrize(
    ("limit", "shown"),
    [(-1, "-1"), (True, "True"), (2.5, "2.5"), ("many", "'many'"), (None, "None"), ("9" * 100, "'" + "9" * 79 + "…")],
)
def test_a_limit_is_a_whole_number_from_zero_up(limit, shown):
    message = (
        f"the print limit is a whole number of characters from 0 up, not {shown}\n"
        "Ways out:\n"
        "  - for the usual one: set_print_limit(1000)\n"
        "  - to print nothing: disable_auto_print()"
    )
    printer = AutoPrinter(Journal(), 7)
    for refused in (printer.set_print_limit, printer.enable, lambda limit: AutoPrinter(Journal(), limit)):
        with pytest.raises(ConfigError) as caught:
            refused(limit)
        assert str(caught.value) == message
    assert (printer.limit, printer.enabled) == (7, False)


def test_a_value_is_shown_up_to_the_limit_and_not_beyond(printer, capsys):
    printer.set_print_limit(5)
    printer.smart_print(12345)
    printer.smart_print(123456)
    printer.set_print_limit(0)
    printer.smart_print(1)
    assert capsys.readouterr().out == "12345\n12345…\n…\n"


def test_to_enable_again_sets_the_limit(printer):
    assert printer.limit == 1000
    printer.enable(20)
    assert printer.limit == 20


# --- values


def test_a_module_is_its_name_version_and_file(tmp_path):
    module = ModuleType("shop")
    assert describe(module) == "module shop"
    module.__version__, module.__file__ = "1.5", "/app/shop.py"
    assert describe(module) == "module shop 1.5 · /app/shop.py"
    module.__version__ = (1, 5)
    assert describe(module) == "module shop · /app/shop.py"


def test_a_module_that_is_loaded_by_its_first_attribute_stays_unloaded():
    class Lazy(ModuleType):
        def __getattribute__(self, name):
            raise AssertionError(f"{name} was asked for")

    assert describe(Lazy("torch")) == "module torch"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (3.5, "3.5"),
        ("it's", '"it\'s"'),
        ([1, [2, 3]], "[1, [2, 3]]"),
        ({}, "dict · 0 items · {}"),
        ({"a": 1}, "dict · 1 item · {'a': 1}"),
        (dict.fromkeys(range(12)), "dict · 12 items · {" + "".join(f"{n}: None, " for n in range(10)) + "…}"),
        (MappingProxyType({"a": 1}), "mappingproxy · 1 item · {'a': 1}"),
        (list(range(10)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"),
        (list(range(1234)), "list · 1,234 items · [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"),
        (collections.deque(range(11)), "deque · 11 items · [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"),
        (frozenset([5]), "frozenset({5})"),
        (range(10**9), "range(0, 1000000000)"),
        ([list(range(99))], "[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]]"),
    ],
)
def test_values_are_shown_as_a_prompt_would_and_long_ones_by_their_length_and_beginning(value, text):
    assert describe(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("x" * 50, "'" + "x" * 9 + "…"), (b"x" * 50, "b'" + "x" * 8 + "…"), (10**50, "1" + "0" * 9 + "…")],
)
def test_anything_long_is_cut_at_the_limit(value, text):
    assert describe(value, limit=10) == text


def test_a_name_stands_before_the_value():
    assert describe(1, "x") == "x: 1"
    assert describe(1, "a\nb\x1b[0m") == "a\nb\\x1b[0m: 1"


def test_an_object_can_say_itself_how_it_is_shown():
    class Model:
        def __load_display__(self):
            return "a model\nof 7 layers"

    assert describe(Model(), "net") == "net: a model\nof 7 layers"
    assert describe(Model(), limit=7) == "a model…"
    assert describe(Model) == repr(Model)


def test_an_object_that_says_so_wrongly_is_shown_otherwise():
    class Model:
        def __load_display__(self):
            raise RuntimeError("no")

        def __repr__(self):
            return "Model()"

    assert describe(Model()) == "Model()"


def raises(self):
    raise ValueError("no")


def recursive(self):
    return repr(self)


@pytest.mark.parametrize(
    "hostile",
    [raises, recursive, lambda self: 3, lambda self: None],
    ids=["raises", "recursive", "a number", "none"],
)
def test_a_hostile_repr_is_named_by_its_class(hostile):
    Hostile = type("Hostile", (), {"__repr__": hostile, "__str__": hostile})
    assert describe(Hostile()).startswith("<Hostile instance at 0x")
    assert describe({"key": Hostile()}).startswith("dict · 1 item · {'key': <Hostile instance at 0x")


def test_an_object_that_answers_no_question_is_still_shown():
    class Nothing:
        def __getattribute__(self, name):
            raise ValueError(name)

        def __repr__(self):
            raise ValueError

    assert "Nothing" in describe(Nothing())


def test_a_huge_repr_is_cut_and_control_characters_are_written_out():
    class Huge:
        def __repr__(self):
            return "\x1b[2J\r\u202e" + "x" * 10**7

    assert describe(Huge(), limit=20) == "\\x1b[2J\\r\\u202e" + "x" * 5 + "…"
    assert len(describe([Huge()] * 20)) == 1001


def test_an_interrupt_while_a_value_is_shown_is_an_interrupt():
    class Slow:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe(Slow())


def test_an_object_that_has_every_attribute_is_neither_a_frame_nor_a_response():
    assert describe(MagicMock(spec=[])).startswith("<MagicMock ")


def test_a_frame_whose_size_must_be_computed_is_not_computed():
    class Frame:
        columns = ("a",)
        dtypes = ("int64",)
        jobs = 0

        def __init__(self, rows):
            self.shape = (rows, 1)

        def head(self, rows):
            self.jobs += 1
            return "1"

        def __repr__(self):
            return "Frame[a]"

    here, on_a_cluster = Frame(1), Frame("to be counted")
    assert (describe(here), here.jobs) == ("Frame · shape (1, 1) · a int64\n1", 1)
    assert (describe(on_a_cluster), on_a_cluster.jobs) == ("Frame[a]", 0)


def loaded(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A package that the tests' own environment does not have: what is tested here gets it."""
    monkeypatch.setenv("LOAD_HOME", str(tmp_path))
    return load(name, install=True)


@pytest.mark.network
def test_arrays_of_numpy_are_shown_by_shape_type_and_first_rows(monkeypatch, tmp_path):
    np = loaded("numpy", monkeypatch, tmp_path)
    assert describe(np.arange(12).reshape(6, 2), "a") == (
        "a: ndarray · shape (6, 2) · int64\n[[0 1]\n [2 3]\n [4 5]\n [6 7]\n [8 9]]"
    )
    assert describe(np.zeros(0)) == "ndarray · shape (0,) · float64\n[]"
    assert describe(np.float64(2.5)) == repr(np.float64(2.5))
    assert len(describe(np.zeros((1000, 1000)), limit=100)) == 101


@pytest.mark.network
def test_frames_and_series_of_pandas_are_shown_by_shape_type_and_first_rows(monkeypatch, tmp_path):
    pd = loaded("pandas", monkeypatch, tmp_path)
    frame = pd.DataFrame({"a": range(1000), "b": [0.5] * 1000})
    assert describe(frame) == (
        "DataFrame · shape (1000, 2) · a int64, b float64\n"
        "   a    b\n0  0  0.5\n1  1  0.5\n2  2  0.5\n3  3  0.5\n4  4  0.5"
    )
    assert describe(frame.b.iloc[:2]) == "Series · shape (2,) · float64\n0    0.5\n1    0.5\nName: b, dtype: float64"
    assert describe(pd.DataFrame([range(12)])).splitlines()[0].endswith(", 9 int64, …")
    assert describe(pd.DataFrame) == repr(pd.DataFrame)


class _Pages(BaseHTTPRequestHandler):
    pages: ClassVar = {
        "/text": ("text/plain; charset=utf-8", "héllo ".encode() * 100),
        "/zip": ("application/zip", b"PK\x03\x04" + bytes(2 * MIB)),
        "/bare": (None, b"plain"),
    }

    def do_GET(self):
        kind, body = self.pages.get(self.path, ("text/html", b"\x1b]0;gone\x07"))
        self.send_response(200 if self.path in self.pages else 404)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    """The address of a server on loopback, which ends with the tests of this file."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_response_is_shown_by_status_type_and_the_beginning_of_its_body(site):
    with requests.get(site + "/text", timeout=10) as response:
        assert describe(response, limit=60) == "Response 200 OK · text/plain; charset=utf-8\nhéllo héllo héll…"
    with requests.get(site + "/bare", timeout=10) as response:
        assert describe(response) == "Response 200 OK\nplain"


def test_a_body_that_is_no_text_is_shown_by_its_size(site):
    with requests.get(site + "/zip", timeout=10) as response:
        assert describe(response) == "Response 200 OK · application/zip · 2.0 MiB"


def test_a_body_cannot_steer_the_terminal(site):
    with requests.get(site + "/gone", timeout=10) as response:
        assert describe(response) == "Response 404 Not Found · text/html\n\\x1b]0;gone\\x07"


def test_a_body_that_was_not_read_is_left_to_its_owner(site):
    with requests.get(site + "/text", timeout=10, stream=True) as response:
        assert describe(response) == "Response 200 OK · text/plain; charset=utf-8 · body not read yet"
        assert response.raw.read(7) == "héllo ".encode()


def test_to_show_a_value_imports_neither_numpy_nor_pandas():
    ran = run(
        "printer.smart_print([1]); printer.smart_print(numpy); print({'numpy', 'pandas', 'requests', 'rich'} & set(sys.modules))",
        stdout=subprocess.PIPE,
        environ={"PYTHONIOENCODING": "utf-8"},
    )
    assert ran.stdout.splitlines()[-1] == b"set()"


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    ),
    st.integers(0, 50),
)
def test_no_value_is_shown_with_more_characters_than_the_limit_and_a_mark(value, limit):
    text = describe(value, limit=limit)
    assert len(text) <= limit + 1
    assert text.isprintable()
