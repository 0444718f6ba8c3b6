"""Encrypted connections: certificates and keys from files, the connections, and new files while they live."""
