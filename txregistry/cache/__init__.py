"""What is remembered so that storage need not be asked again."""
