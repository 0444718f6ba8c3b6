"""The tests; the tree mirrors the package."""

from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the rule.
# Suites are inherited, so that one property is shown for several implementations.
settings.register_profile(
    "txregistry", deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)
settings.load_profile("txregistry")
