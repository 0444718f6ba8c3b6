"""Packaging of txregistry: metadata, dependencies, and the twistd plugin."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((HERE / "txregistry" / "_version.py").read_text(encoding="utf-8"), VERSION)

setup(
    name="txregistry",
    version=VERSION["__version__"],
    description="A container image registry daemon on Twisted, drop-in for docker distribution",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    package_dir={"": "."},
    packages=[*find_packages(include=["txregistry", "txregistry.*"]), "twisted.plugins"],
    package_data={"txregistry": ["py.typed"]},
    install_requires=[
        # The streaming edge (txregistry/web/channel.py) touches a few private
        # names of twisted.web.http, hence the upper bound.
        "twisted[tls]>=26.10,<27",
        # Cipher suites of TLS 1.3, and whole writes.
        "pyopenssl>=25.3",
        "klein>=24.8",
        "pyyaml>=6",
        "zope.interface>=6",
        "attrs>=23.1",
        # Passwords of auth.htpasswd.
        "bcrypt>=4",
        # Tokens: signatures, and the certificates and keys that they are verified with.
        "cryptography>=45",
        "pyjwt>=2.10",
        # The language of validation.manifests.urls, with bounded time, which Python's re does not have.
        "google-re2>=1.1",
        # What is asked of other web servers; names that treq's rules forbid are asked by Twisted alone.
        "treq>=24.9",
        "hyperlink>=21",
        "idna>=3.7",
        # The text that Prometheus reads.
        "prometheus-client>=0.22",
        # The descriptor cache in Redis; txredisapi reads replies well only by hiredis.
        "txredisapi>=1.4.11",
        "hiredis>=2.3",
        # The command line.
        "click>=8.1",
    ],
    extras_require={
        "dev": [
            "hypothesis>=6.100",
            "mypy>=1.11",
            "mypy-zope>=1.0.8",
            "ruff>=0.6",
            "towncrier>=23.11",
            "types-PyYAML",
        ],
    },
    entry_points={"console_scripts": ["txregistry = txregistry.command:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
    ],
    zip_safe=False,
)
