"""Says on what a model runs when a scenario does not."""

from dataclasses import dataclass

from blis.cluster.catalog.files import rows_of_model


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where one instance of a model runs."""

    gpu: str  #: device name
    tensor_parallel: int  #: GPUs per instance


def default_deployment(model: str) -> Deployment:
    """The published default GPU and tensor parallelism of a model id (vendor part optional, any case).

    Raises
    ------
    UnknownChoiceError
        If the table `blis/cluster/catalog/data/models.csv` does not list the model.
    """
    row = rows_of_model("models.csv", model)[0]
    return Deployment(row["gpu"], int(row["tp"]))
