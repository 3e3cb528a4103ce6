"""What serves: instances and their limits, what a step costs, what fits into memory; models and devices."""
