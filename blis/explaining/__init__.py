"""Why a run went as it did: what was decided, what it cost, what else could have happened, and what went wrong."""
