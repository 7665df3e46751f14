"""Sweeps: one job many times, each time with other values."""
