"""What stands behind the keys of a workload on a real server: token ids, or text of as many tokens."""
