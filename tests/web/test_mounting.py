"""Blobs that are taken from another repository."""

from __future__ import annotations

from tests.web.pushing import CONTENT, DIGEST, UploadCase
from txregistry.model.digest import Digest


class MountTests(UploadCase):
    """Blobs of another repository."""

    def setUp(self) -> None:
        super().setUp()
        self.registry.push_blob("source", CONTENT)

    def test_mounted(self) -> None:
        """A blob that the other repository has is here at once."""
        self.created(self.ask("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}&from=source"))
        self.assertEqual(self.sessions(), 0)

    def test_mounted_from_anywhere(self) -> None:
        """Without a source, it is mounted from wherever it is to be seen, or is here already."""
        for source in ("", "&from=", ""):
            self.created(self.ask("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}{source}"))
        self.assertEqual(self.sessions(), 0)

    def test_deleted_everywhere(self) -> None:
        """What was deleted from every repository is not mounted, although its content may still be stored."""
        self.created(self.ask("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}"))
        for name, status in (("source", 201), ("a", 202)):
            self.assertEqual(self.ask("DELETE", f"/v2/{name}/blobs/{DIGEST}").status, 202)
            answer = self.ask("POST", f"/v2/b/blobs/uploads/?mount={DIGEST}")
            self.assertEqual(answer.status, status)
            if status == 201:
                self.assertEqual(self.ask("DELETE", f"/v2/b/blobs/{DIGEST}").status, 202)

    def test_not_mounted(self) -> None:
        """Whatever prevents it, a session is begun instead, without saying why."""
        for query in (
            f"mount={DIGEST}&from=nobody",
            f"mount={Digest.of(b'unknown')}&from=source",
            "mount=nonsense&from=source",
            f"mount={DIGEST}&from=No//Name",
            f"mount={Digest.of(b'unknown')}",
            f"mount={Digest.of(b'unknown')}&from=",
            "mount=nonsense",
            "from=source",
            f"mount={DIGEST}&from=..",
        ):
            self.accepted(self.ask("POST", f"/v2/a/blobs/uploads/?{query}"), 202, 0)
        self.assertEqual(self.ask("HEAD", f"/v2/a/blobs/{DIGEST}").status, 404)
