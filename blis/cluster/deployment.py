"""From a scenario's plan to the cluster that serves: prices its steps and sizes its KV memory by what was looked up."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from blis.cluster.catalog import read_device, read_model
from blis.cluster.encoder import embedding_bytes, media_token_us
from blis.cluster.fleet_plan import Fleet, fleet_pools
from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_capacity import Load, kv_blocks, kv_bytes_per_token, weight_bytes
from blis.cluster.kv_tiers import KvTiers
from blis.cluster.latency import LatencyModel
from blis.cluster.latency.affine import Params as AffineParams
from blis.cluster.lora import NO_LORA, LoraCosts, lora_costs, slot_bytes
from blis.cluster.parts import Parts, located, look_up, pool_name
from blis.cluster.plan import ClusterPlan, Pool
from blis.cluster.published_capacity import kv_blocks as published_kv_blocks
from blis.cluster.swap_space import SwapSpace, swap_space
from blis.foundation.answers import answer
from blis.foundation.checks import check_choice, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import CORRECTED, Semantics

#: Block size that the coefficients' table counts in.
TABLE_BLOCK_TOKENS = 16
#: Longest time that a coefficient may stand for [µs], a quarter of an hour: beyond it sums could overflow the clock.
LONGEST_US = 1e9


def build_cluster(
    plan: ClusterPlan,
    where: str = "cluster",
    semantics: Semantics = CORRECTED,
    parts: Sequence[Parts] | None = None,
) -> Cluster:
    """The cluster of a plan.

    Parameters
    ----------
    plan : ClusterPlan
    where : str               what messages call it
    semantics : Semantics     says how KV blocks are derived from the GPUs' memory
    parts : sequence of Parts what `look_up` found, where plans differ in batch limits alone; None: looked up now

    Returns
    -------
    Cluster

    Raises
    ------
    ConfigError
        If a model, a device or a row of coefficients does not exist, or a model does not fit.
    """
    found = tuple(parts or look_up(plan, where))
    each: list[Instance] = []
    first_model = next(place for place, pool in enumerate(plan.pools) if pool.role != "encode")
    for place, (pool, own) in enumerate(zip(plan.pools, found, strict=True)):
        at = pool_name(plan, place, where)
        with located(at):
            # Instances that only encode compute no step of a model: any other pool's latency fills their place.
            priced = first_model if pool.role == "encode" else place
            each.append(
                replace(
                    _instance(plan, pool, own, at, semantics, (plan.pools[priced], found[priced])),
                    pool=place,
                )
            )
    fleet = _fleet(plan, found, where)
    token_bytes = [_kv_bytes_per_token(plan, place, one, where) for place, one in enumerate(found)]
    counts = [pool.maximum for pool in fleet.pools] if fleet else [pool.count for pool in plan.pools]
    return Cluster(
        instances=tuple(one for one, count in zip(each, counts, strict=True) for _ in range(count)),
        latency=plan.latency,
        block_size_tokens=plan.block_size_tokens,
        admission_latency_us=plan.admission_latency_us,
        routing_latency_us=plan.routing_latency_us,
        snapshot_refresh_us=plan.snapshot_refresh_us,
        cache_signal_delay_us=plan.cache_signal_delay_us,
        router_index_blocks=plan.router_index_blocks,
        router_ties=plan.router_ties,
        fleet=fleet,
        gateway=plan.gateway,
        request_timeout_us=plan.request_timeout_us,
        kv_tiers=_kv_tiers(plan, token_bytes, counts, [one.place.tensor_parallel for one in found]),
        swap=_swap_space(plan, found, counts, where),
        disaggregation=plan.disaggregation,
        encoder=plan.encoder,
    )


def _kv_tiers(
    plan: ClusterPlan, token_bytes: Sequence[float], counts: Sequence[int], gpus: Sequence[int]
) -> KvTiers | None:
    """The tiers with the size of a block on each instance; None without tiers."""
    if plan.kv_tiers is None:
        return None
    pools = [pool for pool, count in enumerate(counts) for _ in range(count)]
    block_bytes = tuple(token_bytes[pool] * plan.block_size_tokens for pool in pools)
    return KvTiers(plan.kv_tiers, block_bytes, tuple(gpus[pool] for pool in pools))


def _kv_bytes_per_token(plan: ClusterPlan, place: int, parts: Parts, where: str) -> float:
    """What a token takes on all GPUs of an instance, where tiers have to know; else 0."""
    tiers, pool = plan.kv_tiers, plan.pools[place]
    if tiers is None:
        return 0.0
    models = {one.model for one in plan.pools}
    if tiers.tiers[-1].shared and len(models) > 1:
        raise ConfigError(
            f"{where}.kv_tiers.tiers[{len(tiers.tiers) - 1}].shared needs one model on all instances, because others "
            f"cannot use its blocks; got {', '.join(sorted(map(str, models)))}."
        )
    return _bytes_per_token(pool, parts, tiers.kv_bytes_per_token, f"{where}.kv_tiers")


def _bytes_per_token(pool: Pool, parts: Parts, given: float | None, where: str) -> float:
    """What a token takes on all GPUs of an instance: what is given, or else by the model."""
    if given is not None:
        return given
    model = parts.model
    if model is None and pool.model is not None:
        model = read_model(pool.model, pool.model_config_folder)
    if model is None:
        raise ConfigError(f"{where}.kv_bytes_per_token must be given where a pool has no model to derive it.")
    gpus = parts.place.tensor_parallel
    return kv_bytes_per_token(model, gpus, pool.kv_cache_dtype) * gpus


def _swap_space(plan: ClusterPlan, parts: Sequence[Parts], counts: Sequence[int], where: str) -> SwapSpace | None:
    """Where blocks of preempted requests go, with the size of a block on each instance; None: nowhere."""
    if plan.swap is None:
        return None
    given, size = plan.swap.kv_bytes_per_token, plan.block_size_tokens
    block_bytes = [
        _bytes_per_token(pool, one, given, f"{where}.swap") * size for pool, one in zip(plan.pools, parts, strict=True)
    ]
    return swap_space(plan.swap, block_bytes, [one.place.tensor_parallel for one in parts], counts)


def _fleet(plan: ClusterPlan, parts: Sequence[Parts], where: str) -> Fleet | None:
    """What comes and goes; None if nothing does."""
    scaling = plan.autoscaling
    if scaling is None and not plan.failures:
        return None
    start_up_s = [0.0] * len(parts)
    if scaling is not None:
        _check_inventory(plan, parts, where)
        if not scaling.load_s:
            start_up_s = [_start_up_s(plan, place, one, where) for place, one in enumerate(parts)]
    counts = [pool.count for pool in plan.pools]
    return Fleet(fleet_pools(counts, scaling, start_up_s), scaling, plan.failures)


def _start_up_s(plan: ClusterPlan, place: int, parts: Parts, where: str) -> float:
    """How long an instance takes until it serves, by the size of its model."""
    pool, model = plan.pools[place], parts.model
    if model is None and pool.model is not None:
        model = read_model(pool.model, pool.model_config_folder)
    if model is None:
        raise ConfigError(
            f"{where}.autoscaling.load_s must be given where a pool has no model to derive it from; got none."
        )
    assert plan.autoscaling is not None  # for the type checker: `_fleet` asks where there is scaling
    tensor_parallel = parts.place.tensor_parallel
    return plan.autoscaling.start_up.seconds(weight_bytes(model, tensor_parallel) * tensor_parallel)


def _check_inventory(plan: ClusterPlan, parts: Sequence[Parts], where: str) -> None:
    """GPUs that there are hold what is there from the start; a kind that no pool has is a mistake."""
    assert plan.autoscaling is not None  # for the type checker: `_fleet` asks where there is scaling
    used: dict[str, int] = {}
    for pool, one in zip(plan.pools, parts, strict=True):
        used[one.place.gpu] = used.get(one.place.gpu, 0) + pool.count * one.place.tensor_parallel
    for kind, gpus in plan.autoscaling.inventory.items():
        at = f"{where}.autoscaling.inventory"
        check_choice(at, kind, sorted(used))
        if used[kind] > gpus:
            raise ConfigError(f"{at}.{kind} must hold the {used[kind]} GPUs that the pools begin with; got {gpus}.")


def _instance(
    plan: ClusterPlan, pool: Pool, parts: Parts, where: str, semantics: Semantics, priced: tuple[Pool, Parts]
) -> Instance:
    """An instance of a pool, whose steps cost what they do in the pool `priced`."""
    if pool.kv_blocks is not None:
        blocks = pool.kv_blocks
    else:  # who only encodes has no KV
        blocks = 1 if pool.role == "encode" else _derived_blocks(plan, pool, parts, where, semantics)
    return Instance(
        kv_blocks=blocks,
        max_running_requests=pool.max_running_requests,
        step_token_budget=pool.step_token_budget,
        latency=_latency_model(plan, *priced, where),
        long_prefill_threshold_tokens=pool.long_prefill_threshold_tokens,
        max_model_len_tokens=parts.longest_tokens,
        async_scheduling=pool.async_scheduling,
        kv_watermark=pool.kv_watermark,
        reserve_full_isl=pool.reserve_full_isl,
        prefix_caching=pool.prefix_caching is not False,
        speculative=pool.speculative,
        lora=_lora(pool, parts, where),
        model=pool.model or "",
        role=pool.role,
        context_length_range=pool.context_length_range,
        served_model_names=pool.served_model_names or ((pool.model,) if pool.model else ()),
        hardware=parts.place.gpu,
        tensor_parallel=parts.place.tensor_parallel,
        price_per_hour=_price_per_hour(pool, parts),
        **_kv_shape(plan, pool, parts, where),
        **_encoder_numbers(plan, pool, parts, where),
    )


def _lora(pool: Pool, parts: Parts, where: str) -> LoraCosts:
    """Adapters that one instance serves, and what they cost there."""
    if pool.lora is None:
        return NO_LORA
    model, device = parts.model, parts.device
    if pool.lora.is_derived and (model is None or device is None):
        if pool.model is None or not parts.place.gpu:
            raise ConfigError(
                f"{where}.lora must give host_load_ms, disk_load_ms, step_us, adapter_us and token_us where there is "
                "no model and no hardware to derive them from."
            )
        model = read_model(pool.model, pool.model_config_folder)
        device = read_device(parts.place.gpu, pool.hardware_folder)
    return lora_costs(pool.lora, model, device, parts.place.tensor_parallel, f"{where}.lora")


def _kv_shape(plan: ClusterPlan, pool: Pool, parts: Parts, where: str) -> dict[str, Any]:
    """What a transfer of KV follows from, where there are transfers."""
    if plan.disaggregation is None:
        return {}
    model, given = parts.model, plan.disaggregation.kv_bytes_per_token
    if model is None and pool.model is not None and (given is None or plan.disaggregation.overlaps):
        model = read_model(pool.model, pool.model_config_folder)
    if model is None and given is None:
        raise ConfigError(
            f"{where}: disaggregation.transfer.kv_bytes_per_token must be given where a pool has no model to derive it "
            "from; got none."
        )
    if given is None:
        assert model is not None  # for the type checker
        given = kv_bytes_per_token(model, parts.place.tensor_parallel, pool.kv_cache_dtype)
    return {"kv_bytes_per_token": given, "kv_layers": model.layers if model is not None else 1}


def _encoder_numbers(plan: ClusterPlan, pool: Pool, parts: Parts, where: str) -> dict[str, Any]:
    """What encoding takes on an instance, where the cluster says that it takes anything."""
    encoder = plan.encoder
    if encoder is None:
        return {}
    model, device = parts.model, parts.device
    if model is None and pool.model is not None and encoder.needs_model:
        model = read_model(pool.model, pool.model_config_folder)
    if device is None and encoder.us_per_token is None and parts.place.gpu:
        device = read_device(parts.place.gpu, pool.hardware_folder)
    numbers = {
        "encoder_base_us": encoder.base_us,
        "encoder_token_us": media_token_us(encoder, model, device, where),
    }
    if pool.role == "encode":
        numbers["embedding_token_bytes"] = embedding_bytes(encoder, model, where)
    return numbers


def _price_per_hour(pool: Pool, parts: Parts) -> float | None:
    """What an hour of all GPUs of one instance costs; None where neither the pool nor the device's file says it."""
    price = pool.price_per_hour
    if price is None:
        device = parts.device
        if device is None:
            try:
                device = read_device(parts.place.gpu, pool.hardware_folder)
            except ConfigError:  # nothing else of the device was asked for
                return None
        price = device.price_per_hour or None
    return None if price is None else price * parts.place.tensor_parallel


def _derived_blocks(plan: ClusterPlan, pool: Pool, parts: Parts, where: str, semantics: Semantics) -> int:
    """KV blocks from the table, kept equal in memory for other block sizes, else from what the GPUs leave free."""
    row = parts.coefficients
    if row is not None and row.kv_blocks is not None:
        blocks = row.kv_blocks * TABLE_BLOCK_TOKENS // plan.block_size_tokens
        if blocks < 1:
            raise ConfigError(
                f"{where}.block_size_tokens must leave at least one block of the {row.kv_blocks} of "
                f"{TABLE_BLOCK_TOKENS} tokens; got {plan.block_size_tokens}."
            )
        return blocks
    assert parts.model is not None  # for the type checker: `look_up` read both, as nothing gives the blocks
    assert parts.device is not None
    memory = (parts.model, parts.device, parts.place.tensor_parallel, plan.block_size_tokens, pool.memory_utilisation)
    if not semantics.blocks_fit_memory:
        return published_kv_blocks(*memory)
    load = Load(pool.step_token_budget, pool.max_running_requests)
    reserved = slot_bytes(pool.lora, parts.model, parts.place.tensor_parallel, f"{where}.lora") if pool.lora else 0.0
    return kv_blocks(*memory, load, pool.kv_cache_dtype, reserved)


def _latency_model(plan: ClusterPlan, pool: Pool, parts: Parts, where: str) -> LatencyModel:
    params: Any = pool.latency
    for name in ("alpha_us", "beta_us", "beta"):
        for number in getattr(params, name, None) or ():
            check_number(f"{where}.latency.{name}", number, 0, LONGEST_US, "µs")
    if parts.coefficients is not None:
        params = AffineParams(parts.coefficients.alpha_us, parts.coefficients.beta_us)
    prepared: LatencyModel = answer("latency", plan.latency).prepare(
        params, parts.model, parts.device, parts.place.tensor_parallel
    )
    return prepared
