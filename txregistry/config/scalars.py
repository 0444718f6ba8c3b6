"""
What an unquoted word of YAML means.

The rules are those of YAML 1.1 as the Go library yaml.v2 applies them, which distribution uses: ``yes``,
``on`` and ``y`` are true, ``0777`` is octal, ``1:30`` is text (no base 60), a date is text.
"""

from __future__ import annotations

import re
from math import isinf

#: The value of a scalar.
Plain = None | bool | int | float | str

_TAG_PREFIX = "tag:yaml.org,2002:"
_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)"
    r"(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}


class ScalarFault(ValueError):
    """The text cannot be what its tag demands."""


def resolve(text: str, tag: str | None, plain: bool) -> Plain:
    """
    Say what a scalar means.

    :param tag: the explicit tag, long form, or ``None``.
    :param plain: neither quoted nor a block.
    :raises ScalarFault: tag and text contradict each other.
    """
    if tag is None:
        return _guess(text) if plain else text
    kind = tag.removeprefix(_TAG_PREFIX)
    if kind == "binary":
        raise ScalarFault("the tag !!binary is not supported")
    if kind not in ("bool", "int", "float", "null", "timestamp"):
        return text  # !!str, and tags that nobody here knows
    value = _guess(text)
    if kind == "float" and type(value) is int:
        return float(value)
    if _kind_of(value) != kind and not (kind == "timestamp" and isinstance(value, str)):
        raise ScalarFault(f"{text[:40]!r} cannot be !!{kind}")
    return value


def _kind_of(value: Plain) -> str:
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str")):
        if isinstance(value, kind):
            return name
    return "null"


def _guess(text: str) -> Plain:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _float(text, instead=text) if _FLOAT.fullmatch(text) else text
    if text[0] not in "+-0123456789":
        return text
    digits = text.replace("_", "")
    if match := _INTEGER.fullmatch(digits):
        base = next(name for name in _BASES if match[name] is not None)
        value = int(match["sign"] + match[base], _BASES[base])
        if -(2**63) <= value < 2**64:
            return value
    if _FLOAT.fullmatch(digits):
        return _float(digits, instead=text)
    return text


def _float(digits: str, instead: str) -> Plain:
    value = float(digits)
    return instead if isinf(value) else value  # more than a double can hold stays text
