"""Tests of ``txregistry.storage``."""
