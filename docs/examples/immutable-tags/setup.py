"""Packaging of the example: a module with the middleware, and one that offers it to txregistry."""

from setuptools import setup

setup(
    name="txregistry-immutable-tags",
    version="1.0",
    description="A middleware for txregistry: tags stay where they are",
    python_requires=">=3.11",
    py_modules=["txregistry_immutable_tags"],
    # No __init__.py belongs into this directory: txregistry has it.
    packages=["txregistry.plugins"],
    install_requires=["txregistry"],
    zip_safe=False,
)
