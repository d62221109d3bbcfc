"""Readers of other people's formats and servers: each turns what it finds into metalearn's records."""
