"""Values are handed from room to room: frozen, cheap, and named tuples in all but the cost of making their class."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import load
from conftest import World
from load._journal import Event
from load._values import Value


class Point(Value):
    """A value of two dimensions, or of three."""

    x: int
    y: int
    z: int = 0


class Plain(NamedTuple):
    """The same as the standard library makes it."""

    x: int
    y: int
    z: int = 0


class Labelled(Value):
    """A value with behaviour."""

    text: str
    notes: tuple[str, ...] = ()

    @property
    def loud(self) -> str:
        return self.text.upper()

    def __str__(self) -> str:
        return f"<{self.text}>"


class Nothing(Value):
    """A value without fields."""


# --- like a named tuple


@pytest.mark.parametrize("kind", [Point, Plain])
def test_fields_are_read_by_name_by_position_and_by_pattern(kind: Any) -> None:
    point = kind(1, y=2)
    assert (point.x, point.y, point.z) == (1, 2, 0) == point
    assert (point[0], point[-1], len(point), list(point)) == (1, 0, 3, [1, 2, 0])
    match point:
        case kind(first, second, z=third):
            assert (first, second, third) == (1, 2, 0)
        case _:
            pytest.fail("a value matches its own class")


@pytest.mark.parametrize("kind", [Point, Plain])
def test_what_named_tuples_tell_of_themselves_is_told(kind: Any) -> None:
    point = kind(1, 2)
    assert (kind._fields, kind._field_defaults, kind.__match_args__) == (("x", "y", "z"), {"z": 0}, ("x", "y", "z"))
    assert point._asdict() == {"x": 1, "y": 2, "z": 0} and list(point._asdict()) == ["x", "y", "z"]
    assert repr(point) == f"{kind.__name__}(x=1, y=2, z=0)"


@pytest.mark.parametrize("kind", [Point, Plain])
def test_a_changed_copy_is_another_value_of_the_same_class(kind: Any) -> None:
    point = kind(1, 2)
    changed = point._replace(y=5, z=6)
    assert (type(changed), changed, point) == (kind, (1, 5, 6), (1, 2, 0))
    with pytest.raises((TypeError, ValueError), match="nope"):
        point._replace(nope=1)


@pytest.mark.parametrize("kind", [Point, Plain])
def test_values_are_equal_ordered_and_hashed_by_their_fields(kind: Any) -> None:
    assert kind(1, 2) == kind(1, 2, 0) and kind(1, 2) != kind(1, 2, 3) and kind(1, 2) < kind(1, 3)
    assert len({kind(1, 2), kind(1, 2, 0), kind(1, 3)}) == 2


@given(st.tuples(st.integers(), st.integers(), st.integers()), st.integers(0, 3))
def test_any_split_into_positions_and_names_makes_the_same_value(numbers: tuple[int, int, int], split: int) -> None:
    named: dict[str, Any] = dict(list(zip(Point._fields, numbers, strict=True))[split:])
    assert tuple(Point(*numbers[:split], **named)) == tuple(Plain(*numbers[:split], **named)) == numbers


def test_a_value_may_have_properties_and_its_own_text() -> None:
    value = Labelled("a")
    assert (value.loud, str(value), repr(value)) == ("A", "<a>", "Labelled(text='a', notes=())")


def test_a_value_may_have_no_fields() -> None:
    assert (Nothing(), Nothing._fields, repr(Nothing())) == ((), (), "Nothing()")


# --- frozen


@pytest.mark.parametrize("kind", [Point, Plain])
def test_a_field_cannot_be_set_or_deleted(kind: Any) -> None:
    point = kind(1, 2)
    with pytest.raises(AttributeError):
        point.x = 5
    with pytest.raises(AttributeError):
        del point.x
    with pytest.raises(TypeError):
        point[0] = 5
    assert point == (1, 2, 0)


@pytest.mark.parametrize("kind", [Point, Plain])
def test_nothing_can_be_added(kind: Any) -> None:
    point = kind(1, 2)
    with pytest.raises(AttributeError):
        point.note = "new"
    assert not hasattr(point, "__dict__")


# --- copied and sent


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value", [Point(1, 2), Labelled("a", ("b",)), Nothing(), Event("import", "a", memory=5)], ids=repr
)
def test_a_value_survives_pickling(value: Value, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(value, protocol))
    assert again == value and type(again) is type(value)


def test_a_value_survives_copying() -> None:
    value = Labelled("a", ("b",))
    for again in (copy.copy(value), copy.deepcopy(value)):
        assert again == value and type(again) is Labelled


# --- wrong arguments


@pytest.mark.parametrize(
    ("args", "fields", "message"),
    [
        ((), {}, "Point needs x, y"),
        ((1,), {}, "Point needs y"),
        ((), {"y": 2}, "Point needs x"),
        ((1, 2, 3, 4), {}, "Point takes each of x, y, z once, not (1, 2, 3, 4) and {}"),
        ((1,), {"x": 1, "y": 2}, "Point takes each of x, y, z once, not (1,) and {'x': 1, 'y': 2}"),
        ((1, 2), {"w": 3}, "Point takes each of x, y, z once, not (1, 2) and {'w': 3}"),
    ],
)
def test_wrong_arguments_are_refused(args: tuple[int, ...], fields: dict[str, int], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(*args, **fields)
    assert str(caught.value) == message
    with pytest.raises(TypeError):
        Plain(*args, **fields)


def test_a_default_is_not_asked_for_and_a_given_value_wins_over_it() -> None:
    assert Point(1, 2).z == 0 and Point(1, 2, 3).z == 3 and Point(1, 2, z=None).z is None  # type: ignore[arg-type]


# --- what it is for


def test_making_values_imports_neither_typing_nor_collections_nor_dataclasses(world: World) -> None:
    code = """
        import sys
        before = set(sys.modules)
        from load._values import Value
        class Point(Value):
            x: int
        Point(1)
        print(sorted(set(sys.modules) - before))
    """
    source = load.__path__[0].removesuffix("/load")
    assert world.printed(code, "-S", PYTHONPATH=source) == "['__future__', '_operator', 'load', 'load._values']"


@pytest.mark.parametrize("name", ["Event", "Need", "Receipt", "Settings", "Unloaded"])
def test_the_public_values_are_values(name: str) -> None:
    kind = getattr(load, name)
    assert issubclass(kind, tuple) and kind._fields and kind.__doc__
