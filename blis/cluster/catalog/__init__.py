"""Reads models, devices and measured coefficients into typed records.

What a run knows about the world outside its scenario comes through here: `model_configs/<name>/config.json`
(as the vendor publishes it), `hardware/<device>.yaml`, and the tables in `data/`. Readers check each value and
raise one clear error.
"""

from blis.cluster.catalog.coefficients import Coefficients, find_coefficients
from blis.cluster.catalog.devices import Device, device_from_mapping, read_device
from blis.cluster.catalog.model import Model, SequenceState, TokenCache, Weights
from blis.cluster.catalog.models import model_folder, model_from_mapping, read_model
from blis.cluster.catalog.presets import Deployment, default_deployment

__all__ = [
    "Coefficients",
    "Deployment",
    "Device",
    "Model",
    "SequenceState",
    "TokenCache",
    "Weights",
    "default_deployment",
    "device_from_mapping",
    "find_coefficients",
    "model_folder",
    "model_from_mapping",
    "read_device",
    "read_model",
]
