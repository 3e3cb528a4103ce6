"""Which other router?

Each file is one: its name with `-` for `_` is what `to=` and `from=` take. It defines

- `TITLE`: what it is called, with its version;
- `SUFFIX`: of the file that is written;
- `export(champion) -> Exported`: what it says of a champion, see `evolve.exchange`;
- `recognises(name, text) -> bool`: whether a file is one of its own;
- `read(where, text, n_instances) -> Imported`: what such a file means here. Unknown keys and flags are errors, and so
  is what routes in a way that has no counterpart. `n_instances` is for limits of a whole cluster.
"""
