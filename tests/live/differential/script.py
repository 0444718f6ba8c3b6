"""The whole script, in the order in which it is played."""

from __future__ import annotations

from tests.live.differential import (
    script_blobs,
    script_lists,
    script_manifests,
    script_paths,
    script_uploads,
)
from tests.live.differential.steps import Chapter

#: The lists come first, while nothing else is there to be listed.
SCRIPT: tuple[Chapter, ...] = (
    *script_lists.CHAPTERS,
    *script_blobs.CHAPTERS,
    *script_uploads.CHAPTERS,
    *script_manifests.CHAPTERS,
    *script_paths.CHAPTERS,
)
