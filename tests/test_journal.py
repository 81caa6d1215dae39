"""The journal: what happened, in the order in which it ended, with what it took and who asked."""

from __future__ import annotations

import pickle
import threading
import time

import pytest

from conftest import World
from load import _journal
from load._journal import KINDS, Event, Journal, Progress


@pytest.fixture
def journal() -> Journal:
    return Journal()


# --- events


def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert journal.history() == ()


def test_an_event_that_takes_no_time_is_recorded_with_its_facts(journal: Journal) -> None:
    before = time.time()
    journal.record("activate", "layer", "1.0", "/site", "numpy", "main.py:3", "why")
    (event,) = journal.history()
    assert event[:5] == ("activate", "layer", "1.0", "/site", "numpy")
    assert (event.seconds, event.memory, event.caller, event.parent, event.detail) == (
        0.0,
        None,
        "main.py:3",
        None,
        "why",
    )
    assert event.thread == threading.get_ident() and before <= event.time <= time.time()


def test_what_history_gave_does_not_change_afterwards(journal: Journal) -> None:
    journal.record("import", "a")
    before = journal.history()
    journal.record("import", "b")
    assert [event.name for event in before] == ["a"] and [event.name for event in journal.history()] == ["a", "b"]


def test_events_can_be_sent(journal: Journal) -> None:
    journal.record("import", "a", detail="x")
    assert pickle.loads(pickle.dumps(journal.history())) == journal.history()


def test_what_is_filled_in_while_it_is_under_way_is_recorded(journal: Journal) -> None:
    with journal.timed("reuse", "asked", caller="main.py:1", requirement="x>=1") as span:
        assert journal.history() == ()
        span.kind, span.name, span.version, span.origin, span.detail = "import", "found", "2", "store", "more"
    (event,) = journal.history()
    assert event[:5] == ("import", "found", "2", "store", "x>=1")
    assert (event.caller, event.detail) == ("main.py:1", "more")


# --- nesting


def test_events_are_in_the_order_in_which_they_ended_and_know_their_parent(journal: Journal) -> None:
    with journal.timed("import", "outer") as outer:
        journal.record("resolve", "first")
        with journal.timed("import", "inner") as inner:
            journal.record("activate", "deep")
        journal.record("resolve", "second")
    journal.record("reuse", "after")
    events = {event.name: event for event in journal.history()}
    assert list(events) == ["first", "deep", "inner", "second", "outer", "after"]
    assert {name: event.parent for name, event in events.items()} == {
        "first": outer.number,
        "deep": inner.number,
        "inner": outer.number,
        "second": outer.number,
        "outer": None,
        "after": None,
    }


def test_time_and_memory_are_cumulative_over_what_is_nested(journal: Journal) -> None:
    with journal.timed("import", "outer"):
        with journal.timed("import", "inner"):
            held = bytearray(b"x") * (64 << 20)
        del held
        kept = bytearray(b"x") * (40 << 20)
    inner, outer = journal.history()
    assert outer.seconds >= inner.seconds > 0
    assert inner.memory is not None and outer.memory is not None
    assert 56 <= inner.memory >> 20 <= 72 and 32 <= outer.memory >> 20 <= 48 and len(kept)


def test_every_event_has_a_number_of_its_own_and_a_parent_has_a_smaller_one(journal: Journal) -> None:
    with journal.timed("import", "outer"), journal.timed("import", "inner"):
        journal.record("resolve", "deep")
    numbers = {event.name: event.number for event in journal.history()}
    assert numbers == {"outer": 1, "inner": 2, "deep": 3}


# --- failures


def test_leaving_by_an_exception_is_a_fail_event_and_the_exception_goes_on(journal: Journal) -> None:
    error = ValueError("first line\nsecond line")
    with pytest.raises(ValueError, match="first line") as caught, journal.timed("import", "a"):
        raise error
    assert caught.value is error
    (event,) = journal.history()
    assert (event.kind, event.name, event.detail) == ("fail", "a", "import: ValueError: first line")


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError(), "import: ValueError: "),
        (KeyError("x"), "import: KeyError: 'x'"),
        (KeyboardInterrupt(), "import: KeyboardInterrupt: "),
        (SystemExit(3), "import: SystemExit: 3"),
    ],
    ids=repr,
)
def test_whatever_ends_it_is_said(journal: Journal, error: BaseException, detail: str) -> None:
    with pytest.raises(type(error)), journal.timed("import", "a"):
        raise error
    assert journal.history()[0].detail == detail


def test_a_failure_inside_does_not_fail_what_catches_it_and_leaves_no_parent_behind(journal: Journal) -> None:
    with journal.timed("import", "outer"):
        with pytest.raises(ValueError, match="no"), journal.timed("import", "inner"):
            raise ValueError("no")
        journal.record("resolve", "next")
    journal.record("resolve", "last")
    kinds = {event.name: (event.kind, event.parent) for event in journal.history()}
    assert kinds == {"inner": ("fail", 1), "next": ("resolve", 1), "outer": ("import", None), "last": ("resolve", None)}


# --- threads


def test_threads_nest_each_for_itself_and_lose_nothing(journal: Journal) -> None:
    count, rounds = 8, 200
    start = threading.Barrier(count)

    def work(thread: int) -> None:
        start.wait(30)
        for number in range(rounds):
            with journal.timed("import", f"{thread}.{number}"):
                journal.record("resolve", f"{thread}.{number}.inside")

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    events = {event.name: event for event in journal.history()}
    assert len(journal.history()) == len(events) == 2 * count * rounds
    assert len({event.number for event in events.values()}) == len(events)
    for name, event in events.items():
        parent = events[name.removesuffix(".inside")].number if name.endswith(".inside") else None
        assert event.parent == parent
    assert len({event.thread for event in events.values()}) == count


# --- listeners


def test_a_listener_hears_what_follows_until_it_is_unsubscribed(journal: Journal) -> None:
    heard: list[Event | Progress] = []
    journal.record("import", "before")
    unsubscribe = journal.subscribe(heard.append)
    journal.record("import", "during")
    with journal.timed("import", "timed"):
        pass
    unsubscribe()
    journal.record("import", "after")
    unsubscribe()
    assert [each.name for each in heard if isinstance(each, Event)] == ["during", "timed"]
    assert heard == list(journal.history()[1:3])


def test_a_passing_remark_is_heard_and_not_kept(journal: Journal) -> None:
    heard: list[Event | Progress] = []
    journal.subscribe(heard.append)
    journal.signal(Progress("download", "numpy", 5, 10))
    assert heard == [Progress("download", "numpy", 5, 10)] and journal.history() == ()


def test_every_listener_hears_and_one_that_leaves_does_not_take_another_along(journal: Journal) -> None:
    one: list[object] = []
    two: list[object] = []
    leave = journal.subscribe(one.append)
    journal.subscribe(two.append)
    journal.record("import", "a")
    leave()
    journal.record("import", "b")
    assert (len(one), len(two)) == (1, 2)


def test_a_listener_that_subscribed_twice_hears_on_after_it_left_once(journal: Journal) -> None:
    heard: list[object] = []

    def listener(said: object) -> None:
        heard.append(said)

    leave = journal.subscribe(listener)
    journal.subscribe(listener)
    leave()
    journal.record("import", "a")
    assert len(heard) == 1


def test_leaving_twice_ends_one_s_own_subscription_and_not_another_s(journal: Journal) -> None:
    heard: list[object] = []

    def listener(said: object) -> None:
        heard.append(said)

    leave = journal.subscribe(listener)
    journal.subscribe(listener)
    leave(), leave()
    journal.record("import", "a")
    assert len(heard) == 1


def test_a_listener_that_leaves_while_it_is_told_keeps_nobody_from_hearing(journal: Journal) -> None:
    heard: list[str] = []

    def once(said: object) -> None:
        heard.append("once")
        leave()

    leave = journal.subscribe(once)
    journal.subscribe(lambda said: heard.append("other"))
    journal.record("import", "a")
    assert heard == ["once", "other"]


def test_a_listener_may_leave_and_another_join_while_it_is_told(journal: Journal) -> None:
    heard: list[str] = []

    def once(said: object) -> None:
        heard.append("once")
        leave()
        journal.subscribe(lambda said: heard.append("new"))

    leave = journal.subscribe(once)
    journal.record("import", "a")
    assert heard == ["once"]
    journal.record("import", "b")
    assert heard == ["once", "new"]


def test_an_event_is_kept_even_if_a_listener_fails(journal: Journal) -> None:
    def fail(said: object) -> None:
        raise RuntimeError("mine")

    journal.subscribe(fail)
    with pytest.raises(RuntimeError, match=r"^mine$"):
        journal.record("import", "a")
    assert [event.name for event in journal.history()] == ["a"]


# --- who asked


@pytest.fixture
def calls(world: World) -> World:
    world.write({"helper.py": "import load\n\ndef ask():\n    return load.colorsys\n"})
    return world


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("load.colorsys", "main.py:4"),
        ("load('colorsys')", "main.py:4"),
        ("load.load('colorsys')", "main.py:4"),
        ("load.import_aliases('c=colorsys')", "main.py:4"),
        ("getattr(load, 'colorsys')", "main.py:4"),
        ("from load import colorsys", "main.py:4"),
        ("importlib.import_module('load').colorsys", "main.py:4"),
        ("helper.ask()", "helper.py:4"),
        ("eval('load.colorsys', {'load': load, '__name__': 'elsewhere'})", "<string>:1"),
    ],
)
def test_an_event_names_the_line_that_asked(calls: World, line: str, place: str) -> None:
    code = f"""
        import helper, importlib, load

        {line}
        print(load.history()[-1].caller)
    """
    where = place if place.startswith("<") else f"{calls.work}/{place}"
    assert calls.printed(code) == where


def test_a_load_inside_of_a_module_s_body_is_nested_in_the_load_of_that_module(world: World) -> None:
    world.write({"outer.py": "import load\nload.inner", "inner.py": ""})
    code = """
        import load
        load.outer
        inner, outer = load.history()
        print(inner.name, outer.name, inner.parent == outer.number, outer.parent, inner.caller)
    """
    assert world.printed(code) == f"inner outer True None {world.work}/outer.py:2"


def test_a_failing_load_is_a_fail_event(world: World) -> None:
    world.write({"broken.py": "raise ValueError('no')"})
    code = """
        import load
        for _ in range(2):
            try:
                load.broken
            except ValueError:
                pass
        print([(event.kind, event.name, event.detail) for event in load.history()])
    """
    event = ("fail", "broken", "import: ValueError: no")
    assert world.printed(code) == str([event, event])


def test_every_kind_that_happens_is_one_of_the_known_kinds(world: World) -> None:
    world.wheel("tiny")
    world.write({"requirements.txt": "tiny\n", "local.py": ""})
    code = """
        import load
        load.tiny, load("tiny"), load.local
        load.unload("tiny")
        load.configure(mode="off")
        try:
            load("nope_nope")
        except load.LoadError:
            pass
        print(sorted({event.kind for event in load.history()}))
    """
    kinds = eval(world.printed(code))
    assert {"resolve", "install", "activate", "import", "reuse", "unload", "refuse", "fail"} <= set(kinds) <= KINDS


def test_an_import_that_finds_it_loaded_is_a_reuse(world: World) -> None:
    code = """
        import colorsys, load
        load("colorsys"), load("json")
        print([(event.kind, event.name, event.origin) for event in load.history()])
    """
    assert world.printed(code) == "[('reuse', 'colorsys', 'standard library'), ('import', 'json', 'standard library')]"


def test_a_hit_is_not_written_down(world: World) -> None:
    code = """
        import load
        [load.colorsys for _ in range(5)]
        print(len(load.history()))
    """
    assert world.printed(code) == "1"


# --- memory


def test_memory_that_a_module_takes_is_measured(world: World) -> None:
    world.write({"large.py": "HELD = bytearray(b'x') * (64 << 20)", "small.py": ""})
    code = """
        import load
        load.small, load.large
        print([round(event.memory / 2**20) for event in load.history()])
    """
    small, large = eval(world.printed(code))
    assert 62 <= large <= 68 and -2 <= small <= 4


def test_a_forked_child_measures_its_own_memory(world: World) -> None:
    code = """
        import os
        from load._journal import resident
        before = resident()
        if os.fork() == 0:
            own = resident()
            held = bytearray(b"x") * (64 << 20)
            print("child", 62 <= (resident() - own) >> 20 <= 68, flush=True)
            os._exit(0)
        print("exit", os.wait()[1], abs(resident() - before) >> 20 < 8)
    """
    assert world.printed(code) == "child True\nexit 0 True"


def test_a_forked_child_has_a_journal_that_goes_on_alone(world: World) -> None:
    code = """
        import os
        import load
        load.json
        if os.fork() == 0:
            load.colorsys
            print([event.name for event in load.history()], flush=True)
            os._exit(0)
        os.wait()
        print([event.name for event in load.history()])
    """
    assert world.printed(code) == "['json', 'colorsys']\n['json']"


def test_measuring_agrees_with_psutil() -> None:
    import psutil

    assert abs(_journal.resident() - psutil.Process().memory_info().rss) < 4 << 20


def test_measuring_opens_nothing_the_second_time(world: World) -> None:
    code = """
        import sys
        from load._journal import resident
        resident()
        opened = []
        sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
        [resident() for _ in range(5)]
        print(opened, "psutil" in sys.modules)
    """
    assert world.printed(code) == "[] False"
