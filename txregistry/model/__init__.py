"""Values and rules of the registry domain; nothing here does I/O."""
