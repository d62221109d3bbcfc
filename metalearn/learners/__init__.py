"""From a configuration to a scikit-learn pipeline, its source code, and its score on a dataset."""
