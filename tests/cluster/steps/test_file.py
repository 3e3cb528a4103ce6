"""Tables as files: what is written is read again, and what is damaged is refused by its line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blis.cluster.steps.file import read_table, written
from blis.cluster.steps.table import PARTS, rising
from blis.foundation.errors import ConfigError
from tests.cluster.steps.small_table import DEPLOYED, small_table


def saved(folder: Path, change: Callable[[str], str] = str) -> Path:
    path = folder / "table.csv"
    path.write_text(change(written(small_table())))
    return path


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path))
    assert table.deployed == DEPLOYED
    assert (table.source, table.measured) == ("invented", small_table().measured)
    for part in PARTS:
        np.testing.assert_allclose(getattr(table, part), getattr(small_table(), part), rtol=1e-4)


def test_reading_and_writing_again_changes_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert written(read_table(path)) == path.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "must begin with '# format: blis step prices 1'"),
        (lambda text: "a,b\n1,2\n", "must begin with '# format"),
        (lambda text: text.replace("step prices 1", "step prices 9"), "must begin with '# format"),
        (lambda text: text[: len(text) // 2].rsplit("\n", 1)[0] + "\n", "Is it cut off?"),
        (lambda text: text.replace("# engine: vllm\n", ""), "key 'engine' is required"),
        (lambda text: text.replace("# engine: vllm\n", "# engine: vllm\n# engine: vllm\n"), "line 7: key 'engine'"),
        (lambda text: text.replace("# engine: vllm\n", "# motor: vllm\n"), "unknown key 'motor'"),
        (lambda text: text.replace("# engine: vllm\n", "# engine\n"), "line 6: must be '# key: value'"),
        (lambda text: text.replace("parallel: 1", "parallel: none"), "tensor_parallel must be an int ≥ 1"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,nan"), "line 13, column 3: must be a finite number ≥ 0"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,-5"), "line 13, column 3: must be a finite number ≥ 0"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,five"), "line 13, column 3: must be a finite number ≥ 0"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,9999"), "line 14: must not be below the row before"),
        (lambda text: text.replace("mixed,1,5010", "mixed,2,5010"), "line 13: mixed must have knot 1 here"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,5010,5011"), "line 13: must have 1 prices; got 2"),
        (lambda text: text.replace("mixed,1,5010", "other,1,5010"), "line 13: the first column must be one of mixed"),
        (lambda text: text.replace("mixed,1,5010", "mixed,1,1"), "mixed must nowhere be below decode"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(saved(tmp_path, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_dips_are_levelled_up_as_much_as_down() -> None:
    assert rising(np.array([1.0, 5.0, 3.0, 4.0, 6.0])).tolist() == [1.0, 4.0, 4.0, 4.5, 6.0]
    level = rising(np.array([[3.0, 1.0], [2.0, 4.0]]))
    assert np.all(np.diff(level, axis=0) >= 0)
    assert np.all(np.diff(level, axis=1) >= 0)
