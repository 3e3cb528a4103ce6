"""How near is the simulator to servers that were measured? 5,221 real runs of NVIDIA's sample judge it."""
