"""Measurements and experiments: each says its question, its command and its answer."""
