"""
What can go wrong in the domain, each class carrying the value at fault.

Rooms raise these; only ``web`` knows which status and code each one becomes.
"""

from __future__ import annotations

from collections.abc import Sequence

from txregistry.model.access import Access
from txregistry.model.digest import Digest


class RegistryError(Exception):
    """Something that a client is told about in the registry's error form."""


class Unsupported(RegistryError):
    """The operation is switched off or does not exist here; *reason* says which."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Unauthorized(RegistryError):
    """
    The client must authenticate, or may not do what it wants.

    :ivar challenge: the value of ``WWW-Authenticate``.
    :ivar wanted: the rights that it asked for.
    :ivar reason: why it was refused, for the log: no password, no token, and no part of either.
    :ivar user: who it is or says it is, as far as that is known.
    :ivar anonymous: it showed no credentials at all, as most clients do at first.
    """

    def __init__(
        self,
        challenge: str,
        wanted: Sequence[Access] = (),
        reason: str = "",
        user: str = "",
        *,
        anonymous: bool = False,
    ) -> None:
        super().__init__(reason or "authentication required")
        self.challenge, self.wanted = challenge, tuple(wanted)
        self.reason, self.user, self.anonymous = reason, user, anonymous


class AccessUndecided(RegistryError):
    """Nobody can tell whether the client may do what it wants; *reason*, for the log, says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManyAttempts(RegistryError):
    """
    More credentials wait to be verified than is good for other clients.

    :ivar retry_after: whole seconds after which it is worth another try.
    :ivar user: who the client says it is.
    """

    def __init__(self, retry_after: int, user: str = "") -> None:
        super().__init__("too many credentials are being verified")
        self.retry_after, self.user = retry_after, user


class Misconfigured(Exception):
    """
    The daemon cannot start, because something that its configuration names cannot be used.

    :ivar faults: one line each; it begins with the path of the key.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class BadOption(Exception):
    """
    A middleware cannot use one of its options.

    :ivar key: the option; empty where it is none in particular.
    :ivar text: what is wrong with it, in one line: ``must be a number``.
    """

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"{key}: {text}" if key else text)
        self.key, self.text = key, text


class CannotStart(SystemExit, Exception):
    """
    A service cannot start, which ends the process, the log having the *reason*.

    An ``Exception`` too, since twistd tells those that wait for a daemon to
    start only of those, and lets them wait for ever otherwise.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(1)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class NameUnknown(RegistryError):
    """No repository of this *name*."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TagUnknown(RegistryError):
    """The repository has no such *tag*."""

    def __init__(self, name: str, tag: str) -> None:
        super().__init__(f"{name}:{tag}")
        self.name, self.tag = name, tag


class ManifestUnknown(RegistryError):
    """The repository has no manifest of this *digest*."""

    def __init__(self, name: str, digest: Digest) -> None:
        super().__init__(f"{name}@{digest}")
        self.name, self.digest = name, digest


class ManifestInvalid(RegistryError):
    """The manifest breaks a rule of its type; *reason* says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ManifestDenied(RegistryError):
    """The registry's policy does not allow a manifest; *reason* says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ManifestTooLarge(RegistryError):
    """A manifest exceeds *limit* bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class ReferencesUnknown(RegistryError):
    """A manifest refers to content that the repository does not hold: *digests*, in the manifest's order."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        super().__init__(", ".join(map(str, digests)))
        self.digests = tuple(digests)


class BlobUnknown(RegistryError):
    """The repository has no blob of this *digest*."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(str(digest))
        self.digest = digest


class DigestMismatch(RegistryError):
    """Content turned out not to be what *expected* names."""

    def __init__(self, expected: Digest) -> None:
        super().__init__(str(expected))
        self.expected = expected


class UploadUnknown(RegistryError):
    """The repository has no upload session *id*."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class UploadDiffers(RegistryError):
    """What was sent again to the upload session *id* is not what it holds there."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class UploadBusy(RegistryError):
    """Somebody else is writing to the upload session *id* right now."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class StorageError(RegistryError):
    """The storage below failed; the text is for the log, not for clients."""


class StorageFull(StorageError):
    """No space or quota is left in the storage."""


class PathNotFound(StorageError):
    """Nothing is stored at the driver path *path*."""

    def __init__(self, driver: str, path: str) -> None:
        super().__init__(f"{driver}: Path not found: {path}")
        self.path = path


class ContentTooLarge(StorageError):
    """What is stored at *path* is larger than the caller would take."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(f"{path} holds more than {limit} bytes")
        self.path, self.limit = path, limit


class ContentTruncated(StorageError):
    """What is stored at *path* ended before its stated size."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is shorter than it was")
        self.path = path


class ContentBusy(StorageError):
    """Another writer, here or in another process, has *path* open."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} has another writer")
        self.path = path


class NotRunning(RuntimeError):
    """Work was handed in before the workers were started, or after they were stopped."""


class CacheFailed(Exception):
    """A cache cannot tell whether it remembers something; the text, for the log, says why."""


class LinkInvalid(PathNotFound):
    """The link file at *path* does not hold a digest: it leads nowhere, as if it were not there."""
