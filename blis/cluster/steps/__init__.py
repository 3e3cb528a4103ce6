"""Tables of what steps cost on real GPUs: how they are kept, found, read by a kernel, and made."""
