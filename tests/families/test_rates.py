"""What a member's cluster carries, against capacities that are known."""

from pathlib import Path

import pytest

from blis.capacity.quick import quick_rate
from blis.capacity.stability import probe
from blis.families.family import read_family
from tests.families.small_family import CAPACITY, RANGES, write_family


def test_a_members_rate_follows_its_instances(tmp_path: Path) -> None:
    family = read_family(write_family(tmp_path))

    for member in (family.member(number) for number in range(6)):
        expected = member.drawn["cluster.instances"] * CAPACITY
        assert member.saturation_rates[member.physics] == pytest.approx(expected, rel=0.07)


def test_a_members_load_is_a_factor_of_what_its_cluster_carries(tmp_path: Path) -> None:
    ranges = {key: RANGES[key] for key in ("load", "cluster.instances")}
    family = read_family(write_family(tmp_path, ranges=ranges))

    for member in (family.member(number) for number in range(6)):
        rate = member.mapping()["workload"]["rate"]
        utilisation = rate / (member.drawn["cluster.instances"] * CAPACITY)
        assert utilisation == pytest.approx(member.drawn["load"], rel=0.07)
        # below capacity all is completed, above it what the cluster carries
        assert probe(member, rate, 5000, (1,)).share == pytest.approx(min(1.0, 1.0 / utilisation), rel=0.04)


def test_a_rate_is_measured_when_it_is_asked_for_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measured(file: object, kind: str) -> float:
        asked.append(kind)
        return quick_rate(file, kind)  # type: ignore[arg-type]

    monkeypatch.setattr("blis.families.rates.quick_rate", measured)
    member = read_family(write_family(tmp_path, name="asked")).member(2)

    assert list(member.saturation_rates) == ["affine"]  # whose model nobody knows
    assert "affine" in member.saturation_rates
    assert asked == []
    assert member.saturation_rates["affine"] == member.saturation_rates["affine"]
    assert asked == ["affine"]
    with pytest.raises(KeyError):
        member.saturation_rates["silicon"]


def test_a_known_model_can_be_priced_otherwise() -> None:
    assert list(read_family("chat").member(1).saturation_rates) == ["silicon", "trained-physics", "roofline"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chat", "tiers", "thinkers", "mixed-fleet"])
def test_shipped_members_carry_about_what_was_measured_for_them(name: str) -> None:
    member = read_family(name).member(1)
    rate = member.saturation_rates[member.physics]

    assert probe(member, 0.8 * rate, 20_000, (1, 2)).share > 0.97
    assert probe(member, 1.2 * rate, 20_000, (1, 2)).share < 0.97
