"""Answers as values."""

from __future__ import annotations

import json

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import json_values
from txregistry import errors
from txregistry.model.digest import Digest, InvalidDigest
from txregistry.model.manifest import InvalidManifest, InvalidReferenceDigest
from txregistry.model.names import InvalidName, InvalidTag
from txregistry.web.body import BodyLost, BodyMalformed, BodyTooLarge, BodyTooSlow
from txregistry.web.replies import Problem, Reply, json_reply, problem_reply, problems_of, reason, to_json

DIGEST = Digest.of(b"x")

FAILURES = (
    (errors.BlobUnknown(DIGEST), 404, "BLOB_UNKNOWN"),
    (errors.ManifestUnknown("a", DIGEST), 404, "MANIFEST_UNKNOWN"),
    (errors.TagUnknown("a", "t"), 404, "MANIFEST_UNKNOWN"),
    (errors.NameUnknown("a"), 404, "NAME_UNKNOWN"),
    (errors.ReferencesUnknown([DIGEST]), 400, "MANIFEST_BLOB_UNKNOWN"),
    (errors.ManifestInvalid("why"), 400, "MANIFEST_INVALID"),
    (InvalidManifest("why"), 400, "MANIFEST_INVALID"),
    (errors.ManifestDenied("why"), 403, "DENIED"),
    (InvalidReferenceDigest("x", "why"), 400, "DIGEST_INVALID"),
    (errors.ManifestTooLarge(5), 413, "SIZE_INVALID"),
    (BodyTooLarge(5), 413, "SIZE_INVALID"),
    (errors.DigestMismatch(DIGEST), 400, "DIGEST_INVALID"),
    (InvalidDigest("x", "why"), 400, "DIGEST_INVALID"),
    (InvalidName("x", "why"), 400, "NAME_INVALID"),
    (InvalidTag("x"), 400, "TAG_INVALID"),
    (errors.UploadUnknown("u"), 404, "BLOB_UPLOAD_UNKNOWN"),
    (errors.UploadDiffers("u"), 416, "RANGE_INVALID"),
    (errors.UploadBusy("u"), 503, "UNAVAILABLE"),
    (errors.Unsupported("why"), 405, "UNSUPPORTED"),
    (errors.Unauthorized("Basic"), 401, "UNAUTHORIZED"),
    (BodyMalformed("why"), 400, "SIZE_INVALID"),
    (BodyTooSlow(), 408, "UNAVAILABLE"),
    (errors.StorageFull("why"), 507, "UNKNOWN"),
    (errors.StorageError("why"), 500, "UNKNOWN"),
    (errors.AccessUndecided("why"), 400, "UNKNOWN"),
    (errors.TooManyAttempts(1), 429, "TOOMANYREQUESTS"),
    (errors.PathNotFound("filesystem", "/secret"), 500, "UNKNOWN"),
)


class ProblemTests(SynchronousTestCase):
    """What failures become."""

    def test_failures(self) -> None:
        """Each failure of the domain has a status and a code; the storage's texts stay with us."""
        for error, status, code in FAILURES:
            problems = problems_of(error) or []
            self.assertEqual([(each.status, each.code) for each in problems], [(status, code)], repr(error))
            if isinstance(error, errors.StorageError):
                self.assertNotIn("secret", repr(problems))
                self.assertNotIn("why", repr(problems))

    def test_every_failure(self) -> None:
        """No failure of the domain is forgotten."""
        known = {type(error) for error, _, _ in FAILURES}
        for each in vars(errors).values():
            if isinstance(each, type) and issubclass(each, errors.RegistryError):
                self.assertTrue(
                    any(issubclass(each, one) for one in known) or each is errors.RegistryError, each
                )

    def test_faults(self) -> None:
        """What is no failure of the domain is a fault of ours."""
        for error in (ValueError(), KeyError(), OSError(), BodyLost(), errors.RegistryError()):
            self.assertIsNone(problems_of(error))

    def test_several(self) -> None:
        """The first problem decides the status; all are listed, without details where there are none."""
        reply = problem_reply([Problem(404, "A", "a", {"x": 1}), Problem(400, "B", "b")])
        self.assertEqual(reply.status, 404)
        self.assertEqual(
            json.loads(reply.body),
            {
                "errors": [
                    {"code": "A", "message": "a", "detail": {"x": 1}},
                    {"code": "B", "message": "b"},
                ]
            },
        )

    def test_reasons(self) -> None:
        """Every status has a reason phrase."""
        for status, phrase in ((200, b"OK"), (416, b"Requested Range Not Satisfiable"), (799, b"Unknown")):
            self.assertEqual(reason(status), phrase)


class JsonTests(SynchronousTestCase):
    """JSON as distribution writes it."""

    def test_form(self) -> None:
        """Compact, with a newline, and nothing that a browser could take for markup."""
        self.assertEqual(to_json({"a": ["<b>", "&"], "c": 1}), b'{"a":["\\u003cb\\u003e","\\u0026"],"c":1}\n')
        self.assertEqual(to_json("\u00e9"), '"\u00e9"\n'.encode())

    def test_surrogates(self) -> None:
        """Text that is no Unicode can be said, too."""
        self.assertEqual(json.loads(to_json("\udcff")), "\udcff")

    @given(json_values())
    def test_inverse(self, value: object) -> None:
        """What was written is read."""
        self.assertEqual(repr(json.loads(to_json(value))), repr(json.loads(json.dumps(value))))

    def test_reply(self) -> None:
        """A JSON answer says that it is one, first of all."""
        reply = json_reply(200, {}, [(b"Link", b"x")])
        expected = Reply(200, ((b"Content-Type", b"application/json"), (b"Link", b"x")), b"{}\n")
        self.assertEqual(reply, expected)
