"""The sections ``validation`` and ``policy``: which manifests may be pushed, and what must exist first."""

from __future__ import annotations

from collections.abc import Sequence

from txregistry.config.cursor import Cursor
from txregistry.config.findings import quoted
from txregistry.config.values import PolicyConfig, ValidationConfig
from txregistry.model.patterns import InvalidPattern, Patterns

_CLASSES = ("image", "plugin")


def read_validation(validation: Cursor) -> ValidationConfig:
    """
    Read what is demanded of manifests.

    Switched off, validation looks neither at URLs nor at the children of an
    index, as if the keys below it said so.
    """
    manifests = validation.section("manifests")
    blobs = _choice(manifests, "blobs", ("all", "none"))
    urls, indexes = manifests.section("urls"), manifests.section("indexes")
    platforms = _choice(indexes, "platforms", ("all", "none", "list"))
    platformlist = _platformlist(indexes, platforms)
    if _disabled(validation):
        for key in ("allow", "deny"):
            if urls.texts(key):
                urls.warn(key, "has no effect, since validation is disabled")
        return ValidationConfig(blobs=blobs, platforms="none")
    return ValidationConfig(
        _expressions(urls, "allow"), _expressions(urls, "deny"), blobs, platforms, platformlist
    )


def read_policy(policy: Cursor) -> PolicyConfig:
    """Read which manifests are taken."""
    repository = policy.section("repository")
    classes = repository.texts("classes")
    for name in classes:
        if name not in _CLASSES:
            repository.warn("classes", f"no class is called {quoted(name)}")
    return PolicyConfig(classes)


def _disabled(validation: Cursor) -> bool:
    disabled = validation.boolean("disabled")
    if validation.boolean("enabled"):
        return False
    if validation.raw("enabled") is False and not disabled:
        validation.warn("enabled", "false has no effect, disabled: true has")
    return disabled


def _choice(section: Cursor, key: str, choices: Sequence[str]) -> str:
    value = section.text(key, "all")
    if value.lower() in choices:
        return value.lower()
    section.fault(key, f"must be {', '.join(choices[:-1])} or {choices[-1]}, not {quoted(value)}")
    return "all"


def _platformlist(indexes: Cursor, platforms: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in indexes.sections("platformlist"):
        for key in ("architecture", "os"):
            if not item.text(key):
                item.warn(key, "is empty, which hardly any platform is")
        pairs.append((item.text("architecture"), item.text("os")))
    if pairs and platforms != "list":
        indexes.warn("platformlist", "has no effect without platforms: list")
    if platforms == "list" and not pairs:
        indexes.warn("platforms", "list: the list is empty, so all platforms are checked")
    return tuple(pairs)


def _expressions(urls: Cursor, key: str) -> tuple[str, ...]:
    texts = urls.texts(key)
    usable = True
    for index, text in enumerate(texts):
        try:
            Patterns([text])
        except InvalidPattern as e:
            usable = False
            urls.fault_item(key, index, f"must be a regular expression, not {quoted(text)}: {e.reason}")
    if usable:
        try:
            Patterns(texts)
        except InvalidPattern as e:
            urls.fault(key, e.reason)
    return texts
