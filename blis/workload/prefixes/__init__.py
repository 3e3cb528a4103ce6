"""Who shares which blocks with whom: keys of leading blocks, from groups, sessions, hashes or tokens."""
