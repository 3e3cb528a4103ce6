"""A discrete-event simulator of LLM inference clusters."""
