"""What the registry counts and times, and the form in which Prometheus reads it."""
