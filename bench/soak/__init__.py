"""
Half an hour of everything at once, to see that the daemon is afterwards as it was: ``python -m bench.soak``.

Whatever is told here to a client is believed and checked: what was confirmed must be readable until it is
deleted, byte for byte, however many clients were killed meanwhile.
"""
