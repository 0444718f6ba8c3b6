"""Tests of entries that are mailed."""
