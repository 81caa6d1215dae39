"""Locks between processes: ``flock`` where the system has it, the filelock library where it has not."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, Self

    class _Held(Protocol):
        def release(self) -> None: ...


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """A lock on a file, held until `release` or the end of the process (however it ends).

    ``flock`` costs 1 µs and its module 0.1 ms to import, the filelock library 26 ms. A lock counts only on the file that
    is at the path: whoever locked one that was deleted meanwhile tries again.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: _Held | None = None

    def acquire(self, *, shared: bool = False, blocking: bool = True) -> bool:
        """Take the lock; False where that would have had to wait and ``blocking`` is false.

        A shared lock excludes exclusive ones only. The filelock library knows no shared locks; without ``flock`` it is
        exclusive between processes that would share it, so there it is not taken at all.
        """
        if fcntl is None:
            return shared or self._acquire_by_filelock(blocking)  # type: ignore[unreachable]  # Windows
        operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if blocking else fcntl.LOCK_NB)
        while self._held is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, operation)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            self._held = _Descriptor(descriptor)
            if not _is_at(descriptor, self._path):  # removed by a sweep between our opening and our locking it
                self.release()
        return True

    def _acquire_by_filelock(self, blocking: bool) -> bool:
        import filelock

        lock = filelock.FileLock(self._path, blocking=blocking)
        try:
            lock.acquire()
        except filelock.Timeout:
            return False
        self._held = lock
        return True

    def release(self) -> None:
        if self._held is not None:
            self._held.release()
            self._held = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *error: Any) -> None:
        self.release()


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


class _Descriptor:
    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def release(self) -> None:
        # Said in so many words: a child forked meanwhile has the descriptor too, and closing ours would not free the lock.
        fcntl.flock(self._number, fcntl.LOCK_UN)
        os.close(self._number)
