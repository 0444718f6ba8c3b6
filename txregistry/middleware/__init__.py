"""What stands round the storage because the configuration says so."""
