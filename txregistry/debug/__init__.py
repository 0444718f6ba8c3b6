"""The debug server: what operators look at when something is wrong, on an address of its own."""
