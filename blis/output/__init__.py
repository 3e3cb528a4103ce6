"""What a run leaves behind, and what is seen of it: text, tables, plots, the run folder, the page."""
