"""The section ``health``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.values import FileCheck, HealthConfig, HttpCheck, StorageCheck, TcpCheck


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
            ("{http: [{uri: x}]}", "health.http[0].uri: must be a URL such as https://example.com/, not 'x'"),
            ("{http: [{uri: 'ftp://x/'}]}", "health.http[0].uri: must be a URL"),
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
