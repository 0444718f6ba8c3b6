"""
Every key that distribution 2.8 or 3.1 knows, and ours, with its type: the one page to look them up.

Sections that are not supported stand here too, so that a wrong type in them is a fault, a misspelt key a
warning, and a variable of the environment finds its place.
"""

from __future__ import annotations

from txregistry.config.shapes import Field, Kind, ListOf, MapOf, NameOrMap, section

_TEXT = Kind.TEXT
_BOOLEAN = Kind.BOOLEAN
_INTEGER = Kind.INTEGER
_DURATION = Kind.DURATION
_TEXTS = ListOf(Kind.TEXT)
_HEADERS = MapOf(_TEXTS)
_PARAMETERS = MapOf(Kind.ANYTHING)

_LOG = section(
    {
        "accesslog": section({"disabled": _BOOLEAN}),
        "level": Kind.LEVEL,
        "formatter": _TEXT,
        "fields": _PARAMETERS,
        "reportcaller": _BOOLEAN,
        "hooks": ListOf(
            section(
                {
                    "disabled": _BOOLEAN,
                    "type": _TEXT,
                    "levels": _TEXTS,
                    "options": Field(
                        section(
                            {
                                "smtp": section(
                                    {
                                        "addr": _TEXT,
                                        "username": _TEXT,
                                        "password": _TEXT,
                                        "insecure": _BOOLEAN,
                                    }
                                ),
                                "from": _TEXT,
                                "to": _TEXTS,
                            }
                        ),
                        "MAILOPTIONS",
                    ),
                }
            )
        ),
    }
)

_HTTP = section(
    {
        "addr": _TEXT,
        "net": _TEXT,
        "host": _TEXT,
        "prefix": _TEXT,
        "secret": _TEXT,
        "relativeurls": _BOOLEAN,
        "draintimeout": _DURATION,
        "headers": _HEADERS,
        "tls": section(
            {
                "certificate": _TEXT,
                "key": _TEXT,
                "clientcas": _TEXTS,
                "clientauth": _TEXT,
                "minimumtls": _TEXT,
                "ciphersuites": _TEXTS,
                "letsencrypt": section(
                    {"cachefile": _TEXT, "email": _TEXT, "hosts": _TEXTS, "directoryurl": _TEXT}
                ),
            }
        ),
        "debug": section({"addr": _TEXT, "prometheus": section({"enabled": _BOOLEAN, "path": _TEXT})}),
        "http2": section({"disabled": _BOOLEAN}),
        "h2c": section({"enabled": _BOOLEAN}),
    }
)

_NOTIFICATIONS = section(
    {
        "events": Field(section({"includereferences": _BOOLEAN}), "EVENTCONFIG"),
        "endpoints": ListOf(
            section(
                {
                    "name": _TEXT,
                    "disabled": _BOOLEAN,
                    "url": _TEXT,
                    "headers": _HEADERS,
                    "timeout": _DURATION,
                    "threshold": _INTEGER,
                    "backoff": _DURATION,
                    "ignoredmediatypes": _TEXTS,
                    "ignore": section({"mediatypes": _TEXTS, "actions": _TEXTS}),
                }
            )
        ),
    }
)

#: What 3.1 hands to its Redis client as it is.
_REDIS_OPTIONS = section(
    {
        # of both
        "password": _TEXT,
        "db": _INTEGER,
        "dialtimeout": _DURATION,
        "readtimeout": _DURATION,
        "writetimeout": _DURATION,
        # of 3.1
        "addrs": _TEXTS,
        **dict.fromkeys(
            (
                "clientname",
                "username",
                "sentinelusername",
                "sentinelpassword",
                "mastername",
                "identitysuffix",
            ),
            _TEXT,
        ),
        **dict.fromkeys(
            (
                "protocol",
                "maxretries",
                "poolsize",
                "minidleconns",
                "maxidleconns",
                "maxactiveconns",
                "maxredirects",
            ),
            _INTEGER,
        ),
        **dict.fromkeys(
            ("minretrybackoff", "maxretrybackoff", "pooltimeout", "connmaxidletime", "connmaxlifetime"),
            _DURATION,
        ),
        **dict.fromkeys(
            (
                "contexttimeoutenabled",
                "poolfifo",
                "readonly",
                "routebylatency",
                "routerandomly",
                "disableidentity",
                "unstableresp3",
            ),
            _BOOLEAN,
        ),
    }
)
_REDIS = section(
    {
        # of 2.8
        "addr": _TEXT,
        "pool": section({"maxidle": _INTEGER, "maxactive": _INTEGER, "idletimeout": _DURATION}),
        **_REDIS_OPTIONS.fields,
        # of 3.1
        "tls": section({"certificate": _TEXT, "key": _TEXT, "rootcas": _TEXTS}),
    },
    {"OPTIONS": _REDIS_OPTIONS},
)

_HEALTH = section(
    {
        "storagedriver": section({"enabled": _BOOLEAN, "interval": _DURATION, "threshold": _INTEGER}),
        "file": Field(
            ListOf(section({"file": _TEXT, "interval": _DURATION, "threshold": _INTEGER})), "FILECHECKERS"
        ),
        "http": Field(
            ListOf(
                section(
                    {
                        "uri": _TEXT,
                        "statuscode": _INTEGER,
                        "headers": _HEADERS,
                        "timeout": _DURATION,
                        "interval": _DURATION,
                        "threshold": _INTEGER,
                    }
                )
            ),
            "HTTPCHECKERS",
        ),
        "tcp": Field(
            ListOf(
                section({"addr": _TEXT, "timeout": _DURATION, "interval": _DURATION, "threshold": _INTEGER})
            ),
            "TCPCHECKERS",
        ),
    }
)

_VALIDATION = section(
    {
        "enabled": _BOOLEAN,
        "disabled": _BOOLEAN,
        "manifests": section(
            {
                "urls": section({"allow": _TEXTS, "deny": _TEXTS}),
                # of ours
                "blobs": _TEXT,
                "indexes": section(
                    {
                        "platforms": _TEXT,
                        "platformlist": ListOf(section({"architecture": _TEXT, "os": _TEXT})),
                    }
                ),
            }
        ),
    }
)

#: The whole file.
SCHEMA = section(
    {
        "version": _TEXT,
        "log": _LOG,
        "loglevel": Kind.LEVEL,
        "storage": NameOrMap(MapOf(_PARAMETERS)),
        "auth": NameOrMap(MapOf(_PARAMETERS)),
        "middleware": MapOf(ListOf(section({"name": _TEXT, "disabled": _BOOLEAN, "options": _PARAMETERS}))),
        "reporting": section(
            {
                "bugsnag": section({"apikey": _TEXT, "releasestage": _TEXT, "endpoint": _TEXT}),
                "newrelic": section({"licensekey": _TEXT, "name": _TEXT, "verbose": _BOOLEAN}),
            }
        ),
        "http": _HTTP,
        "notifications": _NOTIFICATIONS,
        "redis": _REDIS,
        "health": _HEALTH,
        "proxy": section(
            {
                "remoteurl": _TEXT,
                "username": _TEXT,
                "password": _TEXT,
                "ttl": _DURATION,
                "cachewritetimeout": _DURATION,
                "exec": section({"command": _TEXT, "lifetime": _DURATION}),
            }
        ),
        "compatibility": section(
            {"schema1": section({"enabled": _BOOLEAN, "signingkeyfile": Field(_TEXT, "TRUSTKEY")})}
        ),
        "validation": _VALIDATION,
        "policy": section({"repository": section({"classes": _TEXTS})}),
        "catalog": section({"maxentries": _INTEGER}),
        "tags": section({"maxtags": _INTEGER}),
    }
)
