"""Manifests that were read lately, so that they need not be read and parsed again."""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.defer import DeferredLock

from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest

#: What a manifest without its payload takes in memory, and each of its references, in bytes; measured.
_BASE = 1024
_REFERENCE = 512


class ManifestMemory:
    """
    The manifests used last, in about *limit* bytes.

    Content never changes under its digest, so what is remembered is never
    wrong.  Whether a repository has it is another question, which this does
    not answer.
    """

    def __init__(self, limit: int) -> None:
        #: Held while a large manifest is read, so that a thousand who ask for one do not read it at once.
        self.reading = DeferredLock()
        self._limit = limit
        self._used = 0
        self._manifests: OrderedDict[Digest, Manifest] = OrderedDict()

    @property
    def used(self) -> int:
        """Bytes that the remembered manifests take, by estimate."""
        return self._used

    def get(self, digest: Digest) -> Manifest | None:
        """The manifest of *digest*, if it is remembered."""
        manifest = self._manifests.get(digest)
        if manifest is not None:
            self._manifests.move_to_end(digest)
        return manifest

    def add(self, manifest: Manifest) -> None:
        """Remember *manifest* instead of those not asked for the longest, unless it is huge."""
        cost = _cost(manifest)
        if manifest.digest in self._manifests or cost * 2 > self._limit:
            return
        self._manifests[manifest.digest] = manifest
        self._used += cost
        while self._used > self._limit:
            _, oldest = self._manifests.popitem(last=False)
            self._used -= _cost(oldest)


def _cost(manifest: Manifest) -> int:
    annotations = sum(len(key) + len(value) + 128 for key, value in manifest.annotations.items())
    return len(manifest.payload) + _BASE + _REFERENCE * len(manifest.references) + annotations
