"""Work that is done beside serving."""
