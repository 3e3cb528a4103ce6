"""A search for serving policies, with the simulator as its fitness function."""
