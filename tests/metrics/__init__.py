"""Tests of what is counted and timed."""
