"""Working stand-ins for the contracts."""
