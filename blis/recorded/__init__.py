"""Recorded reference runs: read a case, replay it under the semantics of its date, compare it request by request."""
