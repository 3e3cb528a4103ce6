"""How well could the decisions of a run have been made, by somebody who tries each of them before making it?

`lookahead` is that somebody: at each routing decision every instance is tried in a copy of the run, which a base policy
continues, and the best one is taken. `futures` says what the copies meet: the requests that will really come
(clairvoyant: nobody can know them, and with all of the future known no single decision can be improved upon), or others
drawn anew from the scenario, with lengths of answers drawn anew too (honest: what a scheduler might do that has time to
simulate). `valuing` says what a copy is worth when it is left, and `measuring` what came of it all, in the figures that
every policy is judged by.

Neither is the best that can be: a base policy decides all but the one decision that is being tried, and order and
admission are always the base policy's. What they reach can be reached, and shows that there is something to be found.
"""
