"""Configurations of inference-perf: what they say about prompts, lengths and load."""
