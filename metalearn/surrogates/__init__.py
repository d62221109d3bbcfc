"""Surrogates: models of the loss over a search space; one model, one module."""
