"""Files that are damaged, too large or not to be written are named in the error, and nothing is left half-written."""

import gzip
from pathlib import Path

import pytest

from blis.foundation import files
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, is_file, read_json, read_text, text_lines, write_text_whole, write_whole


def test_a_damaged_packed_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"a line\n" * 10_000)
    damaged = {
        "cut": whole[:-30],
        "flipped": whole[:20] + bytes([whole[20] ^ 0xFF]) + whole[21:],
        "plain": b"not packed\n",
        "empty": b"\x1f\x8b",
    }
    for name, data in damaged.items():
        path = tmp_path / f"{name}.txt.gz"
        path.write_bytes(data)
        with pytest.raises(ConfigError, match=rf"{name}\.txt\.gz cannot be read: "):
            read_text(path)
        with pytest.raises(ConfigError, match=rf"{name}\.txt\.gz cannot be read: "):
            list(text_lines(path))


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml.gz"
    path.write_bytes(gzip.compress(b"x" * 50_000))

    with pytest.raises(ConfigError, match="must have at most 1000 characters to be read whole"):
        read_text(path, 1000)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    path = tmp_path / "log.jsonl"
    path.write_text("short\n\n" + "x" * 200 + "\n")

    with pytest.raises(ConfigError, match="line 3: must have fewer than 100 characters"):
        list(text_lines(path))


def test_lines_have_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("one\n\n \t\ntwo")

    assert list(text_lines(path)) == [(1, "one\n"), (4, "two")]


@pytest.mark.parametrize(
    ("text", "why"), [("[1]", "object; got list"), ("{", "error"), ("[" * 10**5, "error"), ("", "")]
)
def test_json_that_is_no_object_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"x\.json must be (a )?JSON") as refused:
        read_json(path)
    assert why in str(refused.value)


def test_a_whole_number_of_5000_digits_in_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"n": ' + "9" * 5000 + "}")

    with pytest.raises(ConfigError, match=r"x\.json must be JSON"):
        read_json(path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        is_file(Path("x" * 300))
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        check_path("policies", "x" * 300)
    with pytest.raises(ConfigError, match="there is none at"):
        check_path("policies", "a\x00b")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_text_whole("output", path, "first")

    def fills_the_disk(aside: Path) -> None:
        aside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigError, match=r"output: '.*page\.html' cannot be written: No space left on device"):
        write_whole("output", path, fills_the_disk)

    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"output: '.*nosuch/x' cannot be written: No such file or directory"):
        write_text_whole("output", tmp_path / "nosuch" / "x", "text")
