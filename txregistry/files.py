"""Reading the files that a configuration names: keys, certificates."""

from __future__ import annotations

import errno
import os
import stat

#: The largest file that is read, in bytes; bundles of authorities are some 100 KiB.
LARGEST = 4 * 1024 * 1024


def read_file(path: str) -> bytes:
    """
    What is in the file at *path*.

    :raises OSError: it cannot be read, is too large, or is no regular file: a
        pipe that nobody writes to would hold its reader for ever.
    :raises ValueError: nothing can have such a name.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is longer than {LARGEST} bytes")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
