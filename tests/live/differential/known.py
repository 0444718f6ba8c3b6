"""
The table of differences, each with its reason.

What is meant stands in ``docs/compatibility.md``, too; a fault of ours that waits to be mended is marked
``FAULT``.
"""

from __future__ import annotations

from tests.live.differential import (
    known_auth,
    known_blobs,
    known_lists,
    known_manifests,
    known_paths,
    known_uploads,
)
from tests.live.differential.judge import Known

KNOWN: tuple[Known, ...] = (
    *known_paths.KNOWN,
    *known_lists.KNOWN,
    *known_blobs.KNOWN,
    *known_uploads.KNOWN,
    *known_manifests.KNOWN,
    *known_auth.KNOWN,
)
