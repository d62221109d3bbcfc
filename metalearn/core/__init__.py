"""The nouns of metalearn: records, the meta-dataset, search spaces, protocols, metrics and the registry."""
