"""Storage and landing: the lake, its writer lock, its ledger, and the way from file to raw row."""
