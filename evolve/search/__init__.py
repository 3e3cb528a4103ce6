"""What happens in a search, from the first generation to the last, and how does it go on after it was killed?

`plan` is what a search is made of and `setup` makes it ready; `loop` runs it. `ladder` says how long candidates run and
`budget` when to stop, `ledger` books what was simulated, `finals` chooses the champion; `history` and `checkpoint` keep
everything in the run folder.
"""
