"""Tests of ``txregistry.notifications``."""
