"""`report()` and `memory()`: what loading cost, as a table and as data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import load
from load._journal import Event, Journal
from load._report.memory import Memory, added_bytes, human_bytes, human_seconds, memory
from load._report.table import report

MIB = 1 << 20
SOURCE = str(Path(load.__file__).resolve().parents[1])
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def printed_by(script: str, **environ: str) -> str:
    """What a fresh interpreter prints; it must succeed and say nothing on stderr."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


# --- memory


def test_memory_is_one_line_of_figures():
    measured = Memory(rss=300 * MIB, uss=int(98.14 * MIB), peak=2048 * MIB, available=0)
    assert str(measured) == "resident 300.0 MiB, unique 98.1 MiB, peak 2.0 GiB, available < 0.1 MiB"


def test_what_is_not_known_is_said_to_be_unknown():
    assert str(Memory(None, None, None, None)) == "resident unknown, unique unknown, peak unknown, available unknown"


def test_memory_rises_and_falls_with_what_is_held_and_the_peak_stays():
    figures = printed_by(f"""
        from load._report.memory import memory
        before = memory()
        held = bytearray(b"x") * (64 * {MIB})
        during = memory()
        del held
        after = memory()
        for name in ("rss", "uss", "peak"):
            print(*(getattr(each, name) // {MIB} for each in (before, during, after)))
        """)
    rss, uss, peak = ([int(figure) for figure in line.split()] for line in figures.splitlines())
    for before, during, after in (rss, uss):
        assert 62 <= during - before <= 68
        assert 62 <= during - after <= 68
    assert peak[1] - rss[0] >= 62
    assert 0 <= peak[2] - peak[1] <= 1  # whole MiB: a page more may turn the last one over


@on_linux
def test_the_peak_is_this_process_s_own_and_not_its_parent_s():
    peak = printed_by(f"""
        import subprocess, sys
        held = bytearray(b"x") * (300 * {MIB})
        child = "from load._report.memory import memory; print(memory().peak)"
        print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout)
        """)
    assert int(peak) < 150 * MIB


def test_available_memory_is_the_machine_s():
    available = memory().available
    assert available is not None
    assert available > MIB


@on_linux
def test_what_cannot_be_read_is_none_and_raises_nothing():
    told = printed_by("""
        import psutil
        psutil.PROCFS_PATH = "/nowhere"
        from load._report.memory import memory
        print(memory()._replace(peak=None))
        """)
    assert told == "resident unknown, unique unknown, peak unknown, available unknown\n"


def test_without_psutil_nothing_is_known():
    told = printed_by("""
        import sys
        sys.modules["psutil"] = None
        from load._report.memory import memory
        print(memory())
        """)
    assert told == "resident unknown, unique unknown, peak unknown, available unknown\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "< 0.1 MiB"),
        (104857, "< 0.1 MiB"),
        (104858, "0.1 MiB"),
        (int(28.3 * MIB), "28.3 MiB"),
        (-int(3.34 * MIB), "-3.3 MiB"),
        (int(1023.94 * MIB), "1023.9 MiB"),
        (int(1023.96 * MIB), "1.0 GiB"),
        (3 * 1024 * 1024 * MIB, "3,072.0 GiB"),
    ],
)
def test_bytes_read_in_mebibytes_or_gibibytes(count, text):
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(int(28.3 * MIB), "+28.3 MiB"), (0, "< 0.1 MiB"), (-MIB, "-1.0 MiB"), (-1, "< 0.1 MiB")]
)
def test_only_memory_that_was_taken_has_a_plus(count, text):
    assert added_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "< 1 ms"),
        (0.00099, "< 1 ms"),
        (0.001, "1 ms"),
        (0.0844, "84 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.25, "1.25 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (125, "2 min 5 s"),
    ],
)
def test_seconds_read_with_as_many_figures_as_repeat(seconds, text):
    assert human_seconds(seconds) == text


@given(st.floats(min_value=0, max_value=1e6))
def test_no_time_is_written_as_a_thousand_milliseconds_or_sixty_seconds(seconds):
    assert not human_seconds(seconds).startswith(("0 ms", "1000 ms", "60.0 s"))
    assert not human_seconds(seconds).endswith(" 60 s")


# --- the table

A_SESSION = (
    Event("install", "numpy", "2.4.1", "/store/a", "numpy>=2", 0.412, 9 * MIB, "a.py:3", number=2, parent=1),
    Event("import", "numpy", "2.4.1", "store", "numpy>=2", 0.5, int(37.3 * MIB), "a.py:3", number=1),
    Event("import", "json", "2.0.9", "standard library", None, 0.002, 1000, "b.py:1", number=4, parent=3),
    Event("import", "dateutil", "2.9.0", "environment", None, 0.02, 2 * MIB, "b.py:1", number=5, parent=3),
    Event("import", "pandas", "3.1.1", "environment", None, 1.25, 50 * MIB, "a.py:4", number=3),
    Event("refuse", "nope", None, None, "nope", 0.0, None, "a.py:5", number=6, detail="it is not established"),
)


def test_the_table_has_a_row_a_load_and_says_what_its_figures_mean():
    assert (
        str(report(A_SESSION))
        == """\
module      version  origin            import    self    MiB   self  install
────────────────────────────────────────────────────────────────────────────
numpy       2.4.1    store              88 ms   88 ms   28.3   28.3   412 ms
pandas      3.1.1    environment       1.25 s  1.23 s   50.0   48.0
  json      2.0.9    standard library    2 ms    2 ms  < 0.1  < 0.1
  dateutil  2.9.0    environment        20 ms   20 ms    2.0    2.0
────────────────────────────────────────────────────────────────────────────
4 loads                                1.34 s  1.34 s   78.3   78.3   412 ms

import and MiB: with the loads made inside; self: without them; install: in
neither.
MiB: resident memory added. Pages shared with other processes (libraries, page
cache) are in it, memory that was free and used again is not. What several loads
need counts with the first.

refused: nope · it is not established"""
    )


def test_a_table_in_ascii_keeps_its_columns():
    text = report((A_SESSION[1]._replace(name="n" * 90, version="ä"), A_SESSION[5])).text(ascii=True)
    head, rule, row, *_, last = text.splitlines()
    assert head.startswith("module")
    assert rule == "-" * 80
    assert row.split()[:3] == ["n" * row.index("~") + "~", "\\xe4", "store"]
    assert row.endswith(" 500 ms  500 ms  37.3  37.3")
    assert last == "refused: nope | it is not established"
    assert text.isascii()


def test_a_report_can_be_printed_where_stdout_is_ascii():
    script = """
        from load._journal import Event
        from load._report.table import report
        print(report([Event("import", "numpy", "2.4.1", "store", seconds=0.084)]))
        """
    assert set(printed_by(script, PYTHONIOENCODING="ascii").splitlines()[1]) == {"-"}
    assert set(printed_by(script).splitlines()[1]) == {"─"}


@given(
    st.lists(
        st.builds(
            Event,
            kind=st.sampled_from(["import", "fail", "refuse"]),
            name=st.text(min_size=1),
            version=st.none() | st.text(),
            origin=st.none() | st.text(),
            seconds=st.floats(0, 1e6),
            memory=st.none() | st.integers(-(1 << 45), 1 << 45),
            detail=st.text(),
        ),
        max_size=4,
    )
)
def test_no_line_is_wider_than_eighty_columns_whatever_the_names(events):
    happened = report(events)
    for text in (str(happened), happened.text(ascii=True)):
        assert max(map(cell_len, text.splitlines())) <= 80
        assert all(line.isprintable() for line in text.split("\n"))
    assert len(happened) == sum(event.kind == "import" for event in events)


def test_a_name_in_brackets_is_no_markup():
    assert str(report([Event("import", "[bold]x[/bold]", seconds=1.0)])).splitlines()[2].startswith("[bold]x[/bold] ")


def test_a_name_cannot_forge_a_line_or_steer_the_terminal():
    shown = str(report([Event("import", "a\n4 loads", "\x1b[31m1.0", seconds=1.0)]))
    assert "a\\n4 loads" in shown
    assert "\x1b" not in shown


def test_nothing_loaded_is_said_and_troubles_are_still_listed():
    assert str(report([])) == "Nothing was loaded."
    failed = Event("fail", "broken", detail="import: ZeroDivisionError: division by zero")
    assert str(report([failed])) == "Nothing was loaded.\n\nfailed: broken · ZeroDivisionError: division by zero"
    assert len(report([failed])) == 0


def test_the_repr_is_the_table_so_that_a_prompt_shows_it():
    assert repr(report(A_SESSION)) == str(report(A_SESSION))


# --- what the figures are made of


def test_self_is_what_remains_without_the_loads_inside():
    rows = {row.name: row for row in report(A_SESSION).rows}
    pandas = rows["pandas"]
    assert (pandas.seconds, pandas.memory) == (1.25, 50 * MIB)
    assert pandas.self_seconds == pytest.approx(1.25 - 0.002 - 0.02)
    assert pandas.self_memory == 50 * MIB - 2 * MIB - 1000
    assert rows["json"].self_seconds == rows["json"].seconds == 0.002
    assert [rows[name].depth for name in ("pandas", "json", "dateutil")] == [0, 1, 1]


def test_installing_inside_a_load_is_no_part_of_its_import():
    numpy = report(A_SESSION).rows[0]
    assert numpy.seconds == numpy.self_seconds == pytest.approx(0.5 - 0.412)
    assert numpy.memory == numpy.self_memory == int(37.3 * MIB) - 9 * MIB
    assert numpy.install_seconds == 0.412


def test_installing_for_a_load_inside_another_is_the_inner_one_s_and_in_no_import_time():
    rows = report(
        (
            Event("resolve", "b", seconds=0.1, number=4, parent=3),
            Event("install", "b", seconds=0.5, number=3, parent=2),
            Event("import", "b", seconds=0.7, number=2, parent=1),
            Event("import", "a", seconds=1.0, number=1),
        )
    ).rows
    assert [(row.name, row.install_seconds) for row in rows] == [("a", 0.0), ("b", pytest.approx(0.5))]
    assert [row.seconds for row in rows] == [pytest.approx(0.5), pytest.approx(0.2)]
    assert [row.self_seconds for row in rows] == [pytest.approx(0.3), pytest.approx(0.2)]


@pytest.mark.parametrize("facts", [{"requirement": "PyYAML>=6"}, {"name": "yaml", "requirement": "other"}])
def test_an_install_that_went_before_belongs_to_the_first_load_it_was_made_for(facts):
    install = Event("install", "yaml!", requirement="PyYAML>=6", seconds=0.25, number=1)._replace(**facts)
    other = Event("import", "numpy", requirement="numpy", seconds=0.1, number=2)
    loads = [Event("import", "yaml", requirement="PyYAML>=6", seconds=0.1, number=number) for number in (3, 4)]
    happened = report((install, other, *loads))
    assert [row.install_seconds for row in happened.rows] == [0.0, 0.25, 0.0]
    assert happened.install_seconds == 0.25
    assert "belongs to no single load" not in str(happened)


def test_an_install_for_several_loads_is_in_the_sum_and_in_no_row():
    happened = report(
        (
            Event("install", "numpy, pandas", requirement="numpy, pandas", seconds=0.75, number=1),
            Event("import", "numpy", seconds=0.1, number=2),
            Event("import", "pandas", seconds=0.1, number=3),
        )
    )
    assert [row.install_seconds for row in happened.rows] == [0.0, 0.0]
    assert happened.install_seconds == 0.75
    assert "750 ms of the installing belongs to no single load." in str(happened)


def test_an_install_whose_requirement_is_unknown_belongs_to_no_other_load():
    (row,) = report((Event("install", "a", seconds=0.5, number=1), Event("import", "b", seconds=0.1, number=2))).rows
    assert row.install_seconds == 0.0


def test_a_failed_load_inside_counts_for_the_load_around_it():
    failed = Event("fail", "cudf", seconds=0.25, memory=MIB, number=2, parent=1, detail="import: ImportError: no GPU")
    happened = report((failed, Event("import", "pandas", seconds=1.0, memory=4 * MIB, number=1)))
    (row,) = happened.rows
    assert (row.seconds, row.self_seconds) == (1.0, 0.75)
    assert (row.memory, row.self_memory) == (4 * MIB, 3 * MIB)
    assert [trouble.reason for trouble in happened.troubles] == ["ImportError: no GPU"]


def test_loads_stand_beneath_the_load_they_were_made_in_also_where_threads_interleave():
    happened = report(
        (
            Event("import", "a.x", number=3, parent=1, thread=1),
            Event("import", "b.x", number=4, parent=2, thread=2),
            Event("import", "b", number=2, thread=2),
            Event("import", "a.y", number=5, parent=1, thread=1),
            Event("import", "a", number=1, thread=1),
        )
    )
    assert [row.name for row in happened.rows] == ["a", "a.x", "a.y", "b", "b.x"]
    assert "Loads ran in 2 threads" in str(happened)
    assert "threads" not in str(report(A_SESSION))


def test_reuse_reload_and_unload_are_no_loads():
    assert len(report([Event(kind, "json", number=1) for kind in ("reuse", "reload", "unload", "activate")])) == 0


def test_memory_that_was_not_measured_is_a_question_mark_and_not_zero():
    happened = report([Event("import", "a", seconds=1.0, number=1), Event("import", "b", memory=MIB, number=2)])
    assert happened.rows[0].memory is None
    assert happened.memory == MIB
    assert str(happened).splitlines()[2].split() == ["a", "1.00", "s", "1.00", "s", "?", "?"]
    assert "?: not measured, and not in the sum." in str(happened)
    assert "?" not in str(report([Event("import", "b", memory=MIB, number=2)]))


def test_a_failure_that_passes_on_one_of_the_same_name_is_listed_once():
    refused = Event("refuse", "nope", requirement="nope", number=2, parent=1, detail="not established")
    around = Event("fail", "nope", number=1, detail="import: InstallRefused: 'nope' is not here")
    (trouble,) = report((refused, around)).troubles
    assert (trouble.kind, trouble.requirement, trouble.reason) == ("refuse", "nope", "not established")
    both = report((refused, around._replace(name="outer"))).troubles
    assert [each.name for each in both] == ["nope", "outer"]


def test_events_that_claim_to_be_inside_each_other_do_not_hang():
    rows = report((Event("import", "a", number=1, parent=2), Event("import", "b", number=2, parent=1))).rows
    assert {row.name for row in rows} == {"a", "b"}


@st.composite
def journals(draw):
    """A journal as spans fill it: events in the order of their ends, with times that include what is inside."""
    events = []
    numbers = iter(range(1, 1000))

    def span(parent, depth):
        number = next(numbers)
        inside = [span(number, depth + 1) for _ in range(draw(st.integers(0, 3 if depth < 3 else 0)))]
        own = draw(st.integers(0, 1000))
        total = own + sum(inside)
        kind = draw(st.sampled_from(["import", "import", "install", "resolve", "fail", "reload"]))
        events.append(Event(kind, f"m{number}", seconds=total, memory=total * MIB, number=number, parent=parent))
        return total

    for _ in range(draw(st.integers(0, 4))):
        span(None, 0)
    return events


@given(journals())
def test_what_the_rows_and_the_installs_say_adds_up_to_what_was_measured(events):
    happened = report(events)
    inside = {event.number: sum(each.seconds for each in events if each.parent == event.number) for event in events}
    own = {event.number: event.seconds - inside[event.number] for event in events}
    assert sum(row.self_seconds for row in happened.rows) == sum(own[e.number] for e in events if e.kind == "import")
    assert happened.install_seconds == sum(own[e.number] for e in events if e.kind in ("install", "resolve"))
    assert sum(row.install_seconds for row in happened.rows) <= happened.install_seconds
    assert happened.seconds + happened.install_seconds <= sum(e.seconds for e in events if e.parent is None)
    assert all(row.self_seconds <= row.seconds and row.self_memory <= row.memory for row in happened.rows)


def test_a_real_journal_adds_up_too():
    journal = Journal()
    with journal.timed("import", "outer", caller="a.py:1"):
        with journal.timed("install", "outer"):
            sum(range(100_000))
        with journal.timed("import", "inner"):
            sum(range(100_000))
    outer, inner = report(journal.history()).rows
    whole = journal.history()[-1].seconds
    assert (outer.name, outer.caller, inner.name, inner.depth) == ("outer", "a.py:1", "inner", 1)
    assert outer.seconds + outer.install_seconds == pytest.approx(whole)
    assert outer.self_seconds + inner.seconds == pytest.approx(outer.seconds)


# --- the report as data


def test_the_report_as_json_is_the_report_as_a_dict(tmp_path):
    happened = report(A_SESSION)
    happened.to_json(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == happened.to_dict()
    assert happened.to_dict()["loads"][2] == {
        "name": "json",
        "version": "2.0.9",
        "origin": "standard library",
        "seconds": 0.002,
        "self_seconds": 0.002,
        "memory": 1000,
        "self_memory": 1000,
        "install_seconds": 0.0,
        "caller": "b.py:1",
        "depth": 1,
    }
    assert happened.to_dict()["troubles"] == [
        {"kind": "refuse", "name": "nope", "requirement": "nope", "reason": "it is not established", "caller": "a.py:5"}
    ]


def test_a_caller_whose_path_is_no_unicode_goes_into_json_and_back(tmp_path):
    name = os.fsdecode(b"/tmp/\xff.py:1") if os.name == "posix" else "\udcff.py:1"
    report([Event("import", "a", caller=name)]).to_json(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_bytes())["loads"][0]["caller"] == name


def test_json_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        report(A_SESSION).to_json(tmp_path / "missing" / "report.json")


def test_the_html_table_escapes_what_others_wrote():
    html = report(
        (
            Event("import", "<script>", "1&2", seconds=1.0, memory=MIB, number=1),
            Event("fail", "<b>", detail="import: E: <i>", number=2),
        )
    )._repr_html_()
    assert "<tr><td>&lt;script&gt;</td><td>1&amp;2</td><td></td><td>1.00 s</td>" in html
    assert "<p>failed: &lt;b&gt; · E: &lt;i&gt;</p>" in html
    assert "<script>" not in html


def test_the_html_table_shows_what_is_inside_what():
    assert "<td>&nbsp;&nbsp;json</td>" in report(A_SESSION)._repr_html_()
    assert "<td>pandas</td>" in report(A_SESSION)._repr_html_()


def test_to_make_a_report_does_not_import_rich_and_to_show_it_does():
    told = printed_by("""
        import sys
        from load._journal import Event
        from load._report.table import report
        happened = report([Event("import", "a")])
        happened.to_dict(), happened._repr_html_()
        print("rich" in sys.modules)
        str(happened)
        print("rich" in sys.modules)
        """)
    assert told == "False\nTrue\n"


def test_in_a_kernel_the_text_of_a_report_displays_nothing_by_itself():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    source = f"""
        import sys; sys.path.insert(0, {SOURCE!r})
        from load._journal import Event
        from load._report.table import report
        text = str(report([Event("import", "a", seconds=1.0)]))
        print(text.split()[0])"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(source))])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert (output.name, output.text) == ("stdout", "module\n")
