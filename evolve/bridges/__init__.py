"""Who proposes policies that no operator here would: packages that ask a language model for source.

A package and a search are two threads. The search is the one of `evolve.run`, loop, budget, judge, trackers and finals
included; its algorithm (`evolve.algorithms.outside`) waits for what the package proposes. The package runs beside it
(`running`), hands in source (`judging`), and hears a `Verdict`: a number to maximise, and text that says why
(`feedback`). Each file of `packages/` drives one package: `drive(bridge)`.

Nothing here runs a candidate: `evolve.evaluators.isolated` does.
"""
