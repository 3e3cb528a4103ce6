"""Reads a model's shape from the `config.json` that its vendor publishes."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from blis.cluster.catalog.attention import block_heads, kv_heads, token_caches
from blis.cluster.catalog.configuration import MOST_COUNT, Configuration
from blis.cluster.catalog.feed_forward import (
    DENSE_WIDTHS,
    EXPERT_COUNTS,
    EXPERT_WIDTHS,
    EXPERTS_PER_TOKEN,
    WIDTHS,
    is_gated,
    shared_width,
)
from blis.cluster.catalog.layers import FeedForward, Mixer, count_layers, lists_mixtures, plan_layers
from blis.cluster.catalog.model import Model
from blis.cluster.catalog.quantisation import Quantisation, kv_element_bytes, quantisation
from blis.cluster.catalog.recurrence import sequence_states
from blis.cluster.catalog.weighing import is_tied, weigh
from blis.foundation.checks import check_int, check_keys, check_number, nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.files import is_file, read_json, shipped_folder, stamp
from blis.foundation.words import shown

#: What ModelOpt writes beside a `config.json`.
QUANTISATION_FILE = "hf_quant_config.json"
_LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_sequence_length",
    "max_seq_length",
    "model_max_length",
)
_DERIVED = {"token_caches", "states", "weights", "uncounted"}


def read_model(name_or_folder: str | Path, model_config_folder: str | Path | None = None) -> Model:
    """The model of a name or a folder.

    Parameters
    ----------
    name_or_folder : str or Path
        A model id in any case ("meta-llama/Llama-3.1-8B-Instruct": the part after the first slash names the
        shipped folder), or a folder with a `config.json` (a `Path`, or a text starting with ".", "/" or "~").
    model_config_folder : str or Path, optional
        Where to look instead of the shipped folders: a folder with a `config.json`, or one that holds such
        folders by name.

    Returns
    -------
    Model

    Raises
    ------
    UnknownChoiceError
        If no folder has the name; the message gives the nearest.
    ConfigError
        If the file is absent, no JSON object, or a value in it is wrong.
    """
    name, folder = model_folder(name_or_folder, model_config_folder)
    return _parse(folder, name, stamp(folder / "config.json"), stamp(folder / QUANTISATION_FILE))


def model_folder(name_or_folder: str | Path, model_config_folder: str | Path | None = None) -> tuple[str, Path]:
    """Name and folder of a model; parameters and errors as `read_model`."""
    if not isinstance(name_or_folder, str | Path) or not str(name_or_folder):
        raise ConfigError(f"model must be a name or a folder; got {shown(name_or_folder)}.")
    if isinstance(name_or_folder, Path) or name_or_folder.startswith((".", "/", "~")):
        folder = Path(name_or_folder).expanduser()
        return Path(os.path.abspath(folder)).name.lower(), folder
    name = name_or_folder.lower()
    return name, _folder_of(name, model_config_folder)


def model_from_mapping(where: str, mapping: object) -> Model:
    """The model that a mapping of `Model`'s fields describes; `weight_bytes` and `kv_heads` may be left out.

    Raises
    ------
    ConfigError
        If a key is unknown or absent, or a value out of its bounds.
    """
    optional = {"weight_bytes", "kv_heads"}
    plain = [field for field in fields(Model) if field.name not in _DERIVED]
    required = [field.name for field in plain if field.default is MISSING and field.name not in optional]
    values = check_keys(where, mapping, [field.name for field in plain], required)
    values.setdefault("kv_heads", values["heads"])
    values.setdefault("weight_bytes", values["activation_bytes"])
    for field in plain:
        if field.name in values:
            values[field.name] = _checked(f"{where}.{field.name}", field.name, field.type, values[field.name])
    _check_kv_heads(where, values["kv_heads"], values["heads"])
    values["name"] = values["name"].lower()
    return Model(**values)


def _checked(where: str, key: str, kind: Any, value: object) -> object:
    if kind is int:
        return check_int(where, value, 1 if key in ("layers", "hidden", "heads", "kv_heads") else 0, MOST_COUNT)
    if kind is float:
        above = 0 if key in ("activation_bytes", "weight_bytes") else None
        return check_number(where, value, None if above == 0 else 0, above=above)
    if not isinstance(value, kind):
        raise ConfigError(f"{where} must be {'true or false' if kind is bool else 'a text'}; got {shown(value)}.")
    return value


def _folder_of(name: str, user_folder: str | Path | None) -> Path:
    short = name.partition("/")[2] or name
    parent = shipped_folder("model_configs") if user_folder is None else Path(user_folder).expanduser()
    if user_folder is not None and is_file(parent / "config.json"):
        return parent
    choices = sorted(path.parent.name for path in parent.glob("*/config.json"))
    if short not in choices:
        raise UnknownChoiceError(
            f"model: no folder for {shown(name)} in {shown(str(parent))}{nearest(short, choices)} Folders: "
            f"{', '.join(choices) or 'none'}. For another model give model_config_folder."
        )
    return parent / short


@lru_cache(maxsize=64)
def _parse(folder: Path, name: str, *written: object) -> Model:
    """The model of a folder; rules of the BLIS reference simulator, August 2026, for what its formulas need.

    It is read once for as long as its files stay as they were `written`. A value of the wrong kind is an error here;
    there it counts as absent.
    """
    configuration = _read_json(folder / "config.json")
    beside = read_json(folder / QUANTISATION_FILE).get("quantization") if is_file(folder / QUANTISATION_FILE) else None
    stored = quantisation(configuration, beside, name)
    heads = configuration.required("num_attention_heads", "n_head", "n_heads")
    own_kv_heads = kv_heads(configuration)
    _check_kv_heads(configuration.where, own_kv_heads, heads)
    rope = _rope(configuration)
    model = Model(
        name=name,
        layers=count_layers(configuration),
        hidden=configuration.required("hidden_size", "n_embd", "d_model"),
        heads=heads,
        kv_heads=own_kv_heads,
        intermediate=configuration.count(*WIDTHS) or configuration.count(*EXPERT_WIDTHS),
        activation_bytes=configuration.element_bytes(),
        weight_bytes=stored.weight_bytes,
        vocab=configuration.count("vocab_size", "padded_vocab_size"),
        experts=configuration.count(*EXPERT_COUNTS, at_least=2),
        experts_per_token=configuration.count(*EXPERTS_PER_TOKEN),
        expert_intermediate=configuration.count(*EXPERT_WIDTHS),
        shared_experts=configuration.count("n_shared_experts", "num_shared_experts"),
        shared_expert_intermediate=shared_width(configuration),
        interleave_step=configuration.count("interleave_moe_layer_step"),
        dense_intermediate=configuration.count(*DENSE_WIDTHS),
        first_dense_layers=configuration.count("first_k_dense_replace"),
        head_dim=configuration.count("head_dim", "attention_head_dim"),
        kv_lora_rank=configuration.count("kv_lora_rank"),
        qk_rope_head_dim=configuration.count("qk_rope_head_dim"),
        kv_element_bytes=kv_element_bytes(configuration, beside),
        tied_embeddings=is_tied(configuration),
        activation=configuration.text("mlp_hidden_act", "hidden_activation", "hidden_act"),
        model_type=configuration.text("model_type"),
        max_positions=configuration.count(*_LENGTHS),
        rope_type=rope.text("type", "rope_type"),
        rope_factor=rope.factor("factor"),
        rope_original_positions=rope.count("original_max_position_embeddings"),
    )
    return _counted(model, configuration, stored)


def _counted(model: Model, configuration: Configuration, stored: Quantisation) -> Model:
    """The model with what it stores; where that cannot be told, with the reason.

    A reason is no error yet: who gives the number of KV blocks needs none of it.
    """
    try:
        plan = plan_layers(configuration, model.layers, model.experts)
        mixtures = sum(layer.feed_forward is FeedForward.MIXTURE for layer in plan)
        changes: dict[str, Any] = {"listed_mixtures": mixtures if lists_mixtures(configuration) else 0}
        blocks = block_heads(configuration, model.layers)
        ordinary = blocks is None and all(layer.mixer is Mixer.FULL for layer in plan)
        if blocks is not None:
            changes["kv_heads"] = max((one.keys for one in blocks if one is not None), default=model.kv_heads)
        caches = token_caches(configuration, plan)
        if not caches:
            raise ConfigError(f"{configuration.where}: no layer attends; give the number of KV blocks.")
        if not ordinary or len(caches) != 1 or caches[0].elements != 2 * _head_width(model):
            changes["token_caches"] = caches
        weights = weigh(configuration, plan, stored)
        if not model.intermediate:  # layers of widths of their own: the mean
            matrices = 3 if is_gated(configuration) else 2
            dense = sum(part.n_weights for part in weights if part.part == "dense")
            changes["intermediate"] = dense // (matrices * model.hidden * model.layers)
        return replace(model, states=sequence_states(configuration, plan), weights=weights, **changes)
    except ConfigError as error:
        return replace(model, uncounted=str(error))


def _head_width(model: Model) -> int:
    return model.head_dim or model.hidden // model.heads


def _read_json(path: Path) -> Configuration:
    """The file's object, with the entries of its text section laid over it."""
    if not is_file(path):
        raise ConfigError(f"model: {shown(str(path))} must be a model's configuration file; there is none.")
    values = read_json(path)
    for key in ("text_config", "llm_config", "language_config"):
        nested = values.get(key)
        if isinstance(nested, dict):
            values = {**values, **nested}
    return Configuration(str(path), values)


def _rope(configuration: Configuration) -> Configuration:
    """How positions are scaled: one section, or that of the layers that attend to all tokens."""
    for key in ("rope_scaling", "rope_parameters"):
        section = configuration.values.get(key)
        if isinstance(section, Mapping):
            full = section.get("full_attention")
            return configuration.inside(key, full if isinstance(full, Mapping) else section)
    return Configuration(configuration.where, {})


def _check_kv_heads(where: str, kv_heads: int, heads: int) -> None:
    """Each key and value head serves equally many query heads."""
    if heads % kv_heads:
        raise ConfigError(f"{where}: key and value heads must divide the {heads} attention heads; got {kv_heads}.")
