"""Offers the middleware ``immutabletags``, nothing else."""

from txregistry_immutable_tags import ImmutableTagsFactory

immutable_tags = ImmutableTagsFactory()
