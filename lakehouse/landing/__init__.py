"""From a landed file to raw rows, rejected lines and a ledger entry, in one commit."""
