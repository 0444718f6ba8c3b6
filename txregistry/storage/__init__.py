"""Repositories, blobs, manifests, tags and uploads over a storage driver."""
