"""Tests of ``txregistry.model``."""
