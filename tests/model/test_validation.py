"""Tests for what is demanded of manifests."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.model.documents import CHILD, CONFIG, FOREIGN, LAYER, body, descriptor
from txregistry.model.manifest import OCI_INDEX, OCI_MANIFEST, InvalidManifest, Manifest, parse_manifest
from txregistry.model.patterns import InvalidPattern
from txregistry.model.validation import URL_TEXT_LIMIT, Children, UrlRules, Validation

LINUX = {"architecture": "amd64", "os": "linux"}


def image(*layers: dict[str, Any], **more: Any) -> Manifest:
    """An image with these layers."""
    return parse_manifest(OCI_MANIFEST, json.dumps(body(OCI_MANIFEST, layers=layers, **more)).encode())


def index(*children: dict[str, Any]) -> Manifest:
    """An index with these children."""
    return parse_manifest(OCI_INDEX, json.dumps(body(OCI_INDEX, manifests=children)).encode())


class UrlRulesTests(SynchronousTestCase):
    """From where content may come."""

    def test_none(self) -> None:
        """Without lists there is no rule."""
        for rules in (UrlRules(), UrlRules.of((), ())):
            self.assertFalse(rules)
            self.assertTrue(rules.allows("anything"))

    def test_allow(self) -> None:
        """With a list of what is allowed, one of its expressions must be found, wherever."""
        rules = UrlRules.of(["^https://a\\.test/", "b"], [])
        self.assertTrue(rules)
        for url, allowed in (("https://a.test/x", True), ("http://xbx/", True), ("http://a.test/", False)):
            self.assertIs(rules.allows(url), allowed, url)

    def test_deny(self) -> None:
        """With a list of what is denied, none of its expressions may be found."""
        rules = UrlRules.of([], ["evil", "^http:"])
        self.assertTrue(rules)
        for url, allowed in (("https://a/", True), ("https://a/evil", False), ("http://a/", False)):
            self.assertIs(rules.allows(url), allowed, url)

    def test_both(self) -> None:
        """What is both allowed and denied is denied."""
        rules = UrlRules.of(["^https://"], ["/secret/"])
        for url, allowed in (("https://a/", True), ("https://a/secret/", False), ("http://a/", False)):
            self.assertIs(rules.allows(url), allowed, url)

    def test_faults(self) -> None:
        """An expression that is none is refused."""
        with self.assertRaises(InvalidPattern):
            UrlRules.of(["("], [])
        with self.assertRaises(InvalidPattern):
            UrlRules.of([], ["("])


class ValidationTests(SynchronousTestCase):
    """What must exist, and which URLs are looked at."""

    def test_default(self) -> None:
        """By default everything must exist, but for layers that may stay where their URLs say."""
        foreign = descriptor(CHILD, FOREIGN, urls=["https://a.test/"])
        manifest = image(descriptor(LAYER), foreign)
        self.assertEqual([each.digest for each in Validation().required(manifest)], [CONFIG, LAYER])
        self.assertEqual([each.digest for each in Validation().required(index(descriptor(CHILD)))], [CHILD])
        self.assertEqual(Validation().urls_to_check(manifest), ())

    def test_sparse_images(self) -> None:
        """Where blobs need not exist, children still must."""
        sparse = Validation(blobs=False)
        self.assertEqual(sparse.required(image(descriptor(LAYER))), ())
        self.assertEqual([each.digest for each in sparse.required(index(descriptor(CHILD)))], [CHILD])

    def test_sparse_indexes(self) -> None:
        """Where children need not exist, configs and layers still must."""
        sparse = Validation(children=Children.NONE)
        self.assertEqual(sparse.required(index(descriptor(CHILD, platform=LINUX))), ())
        self.assertEqual([each.digest for each in sparse.required(image())], [CONFIG])

    def test_listed_platforms(self) -> None:
        """Of a list of platforms architecture and system must both be equal; the variant does not count."""
        listed = Validation(
            children=Children.LISTED, platforms=frozenset({("amd64", "linux"), ("arm64", "x")})
        )
        for platform, demanded in (
            (LINUX, True),
            ({**LINUX, "variant": "v8", "os.version": "1"}, True),
            ({"architecture": "arm64", "os": "x"}, True),
            ({"architecture": "arm64", "os": "linux"}, False),
            ({"architecture": "AMD64", "os": "linux"}, False),
            ({"os": "linux"}, False),
            ({}, False),
            (None, False),
        ):
            manifest = index(descriptor(CHILD, platform=platform))
            self.assertEqual(bool(listed.required(manifest)), demanded, platform)
        self.assertTrue(listed.required(image()))

    def test_empty_list(self) -> None:
        """An empty list of platforms means all of them."""
        listed = Validation(children=Children.LISTED)
        self.assertTrue(listed.required(index(descriptor(CHILD, platform=LINUX))))
        self.assertTrue(listed.required(index(descriptor(CHILD))))

    def test_urls_to_check(self) -> None:
        """With rules every URL counts, whoever has it, and each once."""
        rules = Validation(UrlRules.of([], ["x"]))
        layers = [descriptor(LAYER, urls=["a", "b"]), descriptor(LAYER, urls=["b", "c"])]
        manifest = image(*layers, config=descriptor(CONFIG, urls=["d"]))
        self.assertEqual(rules.urls_to_check(manifest), ("d", "a", "b", "c"))
        self.assertEqual(rules.urls_to_check(index(descriptor(CHILD, urls=["e"]))), ("e",))

    def test_check_urls(self) -> None:
        """One URL that is not allowed is enough; it is named, but not at any length."""
        rules = Validation(UrlRules.of([], ["x"]))
        rules.check_urls(())
        rules.check_urls(("a", "b"))
        with self.assertRaises(InvalidManifest) as caught:
            rules.check_urls(("a", "x" * 1000, "b"))
        self.assertEqual(caught.exception.reason, "invalid URL on layer: " + "x" * 200)

    def test_url_limit(self) -> None:
        """The text that is compared is bounded, all URLs together; without rules nothing is."""
        half = "u" * (URL_TEXT_LIMIT // 2)
        manifest = image(descriptor(LAYER, urls=[half, half[1:] + "v", "w"]))
        with self.assertRaises(InvalidManifest) as caught:
            Validation(UrlRules.of(["u"], [])).urls_to_check(manifest)
        self.assertIn(str(URL_TEXT_LIMIT), caught.exception.reason)
        self.assertEqual(Validation().urls_to_check(manifest), ())
        fits = image(descriptor(LAYER, urls=[half, half[1:] + "v", half]))
        self.assertEqual(len(Validation(UrlRules.of(["u"], [])).urls_to_check(fits)), 2)
