"""The checkpoint on disk: two generations, written so that a crash or power loss at any instant leaves one whole."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from logagent.daemon.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from logagent.daemon.faults import Faults
from logagent.errors import CheckpointCorrupt

CHECKPOINT: Final = "checkpoint.json"
PREVIOUS: Final = "checkpoint.previous.json"
_TEMPORARY: Final = "checkpoint.json.new"
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What a file system without hard links answers (FAT, some network and FUSE ones)."""


class CheckpointFile:
    """Loads and saves `checkpoint.json` in one directory."""

    def __init__(self, directory: str, faults: Faults) -> None:
        self._directory = directory
        self._faults = faults

    def load(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole generation, and what was wrong with those before it (for people).

        None if there is none: everything is read again. The previous generation is as good as the newest, only
        older: keys make what is read again harmless.

        Raises:
            CheckpointTooNew: a newer logagent wrote it.
        """
        troubles: list[str] = []
        for name in (CHECKPOINT, PREVIOUS):
            try:
                return decode_checkpoint(self._read(name)), troubles
            except FileNotFoundError:
                continue
            except (CheckpointCorrupt, OSError) as error:
                troubles.append(f"{name} cannot be used: {error}")
        return None, troubles

    def _read(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:
            return file.read()

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint; the one before becomes the previous generation.

        Raises:
            OSError: it could not be written; the old one stands.
        """
        self._faults("before_checkpoint_write")
        fd = os.open(self._path(_TEMPORARY), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(fd, encode_checkpoint(checkpoint))
            self._faults("after_checkpoint_write")
            os.fsync(fd)  # power loss after the rename must not leave an empty file under the name
        finally:
            os.close(fd)
        self._faults("after_checkpoint_fsync")
        self._keep_previous()
        self._faults("after_checkpoint_keep")
        os.rename(self._path(_TEMPORARY), self._path(CHECKPOINT))  # kill -9: either the old or the new, whole
        self._faults("after_checkpoint_rename")
        self._sync_directory()
        self._faults("after_checkpoint_directory_fsync")

    def _keep_previous(self) -> None:
        """Let the present generation also have the name of the previous one, until its own name is taken over."""
        link = self._path(PREVIOUS + ".new")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        try:
            os.link(self._path(CHECKPOINT), link)
            self._faults("after_checkpoint_link")
        except FileNotFoundError:
            return  # the first checkpoint ever
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            link = self._path(CHECKPOINT)  # for an instant only the previous generation has a name
        os.rename(link, self._path(PREVIOUS))

    def _sync_directory(self) -> None:
        """Make the rename itself survive power loss."""
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
