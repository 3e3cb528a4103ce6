"""Models as the reference simulator reads them."""

from dataclasses import replace

from blis.cluster.catalog import Model, read_model


def read_as_reference(name: str) -> Model:
    """The model; the reference takes an interleaving step n for n dense layers between two mixtures, so n + 1 here."""
    model = read_model(name)
    return replace(model, interleave_step=model.interleave_step + 1) if model.interleave_step else model
