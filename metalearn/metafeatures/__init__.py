"""Meta-features: numbers that describe a dataset, one module per group; ``extract`` runs the groups under a budget."""
