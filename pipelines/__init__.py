"""Runnable stages that compose metalearn and hold no logic of their own."""
