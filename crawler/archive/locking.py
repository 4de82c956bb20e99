"""The archive's lock, and what is said where the archive cannot be used."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ArchiveError(OSError):
    """The archive cannot be used: the message says what was found, what was wanted, where."""

    def __init__(self, message: str, exitcode: int = 6) -> None:
        """Keep the message, and the exit code that a command ends with."""
        super().__init__(message)
        self.exitcode = exitcode

    def __str__(self) -> str:
        """Give the message in one line."""
        return str(self.args[0])


class ArchiveLocked(ArchiveError):
    """Another process runs on this archive."""


HELD: set[Path] = set()


def lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


@contextmanager
def lock(path: str | os.PathLike[str], seconds: float = 0.0) -> Iterator[None]:
    """Hold the archive's lock, so that one run at a time writes.

    It is the kernel's (``flock`` on ``{path}.lock``), so it ends with the process, however that ends.
    Waits up to `seconds`. Raises ArchiveLocked while another process holds it, ArchiveError where the
    lock file cannot be made.
    """
    real = Path(path).resolve()
    file = lock_file(real)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError(
            f"archive: wanted a lock file at {file}, cannot make it: {error.strerror}"
        ) from error
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0:
                    holder = os.pread(handle, 100, 0).decode("ascii", "replace").strip() or "unknown"
                    raise ArchiveLocked(
                        f"archive: another run (process {holder}) holds the lock {file}", 75
                    ) from None
                time.sleep(min(0.2, left))
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        HELD.add(real)
        yield
    finally:
        HELD.discard(real)
        os.close(handle)


def run_elsewhere(path: Path) -> bool:
    """Tell whether another process holds the lock."""
    if path in HELD:
        return False
    try:
        handle = os.open(lock_file(path), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
