"""Tests of ``txregistry.web``."""
