"""The benchmark's own arithmetic: goals, repeats, texts. Nothing here is timed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from bench import __main__ as command
from bench.harness import (
    CHECKOUT,
    Contender,
    Context,
    Failed,
    Goal,
    Measured,
    Row,
    digest,
    exactly,
    faster,
    in_units,
    interleaved,
    most,
    over,
    ratio,
    sources,
)
from bench.row_11_herd import Herd, at_once

FACTS = {"machine": "2 × abacus", "versions": {"interpreter": "cpython-3.11.7", "load": "0.1.0"}}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "scratch").mkdir()
    return Context(Path(sys.executable), tmp_path, tmp_path / "scratch")


def row(ours: float, theirs: float | None = None, goal: Goal | None = None, unit: str = "s") -> Row:
    peer = Measured.of([theirs]) if theirs is not None else None
    return Row(1, "work", Measured.of([ours]), "peer" if peer else "", peer, goal, unit)


@pytest.mark.parametrize(
    ("goal", "met", "missed", "text"),
    [
        (ratio(1.2), (1.2, 1.0), (1.21, 1.0), "≤ 1.2 ×"),
        (faster(4), (1.0, 4.0), (1.0, 3.9), "≥ 4 × faster"),
        (over(0.001), (0.0110, 0.0105), (0.0120, 0.0105), "≤ + 1 ms"),
        (most(2e-6), (2e-6, 0.0), (2.1e-6, 9.0), "≤ 2 µs"),
        (exactly(1), (1, 0), (2, 2), "= 1"),
    ],
)
def test_a_goal_holds_up_to_its_bound_and_not_beyond(
    goal: Goal, met: tuple[float, float], missed: tuple[float, float], text: str
) -> None:
    assert row(*met, goal).met is True
    assert row(*missed, goal).met is False
    assert goal.text == text


def test_exactly_is_missed_by_less_as_well() -> None:
    assert row(0, goal=exactly(1)).met is False


def test_a_row_without_a_goal_is_neither_met_nor_missed() -> None:
    assert row(1.0, 2.0).met is None


def test_a_row_without_a_peer_has_no_ratio_and_can_meet_a_goal() -> None:
    alone = row(1e-6, goal=most(2e-6))
    assert (alone.ratio, alone.met, alone.shown(alone.theirs)) == (None, True, "–")


def test_a_peer_that_took_nothing_gives_no_ratio() -> None:
    assert row(1, 0, unit="count").ratio is None
    assert row(3.0, 2.0).ratio == 1.5


def test_a_measurement_keeps_the_minimum_the_median_and_the_number() -> None:
    assert Measured.of([3.0, 1.0, 8.0, 2.0]) == Measured(1.0, 2.5, 4)


def test_no_measurement_is_no_value() -> None:
    with pytest.raises(ValueError, match="empty"):
        Measured.of([])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.254, "1.25 s"),
        (1.0, "1 s"),
        (0.0836, "83.6 ms"),
        (0.9996, "1000 ms"),
        (15e-6, "15 µs"),
        (16.34e-9, "16.3 ns"),
        (4e-10, "0.4 ns"),
        (0.0, "0 ns"),
        (-0.002, "-2 ms"),
    ],
)
def test_seconds_are_written_with_three_figures_in_their_unit(seconds: float, text: str) -> None:
    assert in_units(seconds) == text


def test_a_count_is_written_as_a_count() -> None:
    assert row(50, unit="count").shown(Measured.of([50])) == "50"
    assert row(50).shown(Measured.of([50])) == "50 s"


def test_contenders_take_turns_and_each_round_starts_with_another() -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        def once() -> float:
            order.append(name)
            return float(len(order))

        return Contender(name, once)

    found = interleaved([contender(name) for name in "abc"], repeats=3)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert found["a"] == Measured(1.0, 6.0, 3)


def test_the_warm_up_is_done_and_does_not_count() -> None:
    values = iter([0.1, 5.0, 4.0])
    assert interleaved([Contender("a", lambda: next(values))], repeats=2, warm_up=1) == {"a": Measured(4.0, 4.5, 2)}


def test_a_quick_run_repeats_less(context: Context) -> None:
    assert context.repeats(100, 10) == 100
    assert Context(context.python, context.root, context.scratch, quick=True).repeats(100, 10) == 10


def test_a_command_that_fails_gives_its_words_and_no_time(context: Context) -> None:
    with pytest.raises(Failed, match=r"ended with 3:\nwhat it said\n$"):
        context.seconds(sys.executable, "-c", "import sys; print('what it said'); sys.exit(3)")


def test_a_command_runs_in_the_scratch_directory_with_the_users_settings_and_not_with_ours(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOAD_MODE", "PYTHONPATH", "VIRTUAL_ENV", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "/nowhere")
    code = "import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))"
    where, environ = json.loads(context.said(sys.executable, "-I", "-c", code, LOAD_HOME="a store"))
    assert where == os.path.realpath(context.scratch)
    assert not {"LOAD_MODE", "PYTHONPATH", "VIRTUAL_ENV"} & environ.keys()
    assert (environ["PIP_FIND_LINKS"], environ["LOAD_HOME"]) == ("/nowhere", "a store")
    assert environ["UV_CACHE_DIR"] == str(context.root / "cache-uv")


def test_what_is_added_to_a_copy_is_not_in_the_original_and_the_copy_goes(context: Context) -> None:
    original = context.root / "environment"
    (original / "bin").mkdir(parents=True)
    (original / "bin" / "tool").write_text("")
    with context.copy(original) as copied:
        assert (copied / "bin" / "tool").samefile(original / "bin" / "tool")
        (copied / "bin" / "other").write_text("")
    assert sorted(os.listdir(original / "bin")) == ["tool"]
    assert sorted(os.listdir(context.root)) == ["environment", "scratch"]


def test_every_copy_is_at_the_same_place_even_after_a_run_that_was_killed(context: Context) -> None:
    original = context.root / "environment"
    original.mkdir()
    with context.copy(original) as first:
        pass
    first.mkdir()
    (first / "left behind").write_text("")
    with context.copy(original) as second:
        assert (second, os.listdir(second)) == (first, [])


def test_the_wheel_is_made_again_when_a_source_changes_and_not_otherwise(tmp_path: Path) -> None:
    package = tmp_path / "src" / "load"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "setup.cfg").write_text("")
    before = digest(sources(tmp_path))
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_text("")
    (tmp_path / "other.py").write_text("")
    assert digest(sources(tmp_path)) == before
    (package / "__init__.py").write_text("#")
    assert digest(sources(tmp_path)) != before


def test_the_digest_tells_a_name_from_a_content() -> None:
    assert digest({"a": b"bc"}) != digest({"ab": b"c"})
    assert digest({"a": b"1", "b": b"2"}) == digest({"b": b"2", "a": b"1"})


def test_the_wheel_has_all_of_the_library() -> None:
    assert {"setup.cfg", "pyproject.toml", "src/load/__init__.py", "src/load/py.typed"} <= sources().keys()


def test_a_herd_counts_its_installs_and_its_failures(context: Context) -> None:
    code = "import os, sys; os.mkdir('taken'); print('1')"  # one of them can, the others fail
    herd = at_once(context, (sys.executable, "-I", "-c", code), 5)
    assert (herd.failures, herd.installs, len(herd.said)) == (4, 1, 1)


def test_the_installs_of_a_herd_are_what_each_wrote_last() -> None:
    assert Herd(1.0, 0, ("load: installed six\n1\n", "0\n", "0\n")).installs == 1
    assert Herd(1.0, 0, ("1\n", "1\n")).installs == 2


def test_every_row_says_what_it_claims_and_how_it_is_measured() -> None:
    assert set(command.rows()) >= {1, 2, 9, 10, 11, 15}
    for measure in command.rows().values():
        assert "Measured" in (sys.modules[measure.__module__].__doc__ or "")


def test_a_row_that_is_not_there_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["1", "99"])
    assert ended.value.code == 2
    assert "there is no row 99; there are 1, 2, " in capsys.readouterr().err


def test_a_row_that_cannot_be_measured_does_not_stop_the_others(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Context) -> list[Row]:
        raise Failed("no such tool")

    monkeypatch.setattr(command, "facts", lambda _: FACTS)
    run = command.measure_all(context, {1: broken, 2: lambda _: [row(1.0)]})
    assert (run.failures, len(run.rows)) == ({1: "no such tool"}, 1)
    assert [line.split()[0] for line in command.as_text(run).splitlines()[:3]] == ["row", "1", "1"]
    assert "could not be measured" in command.as_text(run)


def test_the_table_has_a_line_a_row() -> None:
    run = command.Run(FACTS, [row(0.004, 0.002, ratio(1.5)), row(0, goal=exactly(0), unit="count")], {})
    lines = [line.split() for line in command.as_text(run).splitlines()]
    assert lines[1] == ["1", "work", "4", "ms", "peer", "2", "ms", "2.00", "×", "≤", "1.5", "×", "no"]
    assert lines[2] == ["1", "work", "0", "–", "–", "–", "=", "0", "yes"]


def test_the_results_keep_the_minimum_and_the_median_of_both(tmp_path: Path) -> None:
    both = Row(2, "work", Measured(1.0, 1.5, 3), "peer", Measured(2.0, 2.5, 3), ratio(1))
    command.keep(command.Run(FACTS, [both], {}), tmp_path)
    kept = json.loads((tmp_path / "last.json").read_text(encoding="utf-8"))
    assert kept["rows"] == [
        {
            "row": 2,
            "work": "work",
            "unit": "s",
            "ours": {"least": 1.0, "median": 1.5, "repeats": 3},
            "peer": "peer",
            "theirs": {"least": 2.0, "median": 2.5, "repeats": 3},
            "ratio": 0.5,
            "goal": "≤ 1 ×",
            "met": True,
        }
    ]
    assert "2 × abacus" in (tmp_path / "last.txt").read_text(encoding="utf-8")


def test_no_path_of_this_machine_is_in_the_results_kept() -> None:
    kept = [file.read_text(encoding="utf-8") for file in (CHECKOUT / "bench" / "results").glob("last.*")]
    assert not any(str(CHECKOUT) in text or str(Path.home()) in text for text in kept)
