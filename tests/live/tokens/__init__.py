"""
A token server for the live tests: a process of its own that knows users and rights, and signs tokens.

``python -m tests.live.tokens SETTINGS`` serves what the JSON file says (:mod:`tests.live.tokens.settings`);
tests start it with :class:`tests.live.tokens.running.TokenServer`.
"""
