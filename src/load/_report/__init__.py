"""What the journal says, for a reader: tables, lines, live bars, and the memory of the process."""
