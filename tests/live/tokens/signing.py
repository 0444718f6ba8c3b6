"""Tokens, signed and naming their key in each of the ways that token servers have."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.auth.making import PrivateKey, libtrust_id, thumbprint
from tests.live.tokens.settings import Settings


class Signer:
    """Signs claims with the key that *settings* name, read once."""

    def __init__(self, settings: Settings) -> None:
        self._key = cast(PrivateKey, load_pem_private_key(Path(settings.key).read_bytes(), None))
        certificate = x509.load_pem_x509_certificate(Path(settings.certificate).read_bytes())
        self._algorithm = settings.algorithm
        public = self._key.public_key()
        ways: Mapping[str, dict[str, Any]] = {
            "libtrust": {"kid": libtrust_id(public)},
            "thumbprint": {"kid": thumbprint(public)},
            "x5c": {"x5c": [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]},
        }
        self._headers = ways[settings.naming]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Give a token with *claims*."""
        return jwt.encode(dict(claims), self._key, algorithm=self._algorithm, headers=self._headers)
