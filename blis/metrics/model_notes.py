"""A note on requests that leave open which of several models is to answer."""

from collections.abc import Iterator

from blis.cluster.instances import Cluster
from blis.foundation.words import listed
from blis.workload.requests import Requests


def model_notes(requests: Requests, cluster: Cluster) -> Iterator[str]:
    """One note where there are such requests and such a choice: mostly somebody forgot to name a model."""
    models = list(dict.fromkeys(one.model for one in cluster.instances))
    n_unnamed = int((requests.model < 0).sum())
    if len(models) > 1 and n_unnamed:
        names = listed(name or "(unnamed)" for name in models)
        yield f"{n_unnamed} requests name no model and may go to any of {names}"
