"""Removing upload sessions that nobody goes on with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.logger import Logger

from txregistry.errors import StorageError
from txregistry.interfaces import IStaleUploads

#: Hears how many sessions a round removed, and how many bytes were in them.
Purged = Callable[[int, int], None]


class UploadPurge:
    """
    One round of removing the sessions that are older than *age*.

    A session that cannot be removed keeps none of the others.

    :param dry_run: remove nothing, and only say in the log what would be.
    :param now: the date and time, UTC.
    """

    _log = Logger()

    def __init__(
        self,
        uploads: IStaleUploads,
        age: timedelta,
        dry_run: bool,
        now: Callable[[], datetime],
        purged: Purged,
    ) -> None:
        self._uploads, self._age, self._dry_run = uploads, age, dry_run
        self._now, self._purged = now, purged

    async def __call__(self) -> None:
        """Do it."""
        before = self._now() - self._age
        self._log.info(
            "PurgeUploads starting: olderThan={before}, actuallyDelete={really}",
            before=before.isoformat(),
            really=str(not self._dry_run).lower(),
        )
        removed = size = failures = 0

        def unreadable(error: Exception) -> None:
            nonlocal failures
            failures += 1
            self._log.error("there may be uploads to remove where nobody can look: {why}", why=str(error))

        try:
            async for upload in self._uploads.find(before, unreadable):
                shown = f"{upload.repository}/_uploads/{upload.id}"
                try:
                    if not self._dry_run and not await self._uploads.remove(upload):
                        continue
                except StorageError as error:
                    failures += 1
                    self._log.error("upload {shown} cannot be removed: {why}", shown=shown, why=str(error))
                    continue
                removed += 1
                size += upload.size
                self._log.info(
                    "upload {shown}, begun {began}, {verb}",
                    shown=shown,
                    began=upload.started_at.isoformat(),
                    verb="would be removed" if self._dry_run else "was removed",
                    fields={"upload.size": upload.size},
                )
        finally:
            if not self._dry_run:
                self._purged(removed, size)
        self._log.info(
            "Purge uploads finished.  Num deleted={removed}, num errors={failures}",
            removed=removed,
            failures=failures,
            fields={"purge.bytes": size, "purge.dryrun": self._dry_run},
        )
