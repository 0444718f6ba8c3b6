"""Odd trees: what we and Debian's ``docker-registry`` answer to the same questions about the same files."""

import json
import re

from attrs import frozen

from tests.live.case import LiveTestCase
from tests.live.images import INDEX, MANIFEST, digest_of
from tests.live.odd_tree import BROKEN_LINKS, OddTree
from tests.live.registries import Registry
from tests.live.shared_tree import collect_garbage
from tests.live.wire import Answer
from tests.live.written_tree import LAYER, Question, named

NAME = "[a-z0-9]+(([._-]|__)[a-z0-9]+)*(/[a-z0-9]+(([._-]|__)[a-z0-9]+)*)*"
"""What repositories may be called."""

ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}"}


@frozen
class Difference:
    """
    Where we differ on purpose, as ``docs/compatibility.md`` says.

    :param about: matches the whole of what a question is about.
    """

    about: str
    ours: str
    theirs: str


_BROKEN = "|".join(set(BROKEN_LINKS) - {"with a newline", "with a line end", "that dangles"})
_ENDED = "with a newline|with a line end"

DIFFERENCES = (
    # A link that cannot be understood is none; one that ends with its line can be.
    Difference(f"GET blob by a link ({_BROKEN})", "404 BLOB_UNKNOWN", "500 UNKNOWN"),
    Difference(f"HEAD blob by a link ({_BROKEN})", "404", "500"),
    Difference(
        f"(tag|manifest|tag and manifest) by a link ({_BROKEN})", "404 MANIFEST_UNKNOWN", "500 UNKNOWN"
    ),
    Difference(f"HEAD blob by a link ({_ENDED})", "200", "500"),
    Difference(f"(GET blob|tag|manifest|tag and manifest) by a link ({_ENDED})", "200", "500 UNKNOWN"),
    # Nothing is where the layout has a file and there is a directory, or the other way round.
    Difference("tag (file|directory|nodirectory)", "404 MANIFEST_UNKNOWN", "500 UNKNOWN"),
    Difference("HEAD blob whose (directory|link) is .*(file|directory)", "404", "500"),
    Difference("GET blob whose (directory|link) is .*(file|directory)", "404 BLOB_UNKNOWN", "500 UNKNOWN"),
    Difference("tags where _manifests is a file", "404 NAME_UNKNOWN", "500 UNKNOWN"),
    # Content that was lost is missing; content that was changed is nobody's business.
    Difference("GET manifest whose data was emptied", "404 MANIFEST_UNKNOWN", "500 UNKNOWN"),
    Difference("HEAD manifest whose data was emptied", "404", "500"),
    Difference("GET blob whose data was emptied", "404 BLOB_UNKNOWN", "200"),
    Difference("HEAD blob whose data was emptied", "404", "200"),
    Difference("GET manifest whose data was changed", "500 UNKNOWN", "200"),
    Difference("HEAD manifest whose data was changed", "500", "200"),
    # What is no manifest is not the server's failure; schema 1 is not served.
    Difference("revision of .*", "400 MANIFEST_INVALID", "500 UNKNOWN"),
    Difference("layer as a manifest|tag layer", "404 MANIFEST_UNKNOWN", "500 UNKNOWN"),
    Difference("GET (tag|manifest): schema 1", "400 MANIFEST_INVALID", "200"),
    Difference("HEAD tag: schema 1", "400", "200"),
    # A session has data, a start, and an id as all registries make them.
    Difference(
        "upload (begun at no time|with an empty start|with a (newline|long).*)",
        "404 BLOB_UPLOAD_UNKNOWN",
        "500 UNKNOWN",
    ),
    Difference("upload whose data is a directory", "404 BLOB_UPLOAD_UNKNOWN", "500 UNKNOWN"),
    Difference("upload without data", "404 BLOB_UPLOAD_UNKNOWN", "404 BLOB_UPLOAD_INVALID"),
    Difference("upload (of a strange name|without dashes)", "404 BLOB_UPLOAD_UNKNOWN", "204"),
    # Lists of what clients can ask for.
    Difference("tags: (odd tags|foreign files)", "200", "200"),
    Difference("tags of one with an empty _manifests/revisions", "200", "404 NAME_UNKNOWN"),
    Difference("catalog", "200", "200"),
)


class OddTreeCase(LiveTestCase):
    """A storage to write odd things to, before the daemons are started on it."""

    def setUp(self) -> None:
        self.storage = self.directory() / "storage"
        self.tree = OddTree(self.storage)

    def start(self) -> None:
        """Start both daemons."""
        self.ours = self.registry(self.storage)
        self.theirs = self.docker_registry(self.storage)

    def asked(self, server: Registry, question: Question) -> Answer:
        """Ask a question."""
        return server.wire.request(question.method, question.path, headers=ACCEPT)


class AnswersTests(OddTreeCase):
    """Questions that change nothing."""

    def setUp(self) -> None:
        """Write everything odd that there is, and start both daemons."""
        super().setUp()
        tree = self.tree
        for make in (tree.old_signatures, tree.sessions, tree.links, tree.tags, tree.revisions, tree.damage):
            make()
        for make in (tree.aliases, tree.schema1, tree.names, tree.empty, tree.strangers):
            make()
        tree.symbolic_links(self.directory() / "elsewhere")
        self.start()

    def test_answers(self) -> None:
        """Both say the same of everything, but for what is listed above; we fail only where we must."""
        self.tree.ask("catalog", "_catalog?n=1000")
        unused = set(DIFFERENCES)
        faults = []
        for question in self.tree.questions:
            ours, theirs = (said(self.asked(server, question)) for server in (self.ours, self.theirs))
            known = [each for each in DIFFERENCES if re.fullmatch(each.about, question.what)]
            unused.difference_update(known)
            expected = [(each.ours, each.theirs) for each in known]
            found = [] if ours == theirs else [(short(ours), short(theirs))]
            if found != expected:
                faults.append(f"{question.what}: ours {ours}, theirs {theirs}, expected {expected}")
        self.assertEqual(faults, [])
        self.assertEqual(unused, set())
        self.assertGreater(len(self.tree.questions), 250)

    def test_lists(self) -> None:
        """Lists have what clients can ask for, and nothing else."""
        tags = [
            "_under",
            "dangling",
            "directory",
            "empty",
            "layer",
            "nocurrent",
            "nodirectory",
            "noindex",
            "unlinked",
        ]
        self.assertEqual(self.listed("tags/tags/list")["tags"], [*tags, "v1", "v2.tmp"])
        self.assertEqual(self.listed("foreign/tags/list")["tags"], ["v1"])
        names = self.listed("_catalog?n=1000")["repositories"]
        self.assertEqual(
            " ".join(name for name in names if not re.match("links|empty|n/", name)),
            "0 a__b alias damaged dot.tmp foreign moved n old revisions signed tags uploads x/0",
        )
        paged: list[str] = []
        while page := self.listed(f"_catalog?n=3&last={paged[-1] if paged else ''}")["repositories"]:
            paged += page
        self.assertEqual(paged, names)

    def listed(self, path: str) -> dict[str, list[str]]:
        """Ask us for a list."""
        listed: dict[str, list[str]] = json.loads(self.ours.wire.request("GET", f"/v2/{path}").body)
        return listed


class ChangesTests(OddTreeCase):
    """What becomes of odd things when clients go on working."""

    def test_pushed_again(self) -> None:
        """A push repairs whatever links were broken, for both."""
        self.tree.links()
        self.start()
        for question in self.tree.questions:
            name, _, reference = question.path.removeprefix("/v2/").partition("/manifests/")
            if not reference:
                continue
            self.assertEqual(self.ours.wire.push_blob(name, named(LAYER), LAYER).status, 201)
            tag = "v1" if reference == "odd" else reference
            digest = self.tree.images.get((name, tag), reference)
            content = self.tree.data(digest).read_bytes()
            path = f"/v2/{name}/manifests/{reference}"
            answer = self.ours.wire.request("PUT", path, content, {"Content-Type": MANIFEST})
            self.assertEqual(answer.status, 201, question.what)
        for question in self.tree.questions:
            for server in (self.ours, self.theirs):
                self.assertEqual(self.asked(server, question).status, 200, question.what)

    def test_deleted(self) -> None:
        """Images in odd company are deleted as others are, and gone for both."""
        for make in (self.tree.old_signatures, self.tree.sessions, self.tree.names, self.tree.strangers):
            make()
        self.start()
        for (name, tag), digest in self.tree.images.items():
            if not re.fullmatch(NAME, name):
                continue
            # docker-registry cannot, where there are foreign files among the tags.
            other = self.ours if name == "foreign" else self.theirs
            for reference, server in ((tag, self.ours), (digest, other)):
                answer = server.wire.request("DELETE", f"/v2/{name}/manifests/{reference}")
                self.assertEqual(answer.status, 202, (name, reference))
            answer = self.ours.wire.request("DELETE", f"/v2/{name}/blobs/{named(LAYER)}")
            self.assertEqual(answer.status, 202, name)
            for path in (f"manifests/{tag}", f"manifests/{digest}", f"blobs/{named(LAYER)}"):
                for server in (self.ours, self.theirs):
                    answer = server.wire.request("GET", f"/v2/{name}/{path}", headers=ACCEPT)
                    self.assertEqual(answer.status, 404, (server.program.name, name, path))

    def test_collected(self) -> None:
        """What docker-registry's collector leaves of an odd tree we go on serving."""
        for make in (self.tree.old_signatures, self.tree.sessions, self.tree.empty, self.tree.strangers):
            make()
        self.start()
        before = [short(said(self.asked(self.ours, question))) for question in self.tree.questions]
        lost = self.tree.blob(b"nobody needs this")
        collect_garbage(self.storage, self.directory())
        self.assertFalse(self.tree.data(lost).exists())
        after = [short(said(self.asked(self.ours, question))) for question in self.tree.questions]
        self.assertEqual(before, after)


def said(answer: Answer) -> str:
    """Put an answer into a few words, so that two are equal when they tell a client the same."""
    if answer.status >= 400:
        errors = json.loads(answer.body)["errors"] if answer.body else []
        return " ".join([str(answer.status), *(error["code"] for error in errors)])
    if answer.headers.get_content_type() == "application/json":
        document = json.loads(answer.body)
        listed = document.get("tags", document.get("repositories"))
        return f"{answer.status} {sorted(listed or [])}"
    headers = ("Docker-Content-Digest", "Content-Type", "Content-Length", "Range", "ETag")
    facts = [f"{name} {answer.headers[name]}" for name in headers]
    return " ".join([str(answer.status), *facts, digest_of(answer.body)])


def short(words: str) -> str:
    """Leave out what an answer of success holds."""
    return words if words >= "4" else words.split()[0]
