"""Which hyperparameters matter, and how much."""
