"""The body of an upload request on its way into the session."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from attrs import define
from twisted.internet.defer import CancelledError

from txregistry.errors import UploadDiffers
from txregistry.interfaces import IUpload
from txregistry.model.upload import Append, Repeat, divide
from txregistry.web.body import Body, BodyLost, BodyMalformed, BodyTooSlow, NoBody


class LengthDiffers(Exception):
    """The body has more or fewer bytes than its ``Content-Range`` says."""


@define(eq=False)
class _Place:
    """
    Where the next bytes of a body go.

    :ivar end: where the body must end, if its headers said so.
    """

    upload: IUpload
    at: int
    end: int | None

    async def take(self, chunks: Sequence[bytes]) -> None:
        excess: Sequence[bytes] = ()
        if self.end is not None:
            chunks, excess = divide(chunks, self.end - self.at)
        # Whoever is cancelled while these are written goes on behind them.
        at, self.at = self.at, self.at + sum(map(len, chunks))
        await self.upload.write(chunks, at)
        if any(excess):
            raise LengthDiffers


async def receive(body: Body | NoBody, upload: IUpload, place: Append | Repeat) -> None:
    """
    Bring *body* into *upload*, to *place*: a batch is compared, or hashed and written, while the next comes.

    What has come before something went wrong is kept; nothing is kept behind
    the end that the headers announced.

    :raises UploadDiffers: the body repeats something that is stored otherwise; nothing of it was appended.
    :raises LengthDiffers: it does not end where it should.
    """
    end = None if place.length is None else place.at + place.length
    here = _Place(upload, place.at, end)
    try:
        while chunks := await body.read():
            await here.take(chunks)
    except (CancelledError, BodyLost, BodyMalformed, BodyTooSlow):
        # Nothing more comes.  The client need not send again what has come.
        rest = body.take()
        if rest:
            with suppress(UploadDiffers, LengthDiffers):
                await here.take(rest)
        raise
    if end is not None and here.at != end:
        raise LengthDiffers
