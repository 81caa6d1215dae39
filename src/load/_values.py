"""Small frozen values handed from room to room."""

from __future__ import annotations

from _operator import itemgetter

__all__ = ["Value"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any
    from typing import NamedTuple as Value
else:

    class _Fields(type):
        """Makes a class of fields from annotations, without a ``__dict__`` for each instance."""

        def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            names = tuple(body.get("__annotations__", ())) if bases[0] is not tuple else ()
            defaults = {field: body.pop(field) for field in names if field in body}
            body |= {"__slots__": (), "__match_args__": names, "_fields": names, "_field_defaults": defaults}
            body |= {field: property(itemgetter(position)) for position, field in enumerate(names)}
            return super().__new__(meta, name, bases, body)

    class Value(tuple, metaclass=_Fields):
        """``typing.NamedTuple`` for the type checker, its light twin at run time.

        The rooms on the way to a module that is already in the store may spend 5 ms together, and ``import typing``
        alone takes 2-7 ms of them, ``collections`` 1-2, ``dataclasses`` 8-18 (docs/internals.md, Decisions). Fields, defaults,
        ``_fields``, ``_asdict`` and ``_replace`` are as in a named tuple.
        """

        # `collections.namedtuple` compiles a constructor for each class: 60 µs a class, and no instance here is made often
        # enough to earn that. What is (`Event`) is made by `_make`.
        def __new__(cls, *args: Any, **fields: Any) -> Value:
            given = dict(zip(cls._fields, args, strict=False)) | fields
            if (
                len(args) > len(cls._fields)
                or len(given) != len(args) + len(fields)
                or not given.keys() <= {*cls._fields}
            ):
                raise TypeError(
                    f"{cls.__name__} takes each of {', '.join(cls._fields)} once, not {args!r} and {fields!r}"
                )
            values = cls._field_defaults | given
            missing = [name for name in cls._fields if name not in values]
            if missing:
                raise TypeError(f"{cls.__name__} needs {', '.join(missing)}")
            return tuple.__new__(cls, [values[name] for name in cls._fields])

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Value:
            return tuple.__new__(cls, values)

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes: Any) -> Value:
            return type(self)(**{**self._asdict(), **changes})

        def __repr__(self) -> str:
            fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({fields})"
