"""Several clients in one document: what each sends, when, in which sessions, and how it becomes requests."""
