"""Optimizers: ask for a trial, tell what became of it; one method, one module."""
