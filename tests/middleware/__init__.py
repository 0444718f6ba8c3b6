"""Tests of ``txregistry.middleware``."""
