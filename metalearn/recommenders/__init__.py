"""Recommenders: one module per method, each with its paper."""
