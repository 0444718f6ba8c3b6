"""Tests for the sections ``validation`` and ``policy``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.texts import LEAST, read
from txregistry.config.values import PolicyConfig, ValidationConfig


def validation(text: str, warnings: tuple[str, ...] = ()) -> ValidationConfig:
    """What the section *text* says, with these *warnings* and no fault."""
    result = read(f"{LEAST}validation: {text}\n")
    if result.warnings != warnings:
        raise AssertionError(f"{result.warnings} for {text}")
    return result.require().validation


class ReadValidationTests(SynchronousTestCase):
    """What is demanded of manifests."""

    def faults(self, text: str) -> tuple[str, ...]:
        """The faults of the section *text*."""
        return read(f"{LEAST}validation: {text}\n").faults

    def test_default(self) -> None:
        """An empty section demands that everything exists, and nothing of URLs."""
        for text in ("", "{}", "{manifests: }", "{enabled: true}", "{disabled: false}", "{enabled: }"):
            self.assertEqual(validation(text), ValidationConfig())
        self.assertEqual(read(LEAST).require().validation, ValidationConfig())

    def test_urls(self) -> None:
        """The expressions are kept in their order."""
        config = validation("{manifests: {urls: {allow: ['^https://', b], deny: [c]}}}")
        self.assertEqual((config.urls_allow, config.urls_deny), (("^https://", "b"), ("c",)))

    def test_bad_expressions(self) -> None:
        """Each expression that is none is a fault with its place and the reason."""
        self.assertEqual(
            self.faults("{manifests: {urls: {allow: [a, '(', '*'], deny: ['(?=a)']}}}"),
            (
                "validation.manifests.urls.allow[1]: must be a regular expression, not '(': missing ): (",
                "validation.manifests.urls.allow[2]: must be a regular expression, not '*': "
                "no argument for repetition operator: *",
                "validation.manifests.urls.deny[0]: must be a regular expression, not '(?=a)': "
                "invalid perl operator: (?=",
            ),
        )

    def test_large_expressions(self) -> None:
        """Expressions that are too large together are a fault of the list."""
        items = ", ".join(f"'{letter}{{800}}{letter}{{800}}.{{900}}'" for letter in "abcdefgh" * 60)
        self.assertEqual(
            self.faults(f"{{manifests: {{urls: {{deny: [{items}]}}}}}}"),
            ("validation.manifests.urls.deny: pattern too large - compile failed",),
        )

    def test_disabled(self) -> None:
        """Switched off, neither URLs nor children are looked at; blobs are, unless they say so themselves."""
        self.assertEqual(validation("{disabled: true}"), ValidationConfig(platforms="none"))
        self.assertEqual(
            validation("{disabled: true, manifests: {blobs: none, indexes: {platforms: all}}}"),
            ValidationConfig(blobs="none", platforms="none"),
        )
        config = validation(
            "{disabled: true, manifests: {urls: {allow: ['('], deny: [a]}}}",
            (
                "validation.manifests.urls.allow: has no effect, since validation is disabled",
                "validation.manifests.urls.deny: has no effect, since validation is disabled",
            ),
        )
        self.assertEqual(config, ValidationConfig(platforms="none"))

    def test_enabled(self) -> None:
        """An explicit ``enabled: true`` wins; ``enabled: false`` means nothing."""
        self.assertEqual(validation("{enabled: true, disabled: true}"), ValidationConfig())
        self.assertEqual(validation("{enabled: false, disabled: true}").platforms, "none")
        warning = "validation.enabled: false has no effect, disabled: true has"
        self.assertEqual(validation("{enabled: false}", (warning,)), ValidationConfig())

    def test_choices(self) -> None:
        """The words are known in any letter case, and no others."""
        self.assertEqual(validation("{manifests: {blobs: NONE}}").blobs, "none")
        self.assertEqual(validation("{manifests: {blobs: All}}").blobs, "all")
        self.assertEqual(validation("{manifests: {indexes: {platforms: None}}}").platforms, "none")
        self.assertEqual(
            self.faults("{manifests: {blobs: list, indexes: {platforms: ''}}}"),
            (
                "validation.manifests.blobs: must be all or none, not 'list'",
                "validation.manifests.indexes.platforms: must be all, none or list, not ''",
            ),
        )

    def test_platforms(self) -> None:
        """A list of platforms is kept."""
        config = validation(
            "{manifests: {indexes: {platforms: List, platformlist: "
            "[{architecture: amd64, os: linux}, {architecture: arm64, os: linux}]}}}"
        )
        self.assertEqual(config.platforms, "list")
        self.assertEqual(config.platformlist, (("amd64", "linux"), ("arm64", "linux")))

    def test_platforms_without_effect(self) -> None:
        """Whatever hardly means what was meant is a warning."""
        place = "validation.manifests.indexes"
        for text, warning in (
            (
                "{platformlist: [{architecture: a, os: b}]}",
                "platformlist: has no effect without platforms: list",
            ),
            ("{platforms: list}", "platforms: list: the list is empty, so all platforms are checked"),
            (
                "{platforms: list, platformlist: [{os: linux}]}",
                "platformlist[0].architecture: is empty, which hardly any platform is",
            ),
        ):
            validation(f"{{manifests: {{indexes: {text}}}}}", (f"{place}.{warning}",))

    def test_environment(self) -> None:
        """The environment reaches every key."""
        reading = read(
            LEAST,
            {
                "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW": "['^https://']",
                "REGISTRY_VALIDATION_MANIFESTS_URLS_DENY_0": "evil",
                "REGISTRY_VALIDATION_MANIFESTS_BLOBS": "none",
                "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS": "list",
                "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_ARCHITECTURE": "arm64",
                "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST_0_OS": "linux",
                "REGISTRY_POLICY_REPOSITORY_CLASSES": "[image]",
            },
        )
        self.assertEqual(reading.warnings, ())
        self.assertEqual(
            reading.require().validation,
            ValidationConfig(("^https://",), ("evil",), "none", "list", (("arm64", "linux"),)),
        )
        self.assertEqual(reading.require().policy, PolicyConfig(("image",)))
        self.assertEqual(
            read(LEAST, {"REGISTRY_VALIDATION_DISABLED": "true"}).require().validation.platforms, "none"
        )
        [fault] = read(LEAST, {"REGISTRY_VALIDATION_MANIFESTS_URLS_DENY": "['(']"}).faults
        self.assertTrue(fault.endswith("(set by REGISTRY_VALIDATION_MANIFESTS_URLS_DENY)"), fault)


class ReadPolicyTests(SynchronousTestCase):
    """What may be pushed."""

    def test_classes(self) -> None:
        """The classes are kept; none mean no policy."""
        for text in ("", "{}", "{repository: }", "{repository: {classes: []}}"):
            self.assertEqual(read(f"{LEAST}policy: {text}\n").require().policy, PolicyConfig())
        reading = read(f"{LEAST}policy: {{repository: {{classes: [image, plugin]}}}}\n")
        self.assertEqual(
            (reading.require().policy, reading.warnings), (PolicyConfig(("image", "plugin")), ())
        )

    def test_unknown_class(self) -> None:
        """A class that nothing belongs to is a warning, and keeps the policy on."""
        reading = read(f"{LEAST}policy: {{repository: {{classes: [Image]}}}}\n")
        self.assertEqual(reading.require().policy, PolicyConfig(("Image",)))
        self.assertEqual(reading.warnings, ("policy.repository.classes: no class is called 'Image'",))
