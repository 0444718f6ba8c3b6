"""Contract suites: one mixin per interface, run by every implementation."""
