"""The files that trusted keys are read from: certificates in PEM, and JSON Web Key Sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from cryptography import x509

from txregistry.auth.keys import PublicKey, TrustedKeys, UnusableKey, key_in, key_of, libtrust_id, thumbprints
from txregistry.errors import Misconfigured
from txregistry.files import read_file
from txregistry.model.document import InvalidDocument, read_document

_BUNDLE, _JWKS = "auth.token.rootcertbundle", "auth.token.jwks"


@define(eq=False)
class KeyFiles:
    """
    Reads keys, and notes what is wrong with them.

    :ivar warnings: what an operator should know, though it works without.
    """

    warnings: list[str] = field(factory=list)
    _faults: list[str] = field(factory=list)
    _named: list[tuple[str, PublicKey]] = field(factory=list)
    _roots: list[x509.Certificate] = field(factory=list)

    def read(self, bundle: str, jwks: str) -> TrustedKeys:
        """
        The keys in the files *bundle* and *jwks*, either of which may be the empty name of none.

        :raises Misconfigured: one cannot be read, or has no key that can be used.
        """
        for path, name, take in ((_BUNDLE, bundle, self._take_bundle), (_JWKS, jwks, self._take_set)):
            if not name:
                continue
            try:
                content = read_file(name)
            except OSError as error:
                self._faults.append(f"{path}: cannot be read: {error.strerror or error}: {name!r}")
            except ValueError as error:  # what open() says of a name with a NUL
                self._faults.append(f"{path}: cannot be read: {error}")
            else:
                before = len(self._named)
                if take(path, content) and len(self._named) == before:
                    self._faults.append(f"{path}: there is no key in it that tokens can be verified with")
        if self._faults:
            raise Misconfigured(*self._faults)
        if not self._named:
            raise Misconfigured(f"{_BUNDLE}: there must be a file with a key, here or in {_JWKS}")
        return TrustedKeys.of(self._named, self._roots)

    def _take_bundle(self, path: str, content: bytes) -> bool:
        """Take the certificates; whether *content* has the right form."""
        if b"-----BEGIN CERTIFICATE-----" not in content:
            self._faults.append(f"{path}: there is no certificate in it")
            return False
        try:
            certificates = x509.load_pem_x509_certificates(content)
        except ValueError as error:
            self._faults.append(f"{path}: a certificate in it cannot be read: {_first_line(error)}")
            return False
        for number, certificate in enumerate(certificates, 1):
            self._roots.append(certificate)
            try:
                key = key_of(certificate)
            except UnusableKey as error:
                self.warnings.append(f"{path}: certificate {number} is of no use: {_first_line(error)}")
            else:
                self._name((libtrust_id(key), *thumbprints(key)), key)
        return True

    def _take_set(self, path: str, content: bytes) -> bool:
        """Take the keys of a set; whether *content* has the right form."""
        try:
            keys = read_document(content).get("keys")
        except InvalidDocument as error:
            self._faults.append(f"{path}: {error.reason}")
            return False
        if not isinstance(keys, list):
            self._faults.append(f'{path}: it has no list "keys"')
            return False
        for number, jwk in enumerate(keys, 1):
            try:
                self._take_jwk(path, number, jwk)
            except UnusableKey as error:
                self.warnings.append(f"{path}: key {number} is of no use: {_first_line(error)}")
        return True

    def _take_jwk(self, path: str, number: int, jwk: Any) -> None:
        if not isinstance(jwk, dict):
            raise UnusableKey("it is not an object")
        if jwk.get("kty") == "oct":
            raise UnusableKey("it is a shared secret, which tokens are never verified with")
        kid = jwk.get("kid", "")
        if not isinstance(kid, str):
            raise UnusableKey('"kid" is no text')
        key = key_in(jwk)
        if any(kid == other for other, _ in self._named):
            self.warnings.append(f"{path}: key {number} takes the place of another one with its id")
        # A key that says no id is known by those that it has by nature.
        self._name((kid,) if kid else (libtrust_id(key), *thumbprints(key)), key)

    def _name(self, ids: Sequence[str], key: PublicKey) -> None:
        self._named.extend((id, key) for id in ids)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it cannot be understood"])[0]
