"""What one call of ``load`` said beside its target, and who called."""

from __future__ import annotations

from load._values import Value


class Wish(Value):
    """The wish of one call.

    ``text`` is the target as written; ``install`` None follows the mode, False never installs, True installs without
    asking; ``by_program`` says that the main program spoke: a library may not raise the mode for its user; ``caller`` is
    its ``file:line``; ``by_attribute`` that it was ``load.name``, where an ``AttributeError`` would be taken for "there is
    no such name".
    """

    text: str = ""
    module: str = ""
    requirement: str = ""
    sha256: str = ""
    install: bool | None = None
    build: bool = False
    fresh: bool = False
    force: bool = False
    caller: str | None = None
    by_program: bool = True
    by_attribute: bool = False
