"""Reads a model's shape from the `config.json` that its vendor publishes."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from blis.cluster.catalog.quantisation import weight_bytes
from blis.foundation.checks import check_int, check_keys, check_number, nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.files import is_file, read_json, shipped_folder
from blis.foundation.words import shown

BYTES_PER_ELEMENT = {
    "float32": 4.0,
    "float16": 2.0,
    "bfloat16": 2.0,
    "int8": 1.0,
    "uint8": 1.0,
    "fp8": 1.0,
    "int4": 1.0,
    "nf4": 1.0,
}

_EXPERT_COUNTS = (
    "num_experts",
    "moe_num_experts",
    "n_routed_experts",
    "num_local_experts",
    "num_routed_experts",
)
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "multi_query_group_num")
_INTERMEDIATE = ("intermediate_size", "ffn_hidden_size")


#: The largest count in a configuration: products of a few still fit a float exactly enough.
_MOST_COUNT = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The shape of a transformer, as the latency models and the KV capacity need it.

    A zero in a field with a default means that the model has no such part.
    """

    name: str  #: lower-cased; coefficients are looked up by it
    layers: int  #: ≥ 1
    hidden: int  #: ≥ 1, width of the residual stream
    heads: int  #: ≥ 1, query heads
    kv_heads: int  #: ≥ 1, key and value heads
    intermediate: int  #: ≥ 0, width of the feed-forward part; 0: not stated
    activation_bytes: float  #: > 0, bytes per activation and per KV element
    weight_bytes: float  #: > 0, bytes per stored weight, after quantisation
    vocab: int = 0  #: tokens of the vocabulary
    experts: int = 0  #: routed experts of a mixture layer; 0: a dense model
    experts_per_token: int = 0  #: routed experts that a token visits
    expert_intermediate: int = 0  #: width of a routed expert; 0: as `intermediate`
    shared_experts: int = 0  #: shared experts declared by number
    shared_expert_intermediate: int = 0  #: total width of the shared experts
    interleave_step: int = 0  #: n: a mixture layer after every n dense ones; 0: all layers alike
    dense_intermediate: int = 0  #: width of the dense layers of a mixture model; 0: as `intermediate`
    first_dense_layers: int = 0  #: leading dense layers of a mixture model (capacity only)
    head_dim: int = 0  #: width of a head where stated (capacity only); 0: hidden / heads
    kv_lora_rank: int = 0  #: width of the compressed KV entry of latent attention; 0: ordinary attention
    qk_rope_head_dim: int = 0  #: width of its positional part
    tied_embeddings: bool = False  #: is the output matrix the embedding matrix?
    activation: str = ""  #: activation of the feed-forward part
    model_type: str = ""  #: vendor's name of the architecture
    max_positions: int = 0  #: longest sequence, before rope scaling [tokens]; 0: not stated
    rope_type: str = ""  #: kind of rope scaling
    rope_factor: float = 0.0  #: its factor; 0: none
    rope_original_positions: int = 0  #: length it stretches from, where stated [tokens]

    @property
    def mixture_layers(self) -> int:
        """Layers whose feed-forward part is a mixture of experts: all, none, or every (n + 1)-th."""
        if self.experts < 2:
            return 0
        return self.layers // (self.interleave_step + 1) if self.interleave_step > 0 else self.layers


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
    return _parse(folder / "config.json", name)


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
    required = [field.name for field in fields(Model) if field.default is MISSING and field.name not in optional]
    values = check_keys(where, mapping, [field.name for field in fields(Model)], required)
    values.setdefault("kv_heads", values["heads"])
    values.setdefault("weight_bytes", values["activation_bytes"])
    for field in fields(Model):
        if field.name in values:
            values[field.name] = _checked(f"{where}.{field.name}", field.name, field.type, values[field.name])
    _check_kv_heads(where, values["kv_heads"], values["heads"])
    values["name"] = values["name"].lower()
    return Model(**values)


def _checked(where: str, key: str, kind: Any, value: object) -> object:
    if kind is int:
        return check_int(where, value, 1 if key in ("layers", "hidden", "heads", "kv_heads") else 0, _MOST_COUNT)
    if kind is float:
        return check_number(where, value, above=0) if key.endswith("_bytes") else check_number(where, value, 0)
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


def _parse(path: Path, name: str) -> Model:
    """The model of a configuration file; rules of the BLIS reference simulator, August 2026.

    A value of the wrong kind is an error here; there it counts as absent.
    """
    config = _read_json(path)
    where = str(path)
    heads = _required(where, config, "num_attention_heads")
    intermediate = _first_count(where, config, _INTERMEDIATE)
    expert_intermediate = _first_count(where, config, ("moe_intermediate_size",))
    shared_experts = _first_count(where, config, ("n_shared_experts",))
    shared_width = _first_count(where, config, ("shared_expert_intermediate_size",))
    activation_bytes = _activation_bytes(where, config)
    kv_heads = _first_count(where, config, _KV_HEADS) or heads
    _check_kv_heads(where, kv_heads, heads)
    rope = config.get("rope_scaling")
    rope = rope if isinstance(rope, Mapping) else {}
    return Model(
        name=name,
        layers=_required(where, config, "num_hidden_layers"),
        hidden=_required(where, config, "hidden_size"),
        heads=heads,
        kv_heads=kv_heads,
        intermediate=intermediate,
        activation_bytes=activation_bytes,
        weight_bytes=weight_bytes(where, config, name, activation_bytes),
        vocab=_first_count(where, config, ("vocab_size",)),
        experts=_first_count(where, config, _EXPERT_COUNTS, at_least=2),
        experts_per_token=_first_count(where, config, ("num_experts_per_tok",)),
        expert_intermediate=expert_intermediate,
        shared_experts=shared_experts,
        shared_expert_intermediate=shared_width or shared_experts * (expert_intermediate or intermediate),
        interleave_step=_first_count(where, config, ("interleave_moe_layer_step",)),
        dense_intermediate=_first_count(where, config, ("intermediate_size_mlp",)),
        first_dense_layers=_first_count(where, config, ("first_k_dense_replace",)),
        head_dim=_first_count(where, config, ("head_dim",)),
        kv_lora_rank=_first_count(where, config, ("kv_lora_rank",)),
        qk_rope_head_dim=_first_count(where, config, ("qk_rope_head_dim",)),
        tied_embeddings=_flag(where, config, "tie_word_embeddings"),
        activation=_text(where, config, "hidden_act"),
        model_type=_text(where, config, "model_type"),
        max_positions=_first_count(where, config, ("max_position_embeddings",)),
        rope_type=_text(where, rope, "type") or _text(where, rope, "rope_type"),
        rope_factor=_rope_factor(where, rope),
        rope_original_positions=_first_count(where, rope, ("original_max_position_embeddings",)),
    )


def _read_json(path: Path) -> dict[str, Any]:
    """The file's object, with the entries of its `text_config` laid over it."""
    if not is_file(path):
        raise ConfigError(f"model: {shown(str(path))} must be a model's configuration file; there is none.")
    config = read_json(path)
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config


def _required(where: str, config: Mapping[str, Any], key: str) -> int:
    return check_int(f"{where}: {key}", config.get(key), 1, _MOST_COUNT)


def _first_count(where: str, config: Mapping[str, Any], keys: tuple[str, ...], at_least: int = 1) -> int:
    """The first value of `keys` that is `at_least` so large, or 0."""
    for key in keys:
        value = config.get(key)
        count = 0 if value is None else check_int(f"{where}: {key}", value, 0, _MOST_COUNT)
        if count >= at_least:
            return count
    return 0


def _check_kv_heads(where: str, kv_heads: int, heads: int) -> None:
    """Each key and value head serves equally many query heads."""
    if heads % kv_heads:
        raise ConfigError(f"{where}: key and value heads must divide the {heads} attention heads; got {kv_heads}.")


def _text(where: str, config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{where}: {key} must be a text; got {shown(value)}.")
    return value or ""


def _flag(where: str, config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{where}: {key} must be true or false; got {shown(value)}.")
    return bool(value)


def _rope_factor(where: str, rope: Mapping[str, Any]) -> float:
    factor = rope.get("factor")
    return 0.0 if factor is None else check_number(f"{where}: rope_scaling.factor", factor, minimum=0)


def _activation_bytes(where: str, config: Mapping[str, Any]) -> float:
    """Bytes of the declared element type: `torch_dtype` if it is a text, else `dtype`."""
    key = "torch_dtype" if isinstance(config.get("torch_dtype"), str) else "dtype"
    kind = config.get(key)
    if kind not in BYTES_PER_ELEMENT:
        raise UnknownChoiceError(
            f"{where}: torch_dtype or dtype must name an element type; got {shown(kind)}"
            f"{nearest(str(kind), BYTES_PER_ELEMENT)} Types: {', '.join(sorted(BYTES_PER_ELEMENT))}."
        )
    return BYTES_PER_ELEMENT[kind]
