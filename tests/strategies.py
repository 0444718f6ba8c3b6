"""Hypothesis strategies for the values of the domain."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from txregistry.model.digest import ALGORITHMS, OCTET_STREAM, Descriptor, Digest
from txregistry.model.names import NAME_LIMIT, RepositoryName, Tag

_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
_WORD = _LOWER + _LOWER[:26].upper() + "_"


def digests() -> st.SearchStrategy[Digest]:
    """Any digest that can be pushed."""
    return st.sampled_from(sorted(ALGORITHMS)).flatmap(
        lambda algorithm: st.builds(
            Digest,
            st.just(algorithm),
            st.text("0123456789abcdef", min_size=ALGORITHMS[algorithm], max_size=ALGORITHMS[algorithm]),
        )
    )


def descriptors() -> st.SearchStrategy[Descriptor]:
    """What a repository knows of a blob."""
    return st.builds(Descriptor, st.just(OCTET_STREAM), digests(), st.integers(0, 1 << 40))


def repository_names() -> st.SearchStrategy[RepositoryName]:
    """Names of a few components, some with a registry's domain in front."""
    words = st.text(_LOWER, min_size=1, max_size=6)
    separators = st.sampled_from((".", "_", "__", "-", "---"))
    components = st.builds(
        lambda first, rest: first + "".join(map("".join, rest)),
        words,
        st.lists(st.tuples(separators, words), max_size=3),
    )
    domains = st.sampled_from(("", "Example.COM/", "LOCALHOST/"))
    return st.builds(
        lambda domain, parts: RepositoryName(domain + "/".join(parts)),
        domains,
        st.lists(components, min_size=1, max_size=4),
    ).filter(lambda name: len(name.text) <= NAME_LIMIT)


def tags() -> st.SearchStrategy[Tag]:
    """Any tag."""
    return st.builds(
        lambda first, rest: Tag(first + rest),
        st.sampled_from(_WORD),
        st.text(_WORD + ".-", max_size=127),
    )


def json_values() -> st.SearchStrategy[Any]:
    """Anything that JSON can say, and some that it cannot."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )
