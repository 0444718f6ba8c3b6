"""
The same requests before our daemon and before Debian's: whatever is answered differently is known and has a
reason.

:mod:`steps` says what a request is, ``script_*`` hold those that people wrote and :mod:`generator` makes
others from a seed; :mod:`player` plays them, :mod:`seen` takes out of the answers what must differ,
:mod:`judge` compares what is left, and ``known_*`` are the table of differences.
"""
