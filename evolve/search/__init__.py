"""What happens in a search, from the first generation to the last, and how does it go on after it was killed?

`setup` makes a plan ready and `loop` runs it; `ledger` books what was simulated, `finals` chooses the champion;
`history` and `checkpoint` keep everything in the run folder.
"""
