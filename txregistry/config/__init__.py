"""
The configuration: a YAML file and the ``REGISTRY_…`` environment, read once into frozen values.

The way of a setting: :mod:`document` (text to nodes) > :mod:`decoding` (nodes to plain values, by the
:mod:`schema`) > :mod:`environ` (variables laid over) > :mod:`reading` with one module per section
(plain values to :mod:`values`).  Every step notes faults and warnings in :mod:`findings` and goes on, so
that an operator sees everything that is wrong at once.
"""
