"""Telling listeners what happened in a repository."""
