"""Wrong inputs, drawn at random, for every command and every kind of file: is each refused in one line?

`python -m experiments.wrong_inputs [minutes=N] [seed=S] [only=COMMAND] [kept=FOLDER]`. A trial takes a small input that
works, spoils it, and calls a command. Allowed is exit status 0, or 2 (1 for a run that failed) with exactly one line
that begins with "error:"; never a traceback, half a file, more time than `trials.MOST_S` or more memory than
`trials.MOST_BYTES`. Whatever else happens is kept in a folder with what is needed to repeat it.

`inputs` makes the inputs that work, `spoiling` spoils texts and folders, `commands` knows each command's arguments,
`trials` judges, `worker` is the process that a trial happens in.
"""
