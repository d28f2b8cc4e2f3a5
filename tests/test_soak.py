"""Short runs of `tests/soak.py` and `soak_jack.py` with every fault, and tests of what their checks notice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soak_jack
from jack_server import needs_jack
from soak_face import FAULTS
from soak_takes import FindingError, coded, positions, silences

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory, threads and files are read from /proc")


def test_a_minute_with_every_fault():
    ended = subprocess.run([sys.executable, Path(__file__).parent / "soak.py", "--minutes", "1", "--seed", "1", "--speed", "4"],
                           capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    wanted = [*FAULTS, *(["disk full"] if "no disk will be full" not in ended.stdout else [])]
    assert all(f"x {fault}" in ended.stdout for fault in wanted), ended.stdout


@needs_jack
def test_half_a_minute_on_a_jack_server_with_every_fault():
    ended = subprocess.run([sys.executable, Path(__file__).parent / "soak_jack.py", "--minutes", "0.5", "--seed", "1"],
                           capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(f"x {fault}" in ended.stdout for fault in soak_jack.FAULTS), ended.stdout


def test_every_sample_tells_its_position():
    """Also beyond the first channel's range, and after a gap."""
    sound = np.concatenate([coded(16_300, 200), np.zeros((2, 50), np.float32), coded(2**27, 10)], axis=1)
    at = positions(sound)
    assert at.tolist() == [*range(16_300, 16_500), *[-1] * 50, *range(2**27, 2**27 + 10)] and silences(at) == [(200, 250)]
    sound[0, 3] *= 1.0001
    with pytest.raises(FindingError, match="at sample 3"):
        positions(sound)
