"""uv and pip: two small classes of one shape. They build commands; they run nothing."""

from __future__ import annotations

import os
import sys

from load._install.runner import Command
from load._values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from load._install.indexes import IndexSettings

    class Backend(Protocol):
        """An installer that can be asked."""

        name: str
        borrows_in_prefix: bool  # where it looks for what is installed: in the prefix, or on PYTHONPATH

        def command(self, order: Order, settings: IndexSettings, environ: Mapping[str, str]) -> Command: ...


class Order(Value):
    """What to put where.

    ``prefix`` is a stage, ``borrowed`` a directory with the metadata of everything that is importable already, so that the
    resolver sees it (private, editable and local builds too) and leaves it out; ``pins`` hold exactly that at its versions.
    ``before`` is an ISO time: nothing uploaded later is chosen, but for the distributions in ``undated``, whose index gives
    no times. ``timeout`` is in seconds without an answer.
    """

    requirements: tuple[str, ...]
    prefix: str
    borrowed: str
    pins: tuple[str, ...] = ()
    before: str = ""
    undated: tuple[str, ...] = ()
    build: bool = False
    timeout: float = 30.0


class Uv:
    """``uv pip install``: resolves, downloads and links in one process."""

    name = "uv"
    borrows_in_prefix = True

    def __init__(self, executable: str) -> None:
        self._executable = executable

    def command(self, order: Order, settings: IndexSettings, environ: Mapping[str, str]) -> Command:
        from load._install import index_env

        env = index_env.for_uv(settings, environ)
        env.setdefault("UV_HTTP_TIMEOUT", str(int(order.timeout)))
        options = ["--python", sys.executable, "--prefix", order.prefix, "--no-progress", "--color", "never"]
        options += ["--constraint", "-"]
        options += [] if order.build else ["--only-binary", ":all:"]
        options += ["--exclude-newer", order.before] if order.before else []
        options += [f"--exclude-newer-package={name}=false" for name in order.undated]
        options += index_env.uv_flags(settings)
        return Command(
            (self._executable, "pip", "install", *options, "--", *order.requirements), env, "\n".join(order.pins)
        )


class Pip:
    """``python -m pip install``: where uv cannot run, or cannot honour what the user has set."""

    name = "pip"
    borrows_in_prefix = False

    def command(self, order: Order, settings: IndexSettings, environ: Mapping[str, str]) -> Command:
        from load._install import index_env

        env = index_env.for_pip(settings, environ)
        env.setdefault("PIP_TIMEOUT", str(int(order.timeout)))
        # pip reads its own interpreter's distributions; what else this process can import reaches it as a directory
        # of bare metadata, which can shadow none of pip's own code.
        env["PYTHONPATH"] = order.borrowed
        options = ["--prefix", order.prefix, "--no-compile", "--no-input", "--no-warn-script-location"]
        options += ["--no-warn-conflicts", "--no-color", "--progress-bar", "off", "--constraint", _pins_file(order)]
        options += [] if order.build else ["--only-binary", ":all:"]
        options += ["--uploaded-prior-to", order.before] if order.before else []
        return Command((sys.executable, "-m", "pip", "install", *options, "--", *order.requirements), env)


def user_settings(environ: Mapping[str, str]) -> IndexSettings:
    """What the user told pip and uv about indexes, as it holds for this process now."""
    from load._install import indexes

    return indexes.read(environ, cwd=os.getcwd(), prefix=sys.prefix, home=os.path.expanduser("~"))


def _pins_file(order: Order) -> str:
    # pip takes constraints from a file only.
    path = os.path.join(os.path.dirname(order.borrowed), "constraints.txt")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(order.pins) + "\n")
    return path


def find_uv() -> str | None:
    """The uv executable: beside this interpreter (it is a dependency of ours), as its package says, or on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable or ""), "uv" + (".exe" if os.name == "nt" else ""))
    if os.access(beside, os.X_OK):
        return beside
    try:
        from uv import find_uv_bin
    except ImportError:
        pass
    else:
        try:
            return os.fspath(find_uv_bin())
        except FileNotFoundError:
            pass
    from shutil import which

    return which("uv")


def find_pip() -> bool:
    """Whether this interpreter has pip."""
    from importlib.machinery import PathFinder

    return PathFinder.find_spec("pip") is not None
