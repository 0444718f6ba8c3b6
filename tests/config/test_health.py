"""The section ``health``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.values import FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck

URI = "health.http[0].uri: must be a URL such as https://example.com/"
STATUS = "health.http[0].statuscode: must be from 100 to 599, not "


class HealthTests(SynchronousTestCase):
    """What is checked."""

    def health(self, text: str) -> HealthConfig:
        reading = read(f"{LEAST}health: {text}\n")
        self.assertEqual((reading.faults, reading.warnings), ((), ()), text)
        return reading.require().health

    def test_nothing(self) -> None:
        """What is off or empty is not checked."""
        for text in ("", "{}", "{storagedriver: {interval: 1s}, file: [], http: , tcp: []}"):
            self.assertEqual(self.health(text), HealthConfig())

    def test_defaults(self) -> None:
        """Ten seconds between looks, the first failure counts, and others have half a minute to answer."""
        self.assertEqual(
            self.health(
                "{storagedriver: {enabled: true}, file: [{file: /x}], http: [{uri: 'http://a/'}], "
                "tcp: [{addr: ':5001'}]}"
            ),
            HealthConfig(
                StorageCheck(10, 1),
                (FileCheck("/x", 10),),
                (HttpCheck("http://a/", 200, (), 30, 10, 1),),
                (TcpCheck(":5001", "localhost", 5001, 30, 10, 1),),
            ),
        )

    def test_everything(self) -> None:
        """All keys."""
        self.assertEqual(
            self.health(
                "{storagedriver: {enabled: true, interval: 1s, threshold: 3}, "
                "file: [{file: /x, interval: 2s}, {file: /y}], "
                "http: [{uri: 'https://a/b', statuscode: 401, headers: {X: [a, b]}, timeout: 3s, "
                "interval: 4s, threshold: 5}], tcp: [{addr: 'h:1', timeout: 6s, interval: 7s, threshold: 8}]}"
            ),
            HealthConfig(
                StorageCheck(1, 3),
                (FileCheck("/x", 2), FileCheck("/y", 10)),
                (HttpCheck("https://a/b", 401, (("X", ("a", "b")),), 3, 4, 5),),
                (TcpCheck("h:1", "h", 1, 6, 7, 8),),
            ),
        )

    def test_faults(self) -> None:
        """What cannot be checked is told."""
        for text, fault in (
            ("{file: [{interval: 1s}]}", "health.file[0].file: must name a file"),
            ("{http: [{uri: x}]}", f"{URI}, but 'x' is neither http nor https"),
            ("{http: [{uri: 'ftp://x/'}]}", f"{URI}, but 'ftp://x/' is neither http nor https"),
            ("{http: [{uri: 'http://u:secret@a:b/'}]}", f"{URI}, but 'http://a:b/' has a bad port"),
            ('{http: [{uri: "http://a/\\n"}]}', f"{URI}, but 'http://a/\\n' holds control characters"),
            ("{http: [{uri: 'http://a/', statuscode: 99}]}", STATUS + "99"),
            ("{http: [{uri: 'http://a/', statuscode: 600}]}", STATUS + "600"),
            ("{http: [{uri: 'http://a/', statuscode: -1}]}", STATUS + "-1"),
            (
                "{http: [{uri: 'http://a/'}, {uri: 'http://u@a:/'}]}",
                "health.http[1].uri: is checked twice: 'http://a/'",
            ),
            ("{tcp: [{addr: x}]}", "health.tcp[0].addr: must be host:port, not 'x'"),
            ("{tcp: [{addr: ''}]}", "health.tcp[0].addr: must be host:port"),
            ("{tcp: [{addr: 'h:'}]}", "health.tcp[0].addr: must be host:port, not 'h:'"),
            ("{tcp: [{addr: 'bad host!:80'}]}", "health.tcp[0].addr: must be host:port, not 'bad host!:80'"),
            (
                "{tcp: [{addr: 'h:1'}, {addr: 'a..b:80'}]}",
                "health.tcp[1].addr: must be host:port, not 'a..b:80'",
            ),
            (
                "{storagedriver: {enabled: true}, file: [{file: storagedriver_inmemory}]}",
                "health.file[0].file: is called like the check of the storage: 'storagedriver_inmemory'",
            ),
            ("{file: [{file: /x}, {file: /x}]}", "health.file[1].file: is checked twice: '/x'"),
            (
                "{storagedriver: {enabled: 'yes please'}}",
                "health.storagedriver.enabled: must be true or false",
            ),
        ):
            faults = read(f"{LEAST}health: {text}\n").faults
            self.assertEqual(len(faults), 1, (text, faults))
            self.assertTrue(faults[0].startswith(fault), faults)

    def test_name_of_storage(self) -> None:
        """Without a check of the storage, a file may be called like it."""
        found = self.health("{file: [{file: storagedriver_inmemory}]}")
        self.assertEqual(found.files, (FileCheck("storagedriver_inmemory", 10),))

    def test_file_threshold(self) -> None:
        """A threshold of files has no effect, as in distribution."""
        reading = read(f"{LEAST}health: {{file: [{{file: /x, threshold: 3}}]}}\n")
        self.assertEqual(reading.warnings, ("health.file[0].threshold: has no effect on files",))

    def test_user(self) -> None:
        """Who asks is told in a header, unless that is given, and is no part of the name."""
        for user, headers, sent in (
            ("user:pw", "{}", "Basic dXNlcjpwdw=="),
            ("u%3Aser:p%40:w", "{}", "Basic dTpzZXI6cEA6dw=="),
            ("user", "{}", "Basic dXNlcjo="),
            ("", "{}", "Basic Og=="),
            ("user:pw", "{authorization: [Bearer x]}", "Bearer x"),
        ):
            found = self.health(f"{{http: [{{uri: 'http://{user}@a/b', headers: {headers}}}]}}")
            [check] = found.http
            self.assertEqual(check.uri, "http://a/b")
            self.assertEqual(
                [(name.lower(), values) for name, values in check.headers], [("authorization", (sent,))]
            )

    def test_default_status(self) -> None:
        """The least and the most that a server can answer are fine; nothing is 200."""
        for given, status in ((100, 100), (599, 599), (0, 200)):
            [check] = self.health(f"{{http: [{{uri: 'http://a/', statuscode: {given}}}]}}").http
            self.assertEqual(check.statuscode, status)

    def test_hurry(self) -> None:
        """What would leave time for nothing else is raised, as with five nanoseconds for five seconds."""
        for text, key in (
            ("{storagedriver: {enabled: true, interval: 5}}", "storagedriver"),
            ("{file: [{file: /x, interval: 99ms}]}", "file[0]"),
            ("{http: [{uri: 'http://a/', interval: 1us}]}", "http[0]"),
            ("{tcp: [{addr: 'a:1', interval: 1ns}]}", "tcp[0]"),
        ):
            reading = read(f"{LEAST}health: {text}\n")
            self.assertEqual(
                reading.warnings,
                (f"health.{key}.interval: taken as 0.1s; a number without a unit means nanoseconds",),
            )
            health = reading.require().health
            checks = [*([health.storage] if health.storage else ()), *health.files, *health.http, *health.tcp]
            self.assertEqual([check.interval for check in checks], [0.1])
        [check] = self.health("{file: [{file: /x, interval: 100ms}]}").files
        self.assertEqual(check.interval, 0.1)
