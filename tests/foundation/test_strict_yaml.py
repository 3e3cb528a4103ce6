"""YAML has one door: whatever a text does to the parser, a `ConfigError` says where."""

import time
from pathlib import Path

import omegaconf._utils
import pytest
import yaml
from omegaconf import OmegaConf

from blis.command.composition import _bounded_yaml
from blis.foundation import strict_yaml
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import MOST_DEPTH, in_words, parse_yaml, read_yaml, with_line

BOMB = "\n".join(
    [f"a0: &a0 [{','.join(['lol'] * 10)}]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]
)
MERGE_BOMB = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 9))]
)

REFUSED = {
    "when: 2023-13-45": "month must be in 1..12",
    "when: 2023-01-01T99:00:00Z": "hour must be in 0..23",
    "n: 0x_": "is not a valid",
    "n: 0b_": "is not a valid",
    "n: !!int abc": "'abc' is not a valid",
    "n: !!int [1]": "",
    "n: !!float ''": "",
    "n: !!bool maybe": "'maybe' is not a valid",
    "n: !!timestamp abc": "'abc' is not a valid",
    "n: !!map 3": "expected a mapping node",
    "n: !!seq 3": "expected a sequence node",
    "n: !!set [a]": "expected a mapping node",
    "n: !!omap [a]": "",
    "n: !!binary é": "",
    "n: !!python/object/apply:os.getcwd []": "could not determine a constructor",
    "n: !unknown 3": "could not determine a constructor",
    "a: &a [*a]": "lies in what it stands for",
    "a: &a {b: {c: *a}}": "lies in what it stands for",
    "&a {b: *a}": "lies in what it stands for",
    "a: *nothing": "undefined alias",
    "a: {<<: 3}": "expected a mapping or list of mappings for merging",
    "? [a]\n: b": "a key must be a text",
    "a: 1\na: 2": "'a' is given twice",
    "a: \t- b": "",
    "a: b: c": "",
    "--- 1\n--- 2": "expected a single document",
    "%YAML 9.9\n--- 1": "",
    "a: \x00": "",
    "n: " + "9" * 5000: "must have at most 1000 characters",
    "n: 0x" + "f" * 5000: "must have at most 1000 characters",
    "n: 1" + ":59" * 200_000: "must have at most 1000 characters",
    "a: " + "[" * 5000: f"at most {MOST_DEPTH} deep",
    "a: " + "{b: " * 5000: f"at most {MOST_DEPTH} deep",
    "\n".join(" " * n + "a:" for n in range(200)): f"at most {MOST_DEPTH} deep",
    BOMB: "with every alias written out",
    MERGE_BOMB: "with every alias written out",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30])
def test_what_the_parser_cannot_take_is_refused_in_short(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"x\.yaml is not a valid YAML file") as refused:
        read_yaml(path)

    assert REFUSED[text] in str(refused.value)
    assert len(str(refused.value)) < 700 + len(str(path))


def test_a_text_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "MOST_VALUES", 1000)

    assert len(parse_yaml("[" + "1," * 999 + "]")) == 999
    with pytest.raises(yaml.YAMLError, match="at most 1000 values"):
        parse_yaml("[" + "1," * 1000 + "]")


@pytest.mark.parametrize("text", [BOMB, MERGE_BOMB])
def test_aliases_of_aliases_are_refused_at_once(text: str) -> None:
    started_s = time.perf_counter()

    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)

    assert time.perf_counter() - started_s < 1.0


def test_what_files_say_is_read() -> None:
    assert parse_yaml("a: &x {n: 1}\nb: *x\nc: {<<: *x, m: 2}") == {"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1, "m": 2}}
    assert parse_yaml("[" * MOST_DEPTH + "]" * MOST_DEPTH) is not None
    assert parse_yaml(f"text: {'x' * 100_000}")["text"] == "x" * 100_000
    assert parse_yaml("") is None


#: Some of these libyaml takes and PyYAML's own parser does not, or the other way round.
ODD = (
    "a:\t1\nb: 2",
    "a:\n  \t b: 1",
    "{a: 1, b?c: 2}",
    "[a?, ?b]",
    "a: |#\n  text\n",
    "a: >-\n  text\n  more\n",
    "{a:b, c: d}",
    "[a:b]",
    "{a: b:c}",
    "a: 'b\n  c'",
    'a: "\\x41\\u00b5"',
    "--- \na: 1\n...\n",
    "a: &x [1, 2]\nb: *x",
    "a: *x",
    "a: µs\nb: é",
    "a: 1\n b: 2",
    "a: [1, 2\nb: 3",
    "\ufeffa: 1",
    "a: 012\nb: 0o12\nc: 1e3\nd: .5\ne: 1_000\nf: yes\ng: ~",
)


@pytest.mark.parametrize("text", [*ODD, *REFUSED, *(path.read_text() for path in conf_folder().rglob("*.yaml"))])
def test_a_text_means_the_same_with_and_without_libyaml(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome() -> str:
        try:
            return repr(parse_yaml(text))
        except yaml.YAMLError as error:
            return in_words(error)

    found = outcome()
    monkeypatch.setattr(strict_yaml, "_quick_loader", lambda: None)

    assert found == outcome()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    (tmp_path / "damaged.yaml.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffdamaged")
    for name in ("bytes.yaml", "damaged.yaml.gz", "nosuch.yaml", "x" * 300):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_yaml(tmp_path / name)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]", "n: 0x_", "a: " + "[" * 5000])
def test_files_that_hydra_composes_come_through_the_same_bounds(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    before = omegaconf._utils.get_yaml_loader

    with _bounded_yaml(), pytest.raises(yaml.YAMLError):
        OmegaConf.load(path)

    assert omegaconf._utils.get_yaml_loader is before


def test_an_error_gets_the_line_of_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a:\n  - b: 1\n  - c: 2\n")

    assert str(with_line(path, ConfigError(f"{path}.a[1].c must be 3"))) == f"{path}.a[1].c must be 3 (line 3)"

    path.write_text("a: [")
    error = ConfigError(f"{path} is not a valid YAML file")
    assert with_line(path, error) is error
