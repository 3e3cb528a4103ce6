"""What the readers of recorded logs share: options, strict columns of text, names."""
