"""Side-by-side measurement of txregistry and Debian's ``docker-registry``: run ``python -m bench``."""
