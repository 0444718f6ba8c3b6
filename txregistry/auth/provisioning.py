"""An htpasswd file with one user, for a registry that has none yet."""

from __future__ import annotations

import base64
import os
from contextlib import suppress

from txregistry.auth.bcrypted import hashed

#: The one user in a new file.
USER = "docker"

_RANDOM = 32


def provide(path: str) -> str | None:
    """
    See to it that there is something at *path*: a directory will do, too.

    :return: the password of :data:`USER`, if a file was made.
    :raises OSError: what is there cannot be read, or nothing is and no file can be made.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        return None
    except FileNotFoundError:
        pass
    _make_directories(os.path.dirname(path))
    password = base64.urlsafe_b64encode(os.urandom(_RANDOM)).rstrip(b"=")
    # A link that leads nowhere is followed first: one cannot be sure to be the first through it.
    target = os.path.realpath(path) if os.path.islink(path) else path
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return None  # somebody else was faster
    try:
        with open(fd, "wb") as file:
            file.write(USER.encode() + b":" + hashed(password))
            file.flush()
            os.fsync(fd)
    except OSError:
        os.unlink(target)
        raise
    return password.decode()


def _make_directories(path: str) -> None:
    """Make *path* and what is missing above it, all of it for us alone."""
    if not path or os.path.isdir(path):
        return
    _make_directories(os.path.dirname(path))
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
