"""Spoils what works: values in documents, texts as bytes, folders as trees."""

import copy
import gzip
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import yaml

_MARK = "spoiled-value-here"

#: Values that are wrong in most places, as texts that YAML, JSON and command lines read in their own ways.
WRONG = (
    *("null", "true", "false", '""', '"abc"', "[]", "{}", "[[]]", "{a: 1}", "[1, 2, 3]", '"1"', "'~'"),
    *("-1", "0", "1.5", "-0.0", "1e308", "-1e308", "1e-320", ".nan", "nan", ".inf", "-.inf", "inf", "Infinity", "NaN"),
    *(str(2**63), str(-(2**63) - 1), str(2**64), str(10**30), "9" * 400, "9" * 5000, "-" + "9" * 400, "1" + "0" * 310),
    *("0x" + "f" * 300, "0x" + "f" * 5000, "0b" + "1" * 3000, "1e400", "1e-400", "1_000", "0o17", "0x_", "1:30:00"),
    *("2023-13-45", "2023-01-01", "2023-01-01T99:99:99Z", "0000-00-00", "???", "${nothing}", "${oc.env:HOME}"),
    *("${", "a" * 300, "a" * 5000, "a/" * 200, "/", ".", "..", "/dev/null", "/dev/zero", "/proc/self/mem"),
    *("nosuch.csv", "~", "~nobody/x", "./", ".x:f", "os:getcwd", "a:b", ":", "é", "日本", "\u202e", "\x1b[31m"),
    *("1,2", "a=b", "key: value", "- x", "choice(1,2)", "range(1,5)", "glob(*)", "!!int abc", "!!float x"),
)
#: What only YAML reads, with what goes wrong in it.
YAML_TRICKS = (
    *(
        "!!timestamp abc",
        "!!binary 'a'",
        "!!int [1]",
        "!!map 3",
        "!!seq 3",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!null x",
    ),
    *("!!bool maybe", "!!float ''", "!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!unknown 3"),
    *("&a [*a]", "&a {x: *a}", "*nothing", "{<<: 3}", "{<<: [1]}", "{? [a]: b}", "{a: 1, a: 2}", "{1: 2}", "{null: 1}"),
    *("{2023-01-01: 1}", "{.nan: 1}", "[" * 200 + "]" * 200, "{a: " * 200 + "1" + "}" * 200, "[" * 3000, "@x", "`x`"),
    *("%x", "|", ">", "'", '"', "\t", "a: b: c", "--- 1\n--- 2", "1:" + ":".join(["1"] * 3000), "0b_", "._", "!!str"),
    "[&a [1,1,1,1,1,1,1,1,1,1], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b], "
    "&d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c], &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d], &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e], "
    "&g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f], [*g,*g,*g,*g,*g,*g,*g,*g,*g,*g]]",
)
#: The same for JSON.
JSON_TRICKS = (
    "[" * 100_000,
    "{",
    "'a'",
    "tru",
    "1.",
    "01",
    '"\\ud800"',
    '"\\u0000"',
    "-",
    "1e999",
    "[1,]",
    '{"a":1,"a":2}',
)


def spoiled_document(draw: random.Random, text: str, is_json: bool) -> str:
    """The text of a YAML or JSON document with one to three places changed."""
    document = json.loads(text) if is_json else yaml.safe_load(text)
    tricks = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        document = _changed(draw, document, tricks)
    found = json.dumps(document) if is_json or draw.random() < 0.5 else yaml.safe_dump(document, sort_keys=False)
    for place, trick in enumerate(tricks):
        for quoted in (f'"{_MARK}{place}"', f"'{_MARK}{place}'", f"{_MARK}{place}"):
            found = found.replace(quoted, trick)
    return found


def _changed(draw: random.Random, document: Any, tricks: list[str]) -> Any:
    """A copy with one place replaced, removed, added, renamed or doubled."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return _new_value(draw, tricks)
    parent, key = draw.choice(places)
    action = draw.random()
    if action < 0.7:
        parent[key] = _new_value(draw, tricks)
    elif action < 0.8:
        del parent[key]
    elif isinstance(parent, dict):
        name = draw.choice((str(key) + "s", str(key).upper(), "", "a" * 300, "1", "$", "unknown", "__class__", "null"))
        parent[name] = parent.pop(key) if action < 0.9 else parent[key]
    else:
        parent.append(copy.deepcopy(parent[key]))
    return document


def _places(value: Any) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(inner):
        yield value, key
        yield from _places(part)


def _new_value(draw: random.Random, tricks: list[str]) -> Any:
    tricks.append(draw.choice(WRONG if draw.random() < 0.6 else (*YAML_TRICKS, *JSON_TRICKS)))
    return f"{_MARK}{len(tricks) - 1}"


def spoiled_rows(draw: random.Random, text: str, separator: str) -> str:
    """The text of a table with a cell, a column or a row changed."""
    rows = [line.split(separator) for line in text.splitlines()]
    row = draw.randrange(len(rows))
    column = draw.randrange(max(1, len(rows[row])))
    action = draw.choice(
        ("cell", "cell", "cell", "cell", "drop column", "double column", "ragged", "quote", "drop row")
    )
    if action == "cell":
        rows[row][column : column + 1] = [draw.choice(WRONG).replace("\n", " ")]
    elif action == "drop column":
        rows = [one[:column] + one[column + 1 :] for one in rows]
    elif action == "double column":
        rows = [[*one, *one[column : column + 1]] for one in rows]
    elif action == "ragged":
        rows[row].append("1")
    elif action == "quote":
        rows[row][column : column + 1] = ['"']
    else:
        del rows[row]
    return "\n".join(separator.join(one) for one in rows) + "\n"


def spoiled_lines(draw: random.Random, text: str) -> str:
    """The text of JSON lines with one of them changed."""
    lines = text.splitlines()
    at = draw.randrange(len(lines))
    lines[at] = spoiled_document(draw, lines[at], is_json=True)
    return "\n".join(lines) + "\n"


def spoiled_bytes(draw: random.Random, data: bytes) -> bytes:
    """Any file, damaged without regard to what it holds."""
    at = draw.randrange(len(data) + 1)
    return draw.choice(
        (
            lambda: b"",
            lambda: data[:at],
            lambda: data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :],
            lambda: data[:at] + b"\x00" + data[at:],
            lambda: data[:at] + b"\xff\xfe" + data[at:],
            lambda: b"\xef\xbb\xbf" + data,
            lambda: data.decode("utf-8", "replace").encode("utf-16"),
            lambda: data.replace(b"\n", b"\r\n"),
            lambda: data.replace(b"\n", b"\r"),
            lambda: data + data,
            lambda: data[:at] + data[at + draw.randrange(1, 40) :],
            lambda: draw.randbytes(200),
            lambda: b" " * 1000,
            lambda: b"\n" * 1000,
            lambda: data.replace(b" ", b"\t"),
            lambda: gzip.compress(data),
        )
    )()


def spoil_file(draw: random.Random, path: Path) -> None:
    """Spoil a file in its own language, or as bytes."""
    data = path.read_bytes()
    is_packed = path.suffix == ".gz"
    inner = gzip.decompress(data) if is_packed else data
    name = path.name.removesuffix(".gz")
    if draw.random() < 0.75 and name.endswith((".yaml", ".yml", ".json", ".csv", ".jsonl")):
        text = inner.decode()
        if name.endswith(".csv"):
            text = spoiled_rows(draw, text, ",")
        elif name.endswith(".jsonl"):
            text = spoiled_lines(draw, text)
        else:
            text = spoiled_document(draw, text, name.endswith(".json"))
        inner = text.encode("utf-8", "surrogatepass")
        path.write_bytes(gzip.compress(inner) if is_packed else inner)
    elif is_packed and draw.random() < 0.5:
        path.write_bytes(gzip.compress(spoiled_bytes(draw, inner)))
    else:
        path.write_bytes(spoiled_bytes(draw, data))


def spoil_folder(draw: random.Random, folder: Path) -> None:
    """Spoil one file in a folder, or the folder's shape."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    path = draw.choice(files)
    action = draw.random()
    if action < 0.7:
        spoil_file(draw, path)
    elif action < 0.8:
        path.unlink()
    elif action < 0.84:
        path.unlink()
        path.mkdir()
    elif action < 0.88:
        path.unlink()
        os.symlink(path.name, path)
    elif action < 0.92:
        path.unlink()
        os.symlink("/dev/null", path)
    elif action < 0.96:
        other = draw.choice(files)
        if other != path:
            shutil.copyfile(other, path)
    else:
        path.rename(path.with_name(path.name + ".gz"))
