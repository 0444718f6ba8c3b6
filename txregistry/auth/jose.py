"""
The text of a token, taken apart: nothing is verified here.

Libraries that decode base64 leniently see one token in many texts; here each
token has exactly one.  Its JSON is read so that no two readers can disagree
about it.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from txregistry.auth.claims import Claims
from txregistry.auth.refused import TokenRefused
from txregistry.model.document import InvalidDocument, Members, read_document

#: Characters in a token.  The usual proxies before a registry let no longer header line pass (nginx 8 KiB,
#: HAProxy and AWS's balancers 16 KiB), and a header of that size is read in two milliseconds at worst.
TOKEN_LIMIT = 16 * 1024

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def decode_base64url(text: str) -> bytes:
    """
    The bytes that *text* stands for.

    :raises ValueError: it is not exactly what an encoder makes: base64url without padding.
    """
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(text) % 4 and urlsafe_b64encode(data).rstrip(b"=") != text.encode("ascii"):
        raise ValueError("not canonical base64url")
    return data


@frozen(slots=True)
class Token:
    """
    What a token says of itself.

    :ivar chain: the certificates of ``x5c``, in base64, the leaf first; empty if there are none.
    :ivar jwk: the embedded key, if there is one.
    :ivar key_id: the ``kid``, or empty.
    :ivar payload: the claims in JSON, for :func:`read_claims` once the signature turned out to be good.
    :ivar signed: what the signature is of.
    """

    algorithm: str
    chain: tuple[str, ...]
    jwk: Mapping[str, Any] | None
    key_id: str
    payload: bytes
    signed: bytes
    signature: bytes


def read_token(text: str) -> Token:
    """
    Take *text* apart.

    :raises TokenRefused: it is no token, or one that must not be taken whoever signed it.
    """
    if len(text) > TOKEN_LIMIT:
        raise TokenRefused(f"malformed token: longer than {TOKEN_LIMIT} characters")
    parts = text.split(".")
    if len(parts) != 3:
        raise TokenRefused("malformed token: it does not have three parts")
    try:
        header, payload, signature = map(decode_base64url, parts)
    except ValueError as error:
        raise TokenRefused(f"malformed token: a part of it is {error}") from None
    try:
        members = _members(header)
        return Token(
            members.text("alg"),
            members.texts("x5c"),
            _embedded(members),
            members.text("kid"),
            payload,
            f"{parts[0]}.{parts[1]}".encode("ascii"),
            signature,
        )
    except InvalidDocument as error:
        raise TokenRefused(f"malformed token: {error.reason}") from None


def read_claims(payload: bytes) -> Claims:
    """
    The claims in a token's *payload*; up to ten milliseconds' work, so not for strangers.

    :raises TokenRefused: they are not what claims may be.
    """
    try:
        return Claims.read(_document("the claims", payload))
    except InvalidDocument as error:
        raise TokenRefused(f"malformed token: {error.reason}") from None


def _document(where: str, content: bytes) -> dict[str, Any]:
    try:
        return read_document(content)
    except InvalidDocument as error:
        raise InvalidDocument(f"{where}: {error.reason}") from None


def _members(header: bytes) -> Members:
    document = _document("the header", header)
    if "crit" in document:
        # Whatever it names changes what the token means, in ways that are not known here.
        raise TokenRefused("the token has critical extensions")
    return Members({name: value for name, value in document.items() if value is not None}, "the header")


def _embedded(header: Members) -> Mapping[str, Any] | None:
    jwk = header.values.get("jwk")
    if jwk is not None and not isinstance(jwk, dict):
        raise InvalidDocument("jwk in the header is not an object")
    return jwk
