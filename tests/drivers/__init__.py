"""Tests of ``txregistry.drivers``."""
