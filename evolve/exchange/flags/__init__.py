"""Command lines of other routers: read, checked and written; and what SGLang's gateway and its kin share."""
