"""Tests of ``txregistry.cache``."""
