"""Many recorded videos, all of them done, once, within one budget; what is done is known by a ledger."""
