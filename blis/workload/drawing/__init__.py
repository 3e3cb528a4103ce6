"""Samplers of the times between arrivals and of lengths."""
