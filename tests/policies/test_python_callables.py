"""A name in data never makes Python code run: only a function, or an explicit word, does."""

import sys
from typing import Any

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.policies.binding import bind, bind_all, check_policy
from blis.policies.bundle import bundle_from_mapping, complete_policy
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation

CLUSTER = {
    "instances": 2,
    "kv_blocks": 100,
    "latency": {"kind": "affine", "alpha_us": [1, 1, 1], "beta_us": [1, 1, 1]},
}
HARMFUL = "a_module_that_must_not_be_imported"


def last(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
    """The last instance."""
    return int(view.n_instances) - 1


@pytest.fixture
def harmful(tmp_path, monkeypatch) -> str:
    (tmp_path / f"{HARMFUL}.py").write_text("def route(view, request, params, memory, scores):\n    return 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield f"{HARMFUL}:route"
    sys.modules.pop(HARMFUL, None)


@pytest.mark.parametrize("as_mapping", [False, True])
def test_a_name_is_refused_and_nothing_imported(harmful: str, as_mapping: bool) -> None:
    choice = {"policy": harmful} if as_mapping else harmful
    bundle = bundle_from_mapping("bundle", {"version": 1, "routing": choice})
    scenario = Scenario.from_mapping(
        {"cluster": CLUSTER, "workload": {"kind": "azure"}, "policies": {"routing": choice}}
    )

    for refused in (
        lambda: bind("routing", "routing", choice),
        lambda: bind_all({"routing": choice}),
        lambda: bind_all(bundle.policies),
        lambda: prepare(scenario),
        lambda: check_policy("routing", "routing", choice),
    ):
        with pytest.raises(ConfigError, match=r"routing must be a policy's name; .* allow_python=true"):
            refused()

    assert HARMFUL not in sys.modules


def test_a_name_that_is_allowed_is_bound(harmful: str) -> None:
    assert bind("routing", "routing", harmful, allow_python=True).is_python
    assert bind_all({"routing": harmful}, allow_python=True)["routing"].name == harmful


def test_checking_an_allowed_name_imports_nothing(harmful: str) -> None:
    assert check_policy("routing", "routing", harmful, allow_python=True) == (harmful, {})
    assert HARMFUL not in sys.modules


def test_a_function_itself_is_a_policy() -> None:
    scenario = Scenario.from_mapping({"cluster": CLUSTER, "workload": {"kind": "azure"}, "policies": {"routing": last}})

    assert prepare(scenario).policies["routing"].decide is last
    assert complete_policy("routing", last) == {"policy": f"{__name__}:last"}


@pytest.mark.parametrize("name", [".x:f", "x:", ":f", ":", "a b:c", "x:f:g", "x:f()", "a-b:c"])
def test_a_name_that_no_function_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="routing must be 'module:function'; got "):
        bind("routing", "routing", name, allow_python=True)


@pytest.mark.parametrize("text", ["raise KeyError('x')", "1 +", "import nosuch_module_at_all", "x = 1"])
def test_a_module_that_fails_is_refused(text: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "failing_module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing_module", raising=False)

    with pytest.raises(ConfigError, match="with a module that can be imported; got 'failing_module:f'"):
        bind("routing", "routing", "failing_module:f", allow_python=True)


def test_a_function_of_another_signature_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must take the 5 arguments of route\(\)"):
        bind("routing", "routing", lambda view: 0)


class _Seen:
    """A router that keeps what it was shown."""

    def __init__(self) -> None:
        self.views: list[Any] = []

    def route(self, view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
        self.views.append((view, request, params))
        return len(self.views) % int(view.n_instances)


def started(policies: dict[str, Any], count: int = 12) -> Simulation:
    workload = {
        "kind": "distribution",
        "rate": 1e4,
        "num_requests": count,
        "prompt_tokens_max": 60,
        "prompt_tokens_mean": 40,
        "prompt_tokens_min": 2,
    }
    scenario = Scenario.from_mapping({"cluster": CLUSTER, "workload": workload, "policies": policies})
    return Simulation(scenario.requests(1), prepare(scenario))


def test_nothing_that_a_callable_sees_can_be_written_to() -> None:
    seen = _Seen()
    started({"routing": seen.route}).run()

    view, request, params = seen.views[0]
    arrays = [part for part in (*view, *request, params) if isinstance(part, np.ndarray)]

    assert len(arrays) > 15
    for array in arrays:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True


def test_a_callable_sees_what_has_happened_since_the_last_decision() -> None:
    routed: list[list[int]] = []

    def route(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
        routed.append(view.last_routed.tolist())
        return len(routed) % 2

    started({"routing": route}, count=4).run()

    assert routed == [[-1, -1], [-1, 0], [1, 0], [1, 2]]


def test_a_copy_shows_its_own_state() -> None:
    run = started({"routing": last, "admission": admit_while_fewer_than_three})
    run.stop_at_routing(2)
    run.advance(10**12)

    fork = run.fork()
    whole = started({"routing": last, "admission": admit_while_fewer_than_three}).run()

    for one in (fork, run):
        assert one.run().state.requests.status.tolist() == whole.state.requests.status.tolist()


def admit_while_fewer_than_three(view: Any, request: Any, params: Any, memory: Any) -> int:
    """Refuse while three requests are under way."""
    return int(view.in_flight_requests.sum() >= 3)
