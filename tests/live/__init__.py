"""Tests with real clients, real servers and real files."""
