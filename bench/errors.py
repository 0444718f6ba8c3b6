"""What stops a measurement: a figure taken in spite of it would be worthless."""

__all__ = ["BenchFailed"]


class BenchFailed(Exception):
    """A tool is missing, a server died, or an answer was not what the workload asks for."""
