"""Whether searches find better policies for a fleet than those that are shipped, tuned or not."""
