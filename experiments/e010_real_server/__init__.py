"""The whole loop on a server that nobody wrote here: vLLM on a CPU, observed, fitted, and judged on other loads."""
