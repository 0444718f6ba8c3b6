"""Tests of the debug server."""
