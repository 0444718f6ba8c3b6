"""
From configuration to a tree of services; the only place that knows concrete classes.

A request walks down through what is stacked here: the site and the routes,
the gate, a repository with its wrappers, the storage rooms, the driver.
"""

from txregistry.assembly.building import assemble
from txregistry.assembly.configurable import CONFIGURABLE
from txregistry.assembly.daemon import Daemon, Sequence

__all__ = ["CONFIGURABLE", "Daemon", "Sequence", "assemble"]
