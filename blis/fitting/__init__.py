"""Which coefficients make the simulator say what a real server did?

`parameters` says what may be learned of each latency model, `load` what a measured request met, `statistics` what of a
run is compared, `objective` simulates and compares, `start` guesses, `lines` and `search` learn, `certainty` says how
sure the learned values are and what the runs cannot tell apart, `judgement` tries them on requests that they were not
learned from, `entry` writes them down for `blis.run`, and `fitting` puts it together.

Single requests cannot be compared: on a busy server the first token of a request waits for whatever is left of the step
that is under way, and which part that is depends on every earlier step. A coefficient that is wrong by a thousandth
scatters these waits anew, so an error per request has a minimum a ten-thousandth wide and is rough everywhere else.
What a fit compares is therefore smooth in the coefficients: how times depend, on average, on what requests met
(indirect inference: Gourieroux, Monfort and Renault 1993).
"""
