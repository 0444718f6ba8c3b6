"""
SHA-256 that can stop, be stored, and go on in another process.

:mod:`hashlib` never shows its inner state.  libcrypto's plain C structure
does, and its functions run at the same speed, since hashlib calls the same
code.  Where they cannot be reached, uploads still work: the digest of a
resumed one is then computed by reading its data again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from txregistry.model.digest import CANONICAL, Digest
from txregistry.storage.hashstate import BLOCK, HashState, InvalidHashState


class RunningDigest(Protocol):
    """
    The SHA-256 of a stream, at some point of it; or another of its hashes.

    Used by one thread at a time; :meth:`update` leaves the interpreter to
    other threads while it works.
    """

    #: How the hash is called in digests.
    algorithm: str

    #: Bytes taken in so far.
    length: int

    def update(self, chunk: bytes) -> None:
        """Take in *chunk*."""

    def hexdigest(self) -> str:
        """The digest of all so far; more may follow."""

    def export(self) -> bytes | None:
        """The state in Go's marshalled form, or ``None`` when it cannot be had."""

    def resume(self, state: bytes) -> bool:
        """
        Go on from *state* instead.

        :return: whether that was possible; if not, nothing has changed.
        """


class PlainDigest:
    """hashlib's hash of any kind, whose state cannot be stored."""

    def __init__(self, algorithm: str = CANONICAL) -> None:
        self.algorithm = algorithm
        self._hash = Digest(algorithm, "").hasher()
        self.length = 0

    def update(self, chunk: bytes) -> None:
        """Take in *chunk*."""
        self._hash.update(chunk)
        self.length += len(chunk)

    def hexdigest(self) -> str:
        """The digest of all so far."""
        return self._hash.hexdigest()

    def export(self) -> bytes | None:
        """Nothing: hashlib keeps its state to itself."""
        return None

    def resume(self, state: bytes) -> bool:
        """Never possible."""
        return False


class _Context(ctypes.Structure):
    """``SHA256_CTX`` of ``openssl/sha.h``; *data* holds pending bytes as they came."""

    _fields_ = [
        ("h", ctypes.c_uint32 * 8),
        ("low", ctypes.c_uint32),
        ("high", ctypes.c_uint32),
        ("data", ctypes.c_ubyte * BLOCK),
        ("num", ctypes.c_uint),
        ("md_len", ctypes.c_uint),
    ]


class Libcrypto:
    """
    The three SHA-256 functions of an opened libcrypto.

    :raises AttributeError: *library* does not have them.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        context = ctypes.POINTER(_Context)
        self.init = library.SHA256_Init
        self.init.argtypes = (context,)
        self.update = library.SHA256_Update
        self.update.argtypes = (context, ctypes.c_char_p, ctypes.c_size_t)
        self.final = library.SHA256_Final
        self.final.argtypes = (ctypes.c_char_p, context)


class NativeDigest:
    """SHA-256 by libcrypto, with its state in reach."""

    algorithm = CANONICAL

    def __init__(self, library: Libcrypto) -> None:
        self._library = library
        # Room behind the structure, should a library's be longer than we know.
        self._room = ctypes.create_string_buffer(ctypes.sizeof(_Context) + 256)
        self._context = _Context.from_buffer(self._room)
        self.length = 0
        library.init(self._context)

    def update(self, chunk: bytes) -> None:
        """Take in *chunk*."""
        self._library.update(self._context, chunk, len(chunk))
        self.length += len(chunk)

    def hexdigest(self) -> str:
        """The digest of all so far."""
        copy = ctypes.create_string_buffer(self._room.raw, len(self._room))
        digest = ctypes.create_string_buffer(32)
        self._library.final(digest, _Context.from_buffer(copy))
        return digest.raw.hex()

    def export(self) -> bytes | None:
        """The state in Go's marshalled form."""
        context = self._context
        a, b, c, d, e, f, g, h = context.h
        pending = bytes(context.data[: context.num])
        return HashState((a, b, c, d, e, f, g, h), pending, self.length).encode()

    def resume(self, state: bytes) -> bool:
        """Go on from *state*, unless it is damaged."""
        try:
            found = HashState.decode(state)
        except InvalidHashState:
            return False
        context = self._context
        self._library.init(context)
        context.h[:] = found.words
        bits = found.length * 8
        context.low, context.high = bits & 0xFFFFFFFF, bits >> 32
        context.num = len(found.pending)
        ctypes.memmove(context.data, found.pending, len(found.pending))
        self.length = found.length
        return True


def keeps_state(new: Callable[[], RunningDigest]) -> bool:
    """Whether digests made by *new* agree with hashlib, before and after a stop in the middle of a block."""
    sample = bytes(range(256)) * 3
    for cut in (0, 1, 55, 63, 64, 65, 120, 512, 767):
        first, second = new(), new()
        first.update(sample[:cut])
        state = first.export()
        if state is None or first.hexdigest() != hashlib.sha256(sample[:cut]).hexdigest():
            return False
        if not second.resume(state):
            return False
        for piece in (sample[cut:], sample):
            second.update(piece)
        if second.hexdigest() != hashlib.sha256(sample + sample).hexdigest():
            return False
    return True


def _libraries() -> Iterator[Any]:
    """The places where libcrypto's functions may be found, the interpreter's own copy first."""
    try:
        import _hashlib
    except ImportError:
        pass
    else:
        yield getattr(_hashlib, "__file__", None)
    yield ctypes.util.find_library("crypto")


def digest_source() -> Callable[[], RunningDigest]:
    """
    Choose how this process computes SHA-256, after having tried it.

    :return: makes a new running digest, whose state can be stored if this
        machine offers any way to do that.
    """
    for place in _libraries():
        if place is None:
            continue
        try:
            library = Libcrypto(ctypes.CDLL(place))
        except (OSError, AttributeError):
            continue

        def native(library: Libcrypto = library) -> RunningDigest:
            return NativeDigest(library)

        if keeps_state(native):
            return native
    return PlainDigest
