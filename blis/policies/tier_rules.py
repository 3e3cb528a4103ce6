"""By which rules the tiers of a cluster evict and are written: asked of the policies once, before the first event."""

from collections.abc import Mapping

import numpy as np

from blis.cluster.kv_tiers import KvTiers, Tier, TierPlan, capacity_of
from blis.engine._jit import plain
from blis.engine.tier_rules_view import ARC, BACK, EXCLUSIVE, LRU, PROMPTS_THROUGH, THROUGH, TierChainView, TierView
from blis.foundation.errors import ConfigError
from blis.policies.binding import DEFAULT_POLICIES, BoundPolicy

_EVICTION = {"lru": LRU, "arc": ARC}
_WRITING = {"through": THROUGH, "prompts-through": PROMPTS_THROUGH, "back": BACK, "exclusive": EXCLUSIVE}


def tier_rules(tiers: KvTiers | None, policies: Mapping[str, BoundPolicy], gpu_blocks: int) -> dict[str, int]:
    """Settings of the kernel that the policies have otherwise than the cluster; none where it has no tiers.

    Raises
    ------
    ConfigError
        If a policy of a user's own answers with what is no rule.
    """
    rules: dict[str, int] = {}
    if tiers is None:
        return rules
    evicting, writing = policies["tier_eviction"], policies["tier_writing"]
    if evicting.name != DEFAULT_POLICIES["tier_eviction"]:
        rules["tiers_learning"] = _learning(tiers, evicting, gpu_blocks)
    if writing.name != DEFAULT_POLICIES["tier_writing"]:
        rules |= _written(_writing_rule(tiers, writing, gpu_blocks))
    return rules


def _learning(tiers: KvTiers, policy: BoundPolicy, gpu_blocks: int) -> int:
    """Bit by bit, from the nearest tier on, whether it evicts as ARC does."""
    plan, learning = tiers.plan.tiers, 0
    for place, tier in enumerate(plan):
        view = TierView(
            place, len(plan), int(tier.shared), _capacity(tiers, tier), gpu_blocks, _EVICTION[tier.eviction]
        )
        learning |= _asked("tier_eviction", policy, view, _EVICTION) << place
    return learning


def _writing_rule(tiers: KvTiers, policy: BoundPolicy, gpu_blocks: int) -> int:
    plan = tiers.plan
    blocks = sum(_capacity(tiers, tier) for tier in plan.tiers)
    view = TierChainView(len(plan.tiers), int(plan.tiers[-1].shared), blocks, gpu_blocks, _configured(plan))
    return _asked("tier_writing", policy, view, _WRITING)


def _configured(plan: TierPlan) -> int:
    if plan.write == "through":
        return PROMPTS_THROUGH if plan.prompt_only else THROUGH
    return EXCLUSIVE if plan.placement == "exclusive" else BACK


def _written(rule: int) -> dict[str, int]:
    return {
        "tiers_written_through": int(rule in (THROUGH, PROMPTS_THROUGH)),
        "tiers_exclusive": int(rule == EXCLUSIVE),
        "tiers_prompts_only": int(rule == PROMPTS_THROUGH),
    }


def _asked(question: str, policy: BoundPolicy, view: TierView | TierChainView, rules: Mapping[str, int]) -> int:
    answer = plain(policy.decide)(view, policy.parameters, np.zeros(1))
    if answer not in rules.values():
        named = ", ".join(f"{number} ({name})" for name, number in rules.items())
        raise ConfigError(f"{question}: {policy.name!r} must answer with one of {named}; got {answer!r}.")
    return int(answer)


def _capacity(tiers: KvTiers, tier: Tier) -> int:
    """Blocks of the first instance's device."""
    return capacity_of("cluster.kv_tiers", tier, tiers.block_bytes[0])
