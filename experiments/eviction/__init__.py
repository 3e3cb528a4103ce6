"""What each eviction policy gains over `lru`, beside the clairvoyant control."""
