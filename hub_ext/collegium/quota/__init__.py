"""Quota: the reservation ledger, which alone decides who may start what."""
