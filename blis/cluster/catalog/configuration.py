"""Reads values of a model's `config.json`, each of one kind and within bounds."""

from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_int, check_number, nearest
from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.words import shown

#: The largest count in a configuration: products of a few still fit a float exactly enough.
MOST_COUNT = 2**40
#: The most layers: plans of them are lists.
MOST_LAYERS = 10_000

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


class Configuration:
    """A model's configuration: an object of JSON with its place in messages."""

    __slots__ = ("_outer", "values", "where")

    def __init__(self, where: str, values: Mapping[str, Any], outer: str = "") -> None:
        self.where = where  #: the file
        self.values = values
        self._outer = outer  #: where the object lies in the file

    def at(self, key: str) -> str:
        """A key's place in messages."""
        return f"{self.where}: {self._outer}{key}"

    def inside(self, key: str, values: Mapping[str, Any]) -> "Configuration":
        """An object that lies under `key`."""
        return Configuration(self.where, values, f"{self._outer}{key}.")

    def required(self, *keys: str) -> int:
        """The first count that is given under one of `keys`, at least 1."""
        key = next((key for key in keys if self.values.get(key) is not None), keys[0])
        return check_int(self.at(key), self.values.get(key), 1, MOST_COUNT)

    def count(self, *keys: str, at_least: int = 1) -> int:
        """The first value of `keys` that is `at_least` so large, or 0."""
        for key in keys:
            value = self.values.get(key)
            count = 0 if value is None else check_int(self.at(key), value, 0, MOST_COUNT)
            if count >= at_least:
                return count
        return 0

    def text(self, *keys: str) -> str:
        """The first text that is given under one of `keys`, or an empty one."""
        for key in keys:
            value = self.values.get(key)
            if value is not None and not isinstance(value, str):
                raise ConfigError(f"{self.at(key)} must be a text; got {shown(value)}.")
            if value:
                return value
        return ""

    def flag(self, key: str, default: bool = False) -> bool:
        """The truth value of a key."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{self.at(key)} must be true or false; got {shown(value)}.")
        return default if value is None else value

    def factor(self, key: str) -> float:
        """A number ≥ 0, 0 where there is none."""
        value = self.values.get(key)
        return 0.0 if value is None else check_number(self.at(key), value, minimum=0)

    def listing(self, key: str) -> list[Any] | None:
        """A list, or None where there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, list):
            raise ConfigError(f"{self.at(key)} must be a list; got {shown(value)}.")
        return value

    def entry(self, key: str, place: int) -> "Configuration":
        """An object in a list."""
        entries = self.listing(key) or []
        if place >= len(entries) or not isinstance(entries[place], Mapping):
            got = shown(entries[place]) if place < len(entries) else "nothing"
            raise ConfigError(f"{self.at(key)}[{place}] must be an object; got {got}.")
        return self.inside(f"{key}[{place}]", entries[place])

    def numbers(self, key: str, layers: int | None = None) -> list[int] | None:
        """A list of whole numbers ≥ 0, one for each layer where `layers` is given, or None where there is none."""
        entries = self.listing(key) if layers is None else self.per_layer(key, layers)
        if entries is None:
            return None
        return [check_int(f"{self.at(key)}[{place}]", one, 0, MOST_COUNT) for place, one in enumerate(entries)]

    def per_layer(self, key: str, layers: int) -> list[Any] | None:
        """A list with an entry for each layer; entries beyond them are those of layers for drafts and not returned."""
        entries = self.listing(key)
        if entries is not None and len(entries) < layers:
            raise ConfigError(f"{self.at(key)} must have an entry for each of the {layers} layers; got {len(entries)}.")
        return None if entries is None else entries[:layers]

    def section(self, key: str) -> "Configuration | None":
        """A nested object, or None where there is none."""
        value = self.values.get(key)
        return self.inside(key, value) if isinstance(value, Mapping) else None

    def element_bytes(self) -> float:
        """Bytes of the declared element type: `torch_dtype` if it is a text, else `dtype`; 2 where neither is given."""
        key = "torch_dtype" if isinstance(self.values.get("torch_dtype"), str) else "dtype"
        kind = self.values.get(key)
        if kind is None and self.values.get("torch_dtype") is None:
            return BYTES_PER_ELEMENT["bfloat16"]
        if not isinstance(kind, str) or kind not in BYTES_PER_ELEMENT:
            raise UnknownChoiceError(
                f"{self.at('torch_dtype')} or dtype must name an element type; got {shown(kind)}"
                f"{nearest(str(kind), BYTES_PER_ELEMENT)} Types: {', '.join(sorted(BYTES_PER_ELEMENT))}."
            )
        return BYTES_PER_ELEMENT[kind]
