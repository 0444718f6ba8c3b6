"""The configuration: YAML and environment to frozen values."""
