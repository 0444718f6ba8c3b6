"""What is played on daemons whose users and passwords stand in a file."""

from __future__ import annotations

import base64
from functools import cache

import bcrypt

from tests.live.differential.script_auth import admitted, refused
from tests.live.differential.settings import FILES, Provision, Setting
from tests.live.differential.steps import Step, chapter, step

_LONG = b"0123456789" * 8
#: What follows the name of a user, if it is not a password that was hashed: ``+`` stands for the hash.
_LINES: dict[str, tuple[bytes, bytes]] = {
    "alice": (b"secret", b"%b"),
    "colon": (b"pa:ss:word", b"%b"),
    "nothing": (b"", b"%b"),
    "": (b"secret", b"%b"),
    "long": (_LONG[:72], b"%b"),
    "latin": (b"caf\xe9", b"%b"),
    "us\u00e9r": (b"secret", b"%b"),
    "zero": (b"a", b"%b"),
    "more": (b"secret", b"%b:more"),
    "before": (b"secret", b" %b"),
    "trimmed": (b"secret", b"%b \t"),
    "half": (b"secret", b"%.59b"),
    "plain": (b"", b"secret"),
    "none": (b"", b""),
    "sha": (b"", b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
    "apr1": (b"", b"$apr1$MojJPFKE$Yb4XPcYdsDcbVVjI0MvGp/"),
    "cost3": (b"", b"$2y$03$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe"),
    "cost99": (b"", b"$2y$99$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe"),
}


def _hashed(password: bytes) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(4))


@cache
def _users() -> bytes:
    """A file with users of all kinds, and with some lines that are none."""
    made = _hashed(b"secret")
    lines = [b"", b"   ", b"# a comment: of several words", b"  #alice:" + made]
    for name, (password, form) in _LINES.items():
        lines.append(name.encode() + b":" + form.replace(b"%b", _hashed(password)))
    lines[-1] += b"\r"
    lines += [
        kind + b":" + made.replace(b"$2b$", b"$" + kind + b"$") for kind in (b"2a", b"2x", b"2y", b"2z")
    ]
    lines += [b"1a:" + made.replace(b"$2b$", b"$1a$"), b"2:" + made.replace(b"$2b$", b"$2$")]
    lines += [b"\t indented:" + made, b"blank :" + made]
    lines += [b"twice:" + _hashed(b"first"), b"twice:" + _hashed(b"second")]
    return b"\n".join(lines)


def basic(user: str | bytes, password: str | bytes) -> str:
    """The header for a user with a password."""
    pair = (each.encode() if isinstance(each, str) else each for each in (user, password))
    return "Basic " + base64.b64encode(b":".join(pair)).decode("ascii")


RIGHT = basic("alice", "secret")
_WORD = RIGHT.removeprefix("Basic ")


def _asked(name: str, *values: str) -> Step:
    fields = tuple(("Authorization", value) for value in values)
    return step("GET", "/v2/auth/a/tags/list", name=name, fields=fields)


_PASSWORDS = [
    _asked(f"{user!r} {shown}", basic(user, password))
    for user, shown, password in [
        ("alice", "right", b"secret"),
        ("alice", "wrong", b"Secret"),
        ("alice", "none", b""),
        ("alice", "longer", b"secret\0"),
        ("alice", "twice", b"secret\0secret"),
        ("alice", "a part", b"secre"),
        ("alice", "very long", b"x" * 3000),
        ("Alice", "other case", b"secret"),
        ("alice ", "a blank", b"secret"),
        ("nobody", "unknown", b"secret"),
        ("#alice", "comment", b"secret"),
        ("# a comment", "comment", b"of several words"),
        ("colon", "right", b"pa:ss:word"),
        ("colon", "a part", b"pa"),
        ("nothing", "right", b""),
        ("nothing", "wrong", b"x"),
        ("", "right", b"secret"),
        ("", "wrong", b""),
        ("long", "72 bytes", _LONG[:72]),
        ("long", "71 bytes", _LONG[:71]),
        ("long", "80 bytes", _LONG),
        ("long", "80 other bytes", _LONG[:72] + b"x"),
        ("latin", "right", b"caf\xe9"),
        ("latin", "in UTF-8", b"caf\xc3\xa9"),
        ("us\u00e9r", "right", b"secret"),
        ("zero", "right", b"a"),
        ("zero", "with zeros", b"a\0"),
        ("zero", "again", b"a\0a"),
        ("zero", "other", b"a\0b"),
        ("more", "right", b"secret"),
        ("before", "right", b"secret"),
        ("trimmed", "right", b"secret"),
        ("half", "right", b"secret"),
        ("plain", "right", b"secret"),
        ("none", "empty", b""),
        ("sha", "right", b"secret"),
        ("apr1", "right", b"secret"),
        ("cost3", "right", b"secret"),
        ("cost99", "right", b"secret"),
        ("2a", "right", b"secret"),
        ("2x", "right", b"secret"),
        ("2y", "right", b"secret"),
        ("2z", "right", b"secret"),
        ("1a", "right", b"secret"),
        ("2", "right", b"secret"),
        ("indented", "right", b"secret"),
        ("blank", "right", b"secret"),
        ("blank ", "with the blank", b"secret"),
        ("twice", "first", b"first"),
        ("twice", "second", b"second"),
    ]
]

_HEADERS = [
    *[
        _asked(f"scheme {scheme}", f"{scheme} {_WORD}")
        for scheme in ("basic", "BASIC", "bAsIc", "Basi", "Basicx")
    ],
    *[
        _asked(f"scheme {scheme}", f"{scheme} {_WORD}")
        for scheme in ("Bearer", "\u00dfasic", "Basic,", "Basic:")
    ],
    _asked("two blanks", "Basic  " + _WORD),
    _asked("a tab", "Basic\t" + _WORD),
    _asked("blanks around", f"   {RIGHT}   "),
    _asked("no blank", "Basic" + _WORD),
    _asked("no word", "Basic"),
    _asked("a blank alone", "Basic "),
    _asked("empty", ""),
    _asked("no scheme", _WORD),
    _asked("another word", f"{RIGHT} x"),
    _asked("a comma", f"{RIGHT},"),
    _asked("a list", f"{RIGHT}, {RIGHT}"),
    _asked("right, wrong", RIGHT, basic("alice", "wrong")),
    _asked("wrong, right", basic("alice", "wrong"), RIGHT),
    _asked("empty, right", "", RIGHT),
    _asked("no colon", "Basic " + base64.b64encode(b"alice").decode()),
    _asked("nothing", "Basic " + base64.b64encode(b"").decode()),
    _asked("a colon", "Basic " + base64.b64encode(b":").decode()),
    _asked("padding needed", "Basic bm90aGluZzo="),
    _asked("padding left out", "Basic bm90aGluZzo"),
    _asked("padding doubled", "Basic bm90aGluZzo=="),
    _asked("padding too much", RIGHT + "="),
    _asked("padding in the middle", "Basic bm90aGluZzo=bm90"),
    _asked("odd last bits", "Basic bm90aGluZzp="),
    _asked("base64url", "Basic " + base64.urlsafe_b64encode(b"alice:\xff\xff\xfe").decode()),
    _asked("not base64", "Basic !!!!"),
    _asked("with dirt", "Basic " + _WORD[:4] + "!" + _WORD[4:]),
    _asked("with a blank", "Basic " + _WORD[:4] + " " + _WORD[4:]),
    _asked("not ASCII", "Basic \u00e9"),
    step("GET", "/v2/", fields=(("AUTHORIZATION", RIGHT),), name="name in capitals"),
    step("GET", "/v2/", fields=(("Proxy-Authorization", RIGHT),), name="for a proxy"),
    step("GET", "http://alice:secret@127.0.0.1/v2/", name="in the address"),
    step("GET", "http://alice:wrong@127.0.0.1/v2/", name="another in the address", Authorization=RIGHT),
]

REALM = 'a "realm" \\'
_AUTH = {"auth": {"htpasswd": {"realm": REALM, "path": FILES + "/users"}}}
_BRIEF = [
    step("GET", "/v2/"),
    step("GET", "/v2/", Authorization=RIGHT),
    step("HEAD", "/v2/auth/a/manifests/tag", Authorization=RIGHT),
    step("DELETE", "/v2/auth/a/manifests/tag", Authorization=RIGHT),
    step("PUT", "/v2/auth/a/manifests/tag", "alpha", Authorization=RIGHT),
    step("GET", "/v2/auth/" + "a" * 300 + "/tags/list", Authorization=RIGHT),
    step("GET", "/v2/", Authorization="Basic"),
]


def _file(content: bytes | None) -> Provision:
    return Provision({"users": content})


SETTINGS: tuple[Setting, ...] = (
    Setting(
        _AUTH,
        (
            refused("htpasswd"),
            refused("htpasswd wrong", authorization=basic("alice", "wrong")),
            chapter("passwords", _PASSWORDS),
            chapter("basic headers", _HEADERS),
            admitted("htpasswd admitted", authorization=RIGHT),
        ),
        provide=lambda: _file(_users()),
    ),
    Setting(
        _AUTH,
        (chapter("a bad line", _BRIEF),),
        provide=lambda: _file(b"alice:" + _hashed(b"secret") + b'\nno "colon"\n'),
    ),
    Setting(_AUTH, (chapter("a directory", _BRIEF),), provide=lambda: _file(None)),
    Setting(_AUTH, (chapter("an empty file", _BRIEF),), provide=lambda: _file(b"")),
    Setting(_AUTH, (chapter("no file", _BRIEF),)),
)
