"""Tests for access control."""
