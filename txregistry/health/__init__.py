"""Whether the registry can serve."""
