"""The simulator as a server: OpenAI's protocol in front, vLLM's metrics and KV events beside it."""
