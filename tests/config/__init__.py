"""Tests of ``txregistry.config``."""
