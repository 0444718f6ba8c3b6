"""The tests; the tree mirrors the package."""

from hypothesis import settings

# How long an example takes says more about the machine than about the rule.
settings.register_profile("txregistry", deadline=None)
settings.load_profile("txregistry")
