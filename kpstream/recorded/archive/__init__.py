"""Annotates many recorded videos, each content once, within one budget; a ledger keeps what is done."""
