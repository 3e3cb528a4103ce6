"""llm-d's router: EndpointPickerConfig files, or Helm values that hold one."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from blis.foundation.errors import ConfigError
from blis.foundation.strict_yaml import in_words, parse_yaml
from blis.foundation.words import shown
from blis.policies.bundle import bundle_from_mapping
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Exported, Imported, Signal
from evolve.exchange.llm_d.schema import KIND, check_document
from evolve.exchange.llm_d.writing import written

TITLE = "llm-d-router 0.9, EndpointPickerConfig"
SUFFIX = ".yaml"
#: Sections and keys that say nothing of a policy here, and why.
_ASIDE = {
    "dataLayer": "signals are as the cluster's snapshot_refresh_us and cache_signal_delay_us say",
    "requestHandler": "requests are not parsed here",
    "parser": "requests are not parsed here",
}
_ASIDE_OF_FLOW = {
    "maxBytes": "bytes are not counted here",
    "noEndpointRequestTTL": "defaultRequestTTL counts whether or not there are endpoints",
}
_SHEDS = "without flow control it tells when priorities below 0 are refused: admission saturation-shed here"
_FEEDS = "it feeds other plugins; what they read is measured here as their own signal says"


def export(champion: Champion) -> Exported:
    """The champion as a configuration of llm-d's router."""
    found = written(champion)
    if found.document is None:
        return Exported(None, found.signals)
    text = yaml.safe_dump(check_document("what was written", found.document), sort_keys=False, allow_unicode=True)
    return Exported(text, found.signals, found.notes)


def recognises(name: str, text: str) -> bool:
    """Whether the text holds such a configuration."""
    return KIND in text


def read(where: str, text: str, n_instances: int | None) -> Imported:
    """The policies of a configuration, which must keep the published schema.

    Raises
    ------
    ConfigError
        If it does not, or routes in a way that has no counterpart here.
    """
    document = check_document(where, _document(where, text))
    bundle = bundle_from_mapping(where, document)
    gateway = bundle.lineage.get("gateway")
    back = written(Champion(bundle.policies, gateway=gateway))
    signals = [Signal(one.question, one.there or one.name, one.grade, one.name, one.why) for one in back.signals]
    return Imported(bundle.policies, [*signals, *_aside(document, bundle.lineage)], gateway)


def _aside(document: Mapping[str, Any], lineage: Mapping[str, Any]) -> Iterator[Signal]:
    """What has not become a policy."""
    for plugin in document["plugins"]:
        if plugin["type"] not in lineage.get("left_out", ()):
            continue
        given = ", ".join(plugin.get("parameters") or {})
        if plugin["type"].endswith(("-producer", "-source", "-extractor")):
            why = f"{_FEEDS}; not imported: {given}" if given else _FEEDS
            yield Signal("plugins", plugin["type"], APPROXIMATE if given else EXACT, "the signal's own", why)
        elif plugin["type"].endswith("-handler"):
            yield Signal("plugins", plugin["type"], EXACT, "one profile")
        elif plugin["type"].endswith("-detector"):
            yield Signal("admission", plugin["type"], MISSING, why=_SHEDS)
        else:
            yield Signal("plugins", plugin["type"], MISSING, why="nothing in the file makes it act here")
    for key, why in _ASIDE.items():
        if document.get(key):
            yield Signal("sections", key, MISSING, why=why)
    flow = document.get("flowControl") or {}
    for key, why in _ASIDE_OF_FLOW.items():
        if flow.get(key):
            yield Signal("gateway", f"{key} {flow[key]}", MISSING, why=why)
    bands = [band for band in flow.get("priorityBands") or () if band.get("maxBytes")]
    if bands:
        yield Signal("gateway", "priorityBands.maxBytes", MISSING, why=_ASIDE_OF_FLOW["maxBytes"])


def _document(where: str, text: str) -> object:
    """The document in the text; in Helm values the only one in a block of text."""
    try:
        document = parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} must be YAML: {in_words(error)}.") from error
    if isinstance(document, Mapping) and document.get("kind") == KIND:
        return document
    found = list(_blocks(document))
    if len(found) != 1:
        raise ConfigError(
            f"{where} must be one {KIND}, or Helm values that hold one in a block of text; got {len(found)} in "
            f"{shown(list(document) if isinstance(document, Mapping) else document)}."
        )
    return parse_yaml(found[0])


def _blocks(value: object) -> Iterator[str]:
    """Texts within the values that hold such a document."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _blocks(part)
    elif isinstance(value, str) and f"kind: {KIND}" in value:
        yield value
