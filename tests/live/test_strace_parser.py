"""How logs of strace are read and judged, on lines made for the purpose."""

from twisted.trial.unittest import SynchronousTestCase

from tests.live.strace import (
    Action,
    Call,
    Event,
    answers,
    bytes_read,
    durability_faults,
    opened,
    read_calls,
    understand,
)

FILE, DIRECTORY = "/s/blobs/aa/data", "/s/blobs/aa"

GOOD = """\
10 mkdir("/s/blobs", 0777) = 0
10 mkdir("/s/blobs/aa", 0777) = 0
11 write(7</s/up/data>, "layer"..., 5) = 5
11 fsync(7</s/up/data>) = 0
11 rename("/s/up/data", "/s/blobs/aa/data") = 0
11 fsync(8</s/blobs/aa>) = 0
11 fsync(8</s/blobs>) = 0
11 fsync(8</s>) = 0
10 sendto(9<socket:[77]>, "HTTP/1.1 201 Created\\r\\nServer: x"..., 300, 0, NULL, 0) = 300
"""


def faults_of(log: str) -> list[str]:
    """Judge a log that ends with one 201, given after one file and two directories came to be."""
    events = understand(read_calls(log.splitlines()))
    [answer] = answers(events, 201)
    return durability_faults(events, [FILE], [DIRECTORY, "/s/blobs"], answer)


class ReadCallsTests(SynchronousTestCase):
    """Lines to calls."""

    def test_whole_call(self) -> None:
        """A call on one line starts and ends there."""
        [call] = read_calls(["10    fsync(7</a/b>)    = 0"])
        self.assertEqual(call, Call("fsync", "7</a/b>", "0", 0, 0))

    def test_call_in_two_parts(self) -> None:
        """A call interrupted by another thread's starts and ends on different lines."""
        calls = read_calls(
            [
                "10 fsync(7</a> <unfinished ...>",
                "11 fsync(8</b> <unfinished ...>",
                "10 <... fsync resumed>) = 0",
                "11 <... fsync resumed>)                = 0",
            ]
        )
        self.assertEqual(calls, [Call("fsync", "7</a>", "0", 0, 2), Call("fsync", "8</b>", "0", 1, 3)])

    def test_other_lines(self) -> None:
        """Signals, exits and calls that never returned are no calls."""
        lines = [
            "10 --- SIGTERM {si_signo=SIGTERM} ---",
            "10 fsync(7</a> <unfinished ...>",
            "10 +++ exited with 0 +++",
        ]
        self.assertEqual(read_calls(lines), [])


class UnderstandTests(SynchronousTestCase):
    """Calls to events."""

    def only(self, line: str) -> list[tuple[Action, str, str]]:
        """Understand one line."""
        return [(event.action, event.path, event.source) for event in understand(read_calls([line]))]

    def test_rename_by_path(self) -> None:
        """A rename names its target."""
        self.assertEqual(self.only('1 rename("/a/x", "/b/y") = 0'), [(Action.NAMED, "/b/y", "/a/x")])

    def test_rename_by_directory(self) -> None:
        """Names relative to an open directory are joined with it."""
        line = '1 renameat2(3</a>, "x", AT_FDCWD</cwd>, "/b/y", RENAME_NOREPLACE) = 0'
        self.assertEqual(self.only(line), [(Action.NAMED, "/b/y", "/a/x")])

    def test_mkdir(self) -> None:
        """A directory is made below the open directory that the call names."""
        self.assertEqual(self.only('1 mkdirat(3</a>, "b", 0777) = 0'), [(Action.MADE_DIRECTORY, "/a/b", "")])

    def test_failed_call(self) -> None:
        """A call that failed did nothing."""
        self.assertEqual(self.only('1 mkdir("/a", 0777) = -1 EEXIST (File exists)'), [])

    def test_answer(self) -> None:
        """An answer is known by its status line, whichever call sends it."""
        for line in (
            '1 sendto(9<socket:[7]>, "HTTP/1.1 201 Created\\r\\n"..., 30, 0, NULL, 0) = 30',
            '1 sendmsg(9<TCP:[1.2.3.4:5->6]>, {msg_iov=[{iov_base="HTTP/1.1 201 OK"..., iov_len=9}]}, 0) = 9',
            '1 writev(9<socket:[7]>, [{iov_base="HTTP/1.1 201 Created"..., iov_len=30}], 1) = 30',
        ):
            self.assertEqual(self.only(line), [(Action.ANSWERED, "201", "")], line)

    def test_write_to_file(self) -> None:
        """What looks like an answer but goes to a file is a write."""
        self.assertEqual(
            self.only('1 write(3</log>, "HTTP/1.1 201 Created", 20) = 20'), [(Action.WROTE, "/log", "")]
        )

    def test_pipes(self) -> None:
        """What goes through pipes and wakes threads up is of no interest."""
        self.assertEqual(self.only('1 write(5<pipe:[9]>, "x", 1) = 1'), [])

    def test_answers(self) -> None:
        """Answers are picked by their status."""
        events = [Event(Action.ANSWERED, status, 0, 0) for status in ("201", "202", "201")]
        self.assertEqual(answers(events, 202), [events[1]])


class DurabilityFaultsTests(SynchronousTestCase):
    """The order that a 201 promises."""

    def without(self, line: str) -> str:
        """Take a line out of the good log."""
        self.assertIn(line, GOOD)
        return GOOD.replace(line, "")

    def moved_to_end(self, line: str) -> str:
        """Move a line of the good log behind the answer."""
        return self.without(line) + line

    def test_good(self) -> None:
        """Synchronised, renamed, directories synchronised, answered: no fault."""
        self.assertEqual(faults_of(GOOD), [])

    def test_content_not_synchronised(self) -> None:
        """A file renamed without being synchronised is a fault."""
        self.assertEqual(len(faults_of(self.without("11 fsync(7</s/up/data>) = 0\n"))), 1)

    def test_written_after_synchronising(self) -> None:
        """Bytes written after the file was synchronised are a fault."""
        write = '11 write(7</s/up/data>, "layer"..., 5) = 5\n'
        rename = '11 rename("/s/up/data", "/s/blobs/aa/data") = 0\n'
        self.assertEqual(len(faults_of(GOOD.replace(rename, write + rename))), 1)

    def test_written_in_place(self) -> None:
        """Bytes written to a file that has its final name already are a fault."""
        rename = '11 rename("/s/up/data", "/s/blobs/aa/data") = 0\n'
        write = '11 write(7</s/blobs/aa/data>, "layer"..., 5) = 5\n'
        self.assertEqual(len(faults_of(GOOD.replace(rename, rename + write))), 1)

    def test_not_renamed(self) -> None:
        """A file that was not renamed into place is a fault."""
        self.assertEqual(len(faults_of(self.without('11 rename("/s/up/data", "/s/blobs/aa/data") = 0\n'))), 1)

    def test_directory_of_file(self) -> None:
        """A directory that gained a file and was not synchronised is a fault."""
        self.assertEqual(len(faults_of(self.without("11 fsync(8</s/blobs/aa>) = 0\n"))), 1)

    def test_directory_of_directory(self) -> None:
        """A directory that gained a directory and was not synchronised is a fault."""
        for line in ("11 fsync(8</s/blobs>) = 0\n", "11 fsync(8</s>) = 0\n"):
            self.assertEqual(len(faults_of(self.without(line))), 1, line)

    def test_synchronised_too_late(self) -> None:
        """What is synchronised after the answer was promised too early."""
        self.assertEqual(len(faults_of(self.moved_to_end("11 fsync(8</s/blobs/aa>) = 0\n"))), 1)

    def test_synchronised_too_early(self) -> None:
        """A directory synchronised before it gained the entry is a fault."""
        line = "11 fsync(8</s>) = 0\n"
        self.assertEqual(len(faults_of(line + self.without(line))), 1)

    def test_overlapping_calls(self) -> None:
        """A directory whose synchronising began before the rename had returned is a fault."""
        begun = "12 fsync(8</s/blobs/aa> <unfinished ...>\n"
        rename = '11 rename("/s/up/data", "/s/blobs/aa/data") = 0\n'
        log = self.without("11 fsync(8</s/blobs/aa>) = 0\n")
        log = log.replace(rename, begun + rename + "12 <... fsync resumed>) = 0\n")
        self.assertEqual(len(faults_of(log)), 1)

    def test_renamed_twice(self) -> None:
        """A file may have been synchronised under a former name."""
        once = 'rename("/s/up/data", "/s/blobs/aa/data") = 0'
        twice = 'rename("/s/up/data", "/s/up/done") = 0\n11 rename("/s/up/done", "/s/blobs/aa/data") = 0'
        self.assertEqual(faults_of(GOOD.replace(once, twice)), [])


class ReadingTests(SynchronousTestCase):
    """How much of a file was read."""

    def calls(self) -> list[Call]:
        """A log in which one file is read in several ways, and another is opened only."""
        return read_calls(
            [
                '1 openat(AT_FDCWD</>, "/a/data", O_RDONLY|O_CLOEXEC) = 5</a/data>',
                '1 openat(AT_FDCWD</>, "/b/data", O_RDWR) = 6</b/data>',
                '1 openat(AT_FDCWD</>, "/c/data", O_RDWR) = -1 ENOENT (No such file or directory)',
                '1 read(5</a/data>, "xyz"..., 4096) = 100',
                '2 pread64(5</a/data>, "x"..., 4096, 100) = 20',
                "1 read(5</a/data>, 0x1, 4096) = -1 EIO (Input/output error)",
                "1 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5</a/data>, 0) = 0x7f0000000000",
                "1 sendfile(7<socket:[1]>, 5</a/data>, NULL, 9) = 3",
                '1 read(8</a/data2>, "x", 1) = 1',
            ]
        )

    def test_bytes_read(self) -> None:
        """Whatever brings content counts, from that file alone."""
        self.assertEqual(bytes_read(self.calls(), "/a/data"), 100 + 20 + 4096 + 3)
        self.assertEqual(bytes_read(self.calls(), "/b/data"), 0)

    def test_opened(self) -> None:
        """A file was opened if that succeeded."""
        found = [path for path in ("/a/data", "/b/data", "/c/data") if opened(self.calls(), path)]
        self.assertEqual(found, ["/a/data", "/b/data"])
