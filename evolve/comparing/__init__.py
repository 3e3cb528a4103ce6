"""Is one policy better than another, run by run on the same requests?

`gains` says by how much one record is better than another, `intervals` how sure that is over seeds, `comparison` does
it for a champion and its rivals, and `verdict` puts it into a sentence.
"""
