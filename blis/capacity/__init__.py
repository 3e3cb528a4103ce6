"""How much traffic a cluster can carry."""
