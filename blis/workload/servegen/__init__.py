"""The recorded clients of a production service: their files, arrivals and lengths, window by window."""
