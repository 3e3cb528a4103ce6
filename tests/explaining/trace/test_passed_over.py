"""Who a trace says was passed over is who looking at every waiting request finds."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("seed", [1, 2])
def test_looking_at_everyone_finds_the_same(seed):
    # Without the compiler the two can be asked at the same step of the same run.
    command = [sys.executable, "-m", "tests.explaining.trace.all_waiting", str(seed)]

    finished = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}
    )

    assert finished.returncode == 0, finished.stderr
    fitting, inverted, none = map(int, finished.stdout.split())
    assert min(fitting, inverted, none) > 50
