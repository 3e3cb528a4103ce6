"""The OpenAI protocol as a client speaks it: bodies of requests, streams of events, what an answer says."""
