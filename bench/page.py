"""The page about performance in the documentation: how the figures were taken, and the figures."""

from datetime import date

from bench.machine import Machine

__all__ = ["page"]

_PAGE = """\
# Performance

`make bench` starts txregistry and Debian's `docker-registry` on one machine, with the same configuration
and each with its own fresh storage on the same disk, and puts the same load on them in turn. This page is
what it wrote on {day}; run it on your machine before you rely on any figure.

## How it was measured

- {how} The two servers take turns within a round, and who begins alternates, so that noise hits both.
  Absolute figures move from machine to machine; the ratios of one run say more.
- Machine: {machine.cores} cores ({machine.cpu}), {machine.memory_gib:.0f} GiB of memory, Linux
  {machine.kernel}. The load runs on the same cores. Disk: 64 MiB written and synced at
  {machine.sync_megabytes:.0f} MB/s; a 4 KiB file created, written and synced in
  {machine.sync_milliseconds:.2f} ms.
- Programs: txregistry {machine.ours} on Python {machine.python} and Twisted {machine.twisted};
  docker-registry {machine.peer}.
- Configuration of both: filesystem storage, in-memory descriptor cache, deleting enabled, no access log,
  log level `error`. Both sync each file before they confirm it; txregistry also syncs the directories that
  gained an entry.
- For access control and TLS each program runs a second, third and fourth time over the same storage: with
  `auth.htpasswd` and a password hashed with bcrypt at cost 10, with `auth.token` and a token signed by
  ES256, and with TLS under a P-256 certificate. These rows run right beside the open one with the same load
  in each round, in alternating order. Every request carries its credentials. txregistry remembers for a
  while that a password was right, docker-registry computes bcrypt for each request.
- For the cache in Redis each program runs once more with `blobdescriptor: redis`, both with the same
  `redis-server`, and a pool of connections for docker-registry, and once with an address where nobody
  listens.
- Small requests come from `wrk` over keep-alive connections; one refused or faulty answer ends the run.
  HEAD requests, uploads and 256 MiB downloads come from a generator of our own on plain sockets, because
  `wrk` waits for the body that a HEAD answer only announces, and cannot upload unique content. Each uploaded
  blob is different, its digest is computed before the clock starts, and what was stored is asked for
  afterwards. PATCH bodies are in chunked coding, 32 KiB a chunk, as docker sends them.
- What half an hour of mixed load with killed clients leaves behind is told under [soak](soak.md).
- "Peak" is the largest resident set within a workload, "CPU" the processor time of one window, user and
  kernel together: at twice the speed, the same CPU time means half the cost of a request.

## What was found

MB are 10^6 bytes, MiB 2^20. A ratio above 1 means that txregistry has the larger figure. "kept" is the
share of the figure of the same program and load without access control, TLS and Redis.

In the floods 16 clients guess a user's password, each from an address of its own and on one connection, as
fast as they are answered and whatever they are told about waiting. That user, whom the server let in just
before, meanwhile asks for a manifest, one request after the other, over one connection unless the row says
otherwise: "median" and "p99" are of these answers. "First" is how long it takes until another user, whom the
server has not met yet, is let in from one more address; after a 429 it tries again a tenth of a second later.
As long as the flood, about a second more than a window, means that the flood kept it out.
"401/s" and "429/s" are the flood's own answers.

{tables}
"""


def page(day: date, machine: Machine, how: str, tables: str) -> str:
    """Fill the page; *how* is a sentence on rounds and times, *tables* are in Markdown."""
    return _PAGE.format(day=day.isoformat(), machine=machine, how=how, tables=tables)
