"""What does a search leave behind?

`run_folder` keeps its configuration, `champion` writes what was found, `summary` and `figures` describe it to people,
and `results` calls on them all and says what trackers hear of it. `files` writes whole files or none.
"""
