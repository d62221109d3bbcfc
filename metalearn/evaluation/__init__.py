"""The bench: splits without leaks, replay of published evaluations, scores with intervals, reports."""
