"""How a command line is understood: overrides, what Hydra composes of them, scenarios, workloads, typed settings."""
