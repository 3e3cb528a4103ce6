"""How does the cluster decide? One folder per question, one file per answer; and how a name becomes a function."""
