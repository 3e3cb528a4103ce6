"""The multi-client workload document: clients of its own, recorded clients, or a benchmark's configuration."""
