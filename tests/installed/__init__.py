"""Tests of an installation by our chart on a real cluster, from outside, as users and operators see it."""
