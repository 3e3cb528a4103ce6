"""Which of the candidates may a request be sent to?

Each file answers with `keep(view, request, params, kept) -> None`. `view` is a `RouterView` whose `candidates` are
those that are left, at least one; `request` and `params` are as in `blis.policies.admission`. `kept` (int64, one per
instance) is 1 for each candidate, and the file sets it to 0 for those that must not get the request. Scorers and the
router see who is kept, and nobody else; who is routable and serves the request's model has been found before. A request
for which nobody is kept is refused and counted as unroutable, so a file that can refuse everybody says what it does
then. Filters have no memory: the same situation is filtered alike, and chance is the request's own draw.

`chain` asks several filters one after another; it is what llm-d calls a profile, together with weighted routing.

To add a filter: one new file with `Params` and `keep`. `NEEDS` names the costly signals it reads, see
`blis.policies.needs`, or is a function of the parameters that does. `LOOKS` is that of `blis.policies.admission`.

Source of the pipeline: llm-d-router 0.9, pkg/epp/scheduling: filters in the order listed, until nobody is left.
"""
