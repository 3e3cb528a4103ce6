"""What everybody may use and which uses nobody: errors, checks, units, randomness, files, SLO classes, semantics."""
