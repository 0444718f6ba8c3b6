"""
The load that ``wrk`` cannot make: uploads, slow uploads, large downloads, HEAD requests, and guessing.

(``wrk`` waits for the body that a HEAD answer announces; ``ab`` speaks HTTP/1.0.)

It runs in a process of its own (``python -m bench.load KIND PORT REPOSITORY …``), prints ``ready`` when it
has prepared everything and starts its clock, and at the end one line of JSON.  Connections that carry
blobs are threads with blocking sockets: they spend their time in system calls, outside the
interpreter's lock.
"""

import argparse
import hashlib
import json
import select
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from attrs import asdict

from bench.content import ACCEPT
from bench.errors import BenchFailed
from bench.guessing import guess
from bench.outcome import Outcome, say_ready
from bench.payload import Payload
from bench.wire import Connection, Response, path_of, with_digest

__all__ = ["head", "main", "pull", "push", "slow"]

_MOST_PREPARED = 40_000
_SLOW_STEPS_A_SECOND = 100
_SLOW_GROUPS = 10


def push(
    port: int, repository: str, size: int, connections: int, seconds: float, patch: bool, most: int = 0
) -> Outcome:
    """
    Push unique blobs over *connections* for about *seconds*; a blob that was begun is finished.

    :param patch: send the bytes by a chunked PATCH before an empty PUT, as docker does.
    :param most: stop after this many blobs in all; 0 means as many as the time allows.
    :raises BenchFailed: an answer was wrong, or a blob is not there afterwards.
    """
    fastest = max(4e9 / size, 1) if size > 100_000 else 2500.0
    count = most or min(_MOST_PREPARED, int(fastest * seconds) + connections)
    payloads = Payload.make(size, count)
    shares = [payloads[at::connections] for at in range(connections)]
    url = f"/v2/{repository}/blobs/uploads/"
    links = [Connection.open(port) for _ in shares]
    say_ready()
    begin = time.monotonic()
    until = begin + seconds

    def run(link: Connection, share: list[Payload]) -> list[Payload]:
        done: list[Payload] = []
        for payload in share:
            if done and not most and time.monotonic() >= until:
                break
            _push_one(link, url, payload, patch)
            done.append(payload)
        return done

    with ThreadPoolExecutor(connections) as threads:
        shared = list(threads.map(run, links, shares))
    elapsed = time.monotonic() - begin
    for link, done in zip(links, shared, strict=True):
        for payload in done[-1:]:
            answer = link.request("HEAD", f"/v2/{repository}/blobs/{payload.digest}")
            answer.expect(200, "blob HEAD after push")
            if answer.header("content-length") != str(size):
                raise BenchFailed(f"pushed {size} bytes, stored {answer.header('content-length')}")
        link.close()
    blobs = sum(len(done) for done in shared)
    return Outcome(blobs, blobs * size, elapsed)


def _push_one(link: Connection, url: str, payload: Payload, patch: bool) -> None:
    location = link.request("POST", url).expect(202, "upload POST").header("location")
    if patch:
        headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/octet-stream"}
        sent = link.request("PATCH", path_of(location), headers, slices=payload.chunked())
        location = sent.expect(202, "upload PATCH").header("location")
        stored = link.request("PUT", with_digest(location, payload.digest))
    else:
        headers = {"Content-Length": str(payload.size), "Content-Type": "application/octet-stream"}
        stored = link.request("PUT", with_digest(location, payload.digest), headers, slices=payload.slices())
    stored.expect(201, "closing PUT")


def pull(
    port: int,
    repository: str,
    digest: str,
    connections: int,
    seconds: float,
    whole: bool = False,
    encrypted: bool = False,
) -> Outcome:
    """
    Read one blob again and again over *connections* for *seconds*; bytes count as they come.

    :param whole: read the blob once on each connection instead, and check its digest.
    :param encrypted: speak TLS.
    :raises BenchFailed: an answer was wrong, cut short, or not what its digest says.
    """
    links = [Connection.open(port, encrypted=encrypted) for _ in range(connections)]
    url = f"/v2/{repository}/blobs/{digest}"
    say_ready()
    begin = time.monotonic()
    until = begin + (float("inf") if whole else seconds)

    def run(link: Connection) -> tuple[int, int]:
        blobs = got = 0
        while time.monotonic() < until and not (whole and blobs):
            link.send(link.head("GET", url, {}))
            status, headers, rest = link.receive_head()
            Response(status, headers, rest).expect(200, "blob GET")
            left = int(headers["content-length"]) - len(rest)
            running = hashlib.sha256(rest)
            got += len(rest)
            while left and time.monotonic() < until:
                piece = link.receive_some(left)
                if whole:
                    running.update(piece)
                left -= len(piece)
                got += len(piece)
            blobs += not left
            if whole and f"sha256:{running.hexdigest()}" != digest:
                raise BenchFailed(f"the bytes of {digest} hash to {running.hexdigest()}")
        return blobs, got

    with ThreadPoolExecutor(connections) as threads:
        counted = list(threads.map(run, links))
    elapsed = time.monotonic() - begin
    for link in links:
        link.close()
    return Outcome(sum(blobs for blobs, _ in counted), sum(got for _, got in counted), elapsed)


def head(
    port: int,
    repository: str,
    path: str,
    length: int,
    connections: int,
    seconds: float,
    authorization: str = "",
) -> Outcome:
    """
    Send HEAD requests over *connections*, one outstanding on each, for *seconds*.

    One thread waits for all of them: it costs about as little as ``wrk``.

    :param path: what follows the repository's name in the path.
    :param length: the Content-Length that the first answer on each connection must announce.
    :param authorization: the header of that name, if there is to be one.
    :raises BenchFailed: an answer was wrong.
    """
    url = f"/v2/{repository}/{path}"
    headers = ACCEPT | {"Authorization": authorization} if authorization else ACCEPT
    links = [Connection.open(port) for _ in range(connections)]
    for link in links:
        announced = link.request("HEAD", url, headers).expect(200, f"HEAD {url}").header("content-length")
        if announced != str(length):
            raise BenchFailed(f"HEAD {url} announces {announced} bytes, expected {length}")
    asking = links[0].head("HEAD", url, headers)
    poll = select.epoll()
    sockets = {link.socket.fileno(): link.socket for link in links}
    begun = dict.fromkeys(sockets, b"")
    say_ready()
    begin = time.monotonic()
    until = begin + seconds
    done = 0
    for number, each in sockets.items():
        poll.register(number, select.EPOLLIN)
        each.sendall(asking)
    while time.monotonic() < until:
        for number, _ in poll.poll(seconds):
            each = sockets[number]
            answer = begun[number] + each.recv(65536)
            if answer.endswith(b"\r\n\r\n") and answer.startswith(b"HTTP/1.1 200 "):
                begun[number] = b""
                done += 1
                each.sendall(asking)
            elif b"\r\n\r\n" in answer or len(answer) == len(begun[number]):
                raise BenchFailed(f"HEAD {url}: {answer[:300]!r}")
            else:
                begun[number] = answer
    elapsed = time.monotonic() - begin
    poll.close()
    for link in links:
        link.close()
    return Outcome(done, 0, elapsed)


def slow(port: int, repository: str, connections: int, rate: int, seconds: float) -> Outcome:
    """
    Upload one blob on each of *connections* at *rate* bytes a second, all at once, and commit them all.

    One thread feeds all sockets in turn, a tenth of them every hundredth of a second: the load is even.

    :raises BenchFailed: an answer was wrong.
    """
    step = rate * _SLOW_GROUPS // _SLOW_STEPS_A_SECOND
    rounds = int(seconds * _SLOW_STEPS_A_SECOND / _SLOW_GROUPS)
    payloads = Payload.make(step * rounds, connections)
    bodies = [b"".join(payload.slices()) for payload in payloads]
    links = [Connection.open(port) for _ in payloads]
    url = f"/v2/{repository}/blobs/uploads/"
    targets = []
    for link in links:
        location = link.request("POST", url).expect(202, "upload POST").header("location")
        link.send(link.head("PATCH", path_of(location), {"Transfer-Encoding": "chunked"}))
        targets.append(path_of(location))
    say_ready()
    begin = time.monotonic()
    for turn in range(rounds * _SLOW_GROUPS):
        at = turn // _SLOW_GROUPS * step
        for index in range(turn % _SLOW_GROUPS, connections, _SLOW_GROUPS):
            links[index].send(b"%x\r\n%b\r\n" % (step, bodies[index][at : at + step]))
        time.sleep(max(0.0, begin + (turn + 1) / _SLOW_STEPS_A_SECOND - time.monotonic()))
    elapsed = time.monotonic() - begin
    for link, payload in zip(links, payloads, strict=True):
        link.send(b"0\r\n\r\n")
        location = link.receive("PATCH").expect(202, "slow PATCH").header("location")
        link.request("PUT", with_digest(location, payload.digest)).expect(201, "slow PUT")
        link.close()
    return Outcome(connections, connections * step * rounds, elapsed)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for work in (push, pull, head, slow, guess):
        kind = kinds.add_parser(work.__name__)
        kind.set_defaults(work=work)
        kind.add_argument("port", type=int)
        kind.add_argument("repository")
        kind.add_argument("--connections", type=int, default=1)
        kind.add_argument("--seconds", type=float, default=1.0)
        if work is push:
            kind.add_argument("--size", type=int, required=True)
            kind.add_argument("--patch", action="store_true")
            kind.add_argument("--most", type=int, default=0)
        elif work is pull:
            kind.add_argument("--digest", required=True)
            kind.add_argument("--whole", action="store_true")
            kind.add_argument("--encrypted", action="store_true")
        elif work is head:
            kind.add_argument("--path", required=True)
            kind.add_argument("--length", type=int, required=True)
            kind.add_argument("--authorization", default="")
        elif work is guess:
            kind.add_argument("--path", required=True)
            kind.add_argument("--user", required=True)
            kind.add_argument("--same", action="store_true")
        else:
            kind.add_argument("--rate", type=int, required=True)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one kind of load as *arguments* say; 1 and a line on stderr mean that it failed."""
    options = vars(_arguments().parse_args(arguments))
    del options["kind"]
    work: Callable[..., Outcome] = options.pop("work")
    try:
        outcome = work(**options)
    except (BenchFailed, OSError) as failed:
        print(failed, file=sys.stderr)
        return 1
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
