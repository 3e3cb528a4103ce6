"""What a policy's file may list as `NEEDS`: signals that cost something to keep, so that they are kept if asked for.

By name, the fields of the view, and what they rest on:

- `cached_blocks`: `cached_blocks`, `last_cold_use`; from what instances report of their caches.
- `tiered_blocks`: `tiered_blocks`; from what instances report of their caches, and from the tiers beneath as they are.
- `affinity_blocks`: `affinity_blocks`; from the router's index of what it sent where.
- `sent_prompts`: `sent_tokens`, `sent_prompts`; from the router's record of prompts without a first token; its index.
- `session_instance`: `session_instance`; from the router's memory of where sessions were.
- `expected_latency`: `expected_ttft_us`, `expected_itl_us`; from reports, what the router sent, prices of steps.
- `expected_output_tokens`: `expected_output_tokens` of the request; from what has completed, or has there.
- `uncached_tokens`: `uncached_tokens` of a queue's view; from the instance's cache.
- `tenant_service`: `tenant_...` of a queue's view; from the instance's count of what tenants have got.

A signal that nobody asked for reads as zeros, and `session_instance` as -1.
"""

from collections.abc import Set as AbstractSet

#: What instances learn while they serve.
LEARNED_SIGNALS = frozenset({"expected_output_tokens", "uncached_tokens", "tenant_service"})
#: What they hold, and what routers keep and expect.
ROUTER_SIGNALS = frozenset(
    {"cached_blocks", "tiered_blocks", "affinity_blocks", "sent_prompts", "session_instance", "expected_latency"}
)
COSTLY_SIGNALS = LEARNED_SIGNALS | ROUTER_SIGNALS


def settings_of(needs: AbstractSet[str]) -> dict[str, bool]:
    """The kernel's settings: what is kept for routers and admission that need these signals."""
    prompts = bool(needs & {"sent_prompts", "expected_latency"})
    return {
        "needs_cached_blocks": bool(needs & {"cached_blocks", "tiered_blocks"}),
        "needs_tiered_blocks": "tiered_blocks" in needs,
        "needs_affinity": "affinity_blocks" in needs or prompts,
        "needs_prompts": prompts,
        "needs_sessions": "session_instance" in needs,
        "needs_expectations": "expected_latency" in needs,
    }
