"""`rtsep plugin` as LV2: in jalv on a JACK server, in DawDreamer, and as lilv reads it; and what the command refuses."""

import shutil
import subprocess
import threading

import numpy as np
import pytest
from conftest import SMALL, band, make_preset, midi, play, prepared
from jack_server import jack_server, needs_jack  # noqa: F401
from test_jack import RATE, Tape

from rtsep.cli import main
from rtsep.notes.routing import by_split
from rtsep.presets.preset import load_preset, save_preset

PITCHES = [48, 55, 64, 72]
needs_jalv = pytest.mark.skipif(not shutil.which("jalv"), reason="jalv is not installed (apt install jalv)")
needs_headers = pytest.mark.skipif(subprocess.run(["cc", "-E", "-include", "lv2/core/lv2.h", "-xc", "/dev/null"],
                                                  capture_output=True).returncode != 0 if shutil.which("cc") else True,
                                   reason="no C compiler, or LV2's headers are missing (apt install lv2-dev)")
WATCHDOG_S = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The folder of plug-ins, in which lies one of keys.npz, split at C4."""
    folder = tmp_path_factory.mktemp("lv2")
    save_preset(make_preset(PITCHES, rows=1, rate=RATE), folder / "keys.npz")
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    assert main(["plugin", "-o", str(folder), "--name", "Keys", "--preset", str(folder / "keys.npz"), "--rates", str(RATE),
                 "--format", "lv2", *options]) == 0
    return folder


def notes_of(rng, length):
    events = []
    for at in np.sort(rng.integers(0, length - 4000, 60)):
        pitch = int(rng.choice(PITCHES))
        events += [(int(at), 0x90, pitch, int(rng.integers(20, 127)), 0), (int(at + rng.integers(200, 4000)), 0x80, pitch, 0, 0)]
    return midi(*sorted(events))


def connected(client, begin, end):
    """Whether the ports are connected; else it is tried: a client can be connected once it has become active."""
    try:
        there = client.get_port_by_name(begin)
        client.get_port_by_name(end)
        if not any(port.name == end for port in client.get_all_connections(there)):
            client.connect(begin, end)
    except Exception:  # JACK's own errors, whose class may be missing with the package.
        threading.Event().wait(0.01)
        return False
    return True


@needs_headers
@needs_jalv
@needs_jack
def test_jalv_plays_what_the_engine_plays(jack_server, bundle, rng):  # noqa: F811
    length = 2 * RATE
    sound, notes = band(rng, length, 2, RATE), notes_of(rng, length)
    names = ["mix_left", "mix_right", *(f"{stem}_{side}" for stem in ("low", "high", "residual") for side in ("left", "right"))]
    tape = Tape(sound, notes, len(names))
    jalv = subprocess.Popen(["jalv", "-x", "-n", "keys", "urn:rtsep:keys"], env={**jack_server.environment, "LV2_PATH": str(bundle)},
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with tape.client:
            wires = {f"tape:out_{c + 1}": f"keys:in_{side}" for c, side in enumerate(("left", "right"))} | {"tape:midi": "keys:midi"}
            wires |= {f"keys:{name}": f"tape:in_{number + 1}" for number, name in enumerate(names)}
            while not all(connected(tape.client, *wire) for wire in wires.items()):
                assert jalv.poll() is None, jalv.stdout.read()
            tape.client.set_freewheel(True)
            tape.playing.set()
            assert tape.ended.wait(WATCHDOG_S)
            tape.client.set_freewheel(False)
    finally:
        jalv.kill()
        jalv.communicate()
    heard = np.concatenate(tape.recorded, axis=1)
    separator = prepared(load_preset(bundle / "keys.npz"), by_split(None, 60), SMALL, 2, rate=RATE)
    stems, mix = play(separator, sound, notes, (128,))
    expected = np.concatenate([mix, stems.reshape(-1, stems.shape[2])])
    late = next(at for at in range(0, 1024, 128) if np.array_equal(heard[:, at : at + RATE], expected[:, :RATE]))
    whole = min(heard.shape[1] - late, length)
    assert np.array_equal(heard[:, late : late + whole], expected[:, :whole])
    assert whole > 0.99 * length and np.abs(expected[2:6]).max() > 0.01
