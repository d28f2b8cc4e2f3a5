"""`rtsep plugin` as LV2: in jalv on a JACK server, in DawDreamer, and as lilv reads it; and what the command refuses."""

import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, band, make_preset, play, prepared
from jack_server import jack_server, needs_jack  # noqa: F401
from plugin_core import PITCHES, notes_of, own_processor
from test_jack import RATE, Tape

from rtsep.cli import main
from rtsep.notes.routing import by_split
from rtsep.presets.preset import load_preset, save_preset

needs_jalv = pytest.mark.skipif(not shutil.which("jalv"), reason="jalv is not installed (apt install jalv)")
needs_headers = pytest.mark.skipif(subprocess.run(["cc", "-E", "-include", "lv2/core/lv2.h", "-xc", "/dev/null"],
                                                  capture_output=True).returncode != 0 if shutil.which("cc") else True,
                                   reason="no C compiler, or LV2's headers are missing (apt install lv2-dev)")
WATCHDOG_S = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A folder of plug-ins with one plug-in, made of keys.npz and split at C4."""
    folder = tmp_path_factory.mktemp("lv2") / "made"
    save_preset(make_preset(PITCHES, rows=1, rate=RATE), folder.parent / "keys.npz")
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    with own_processor():
        assert main(["plugin", "-o", str(folder), "--name", "Keys", "--preset", str(folder.parent / "keys.npz"),
                     "--rates", str(RATE), "--format", "lv2", *options]) == 0
    return folder


def connected(client, begin, end):
    """Connect the ports if they are not connected; returns whether they are. Only active clients can be connected."""
    try:
        there = client.get_port_by_name(begin)
        client.get_port_by_name(end)
        if not any(port.name == end for port in client.get_all_connections(there)):
            client.connect(begin, end)
    except Exception:  # Errors of JACK; their class can be missing together with the package.
        threading.Event().wait(0.01)
        return False
    return True


@contextmanager
def jalv_playing(server, bundle, tape, names):
    """jalv with the plug-in in freewheel, its outputs `names` connected to the tape, which begins to play; the process."""
    jalv = subprocess.Popen(["jalv", "-x", "-n", "keys", "urn:rtsep:keys"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env={**server.environment, "LV2_PATH": str(bundle)}, text=True)
    try:
        with tape.client:
            wires = {"tape:out_1": "keys:in_left", "tape:out_2": "keys:in_right", "tape:midi": "keys:midi"}
            wires |= {f"keys:{name}": f"tape:in_{number + 1}" for number, name in enumerate(names)}
            while not all(connected(tape.client, *wire) for wire in wires.items()):
                assert jalv.poll() is None, jalv.stdout.read()
            tape.client.set_freewheel(True)
            tape.playing.set()
            yield jalv
            tape.client.set_freewheel(False)
    finally:
        jalv.kill()
        jalv.communicate()


@needs_headers
@needs_jalv
@needs_jack
def test_jalv_plays_what_the_engine_plays(jack_server, bundle, rng):  # noqa: F811
    length = 2 * RATE
    sound, notes = band(rng, length, 2, RATE), notes_of(rng, length)
    names = [f"{stem}_{side}" for stem in ("mix", "low", "high", "residual") for side in ("left", "right")]
    tape = Tape(sound, notes, len(names))
    with jalv_playing(jack_server, bundle, tape, names):
        assert tape.ended.wait(WATCHDOG_S)
    heard = np.concatenate(tape.recorded, axis=1)
    separator = prepared(load_preset(bundle.parent / "keys.npz"), by_split(None, 60), SMALL, 2, rate=RATE)
    stems, mix = play(separator, sound, notes, (128,))
    expected = np.concatenate([mix, stems.reshape(-1, stems.shape[2])])
    late = next(at for at in range(0, 1024, 128) if np.array_equal(heard[:, at : at + RATE], expected[:, :RATE]))
    whole = min(heard.shape[1] - late, length)
    assert np.array_equal(heard[:, late : late + whole], expected[:, :whole])
    assert whole > 0.99 * length and np.abs(expected[2:6]).max() > 0.01


@needs_headers
@pytest.mark.skipif(not shutil.which("nm"), reason="binutils are not installed")
def test_the_binary_exports_only_its_entry(bundle):
    binary = bundle / "keys.lv2" / "rtsep.so"
    named = subprocess.run(["nm", "-D", binary], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[-1] for line in named if " T " in line] == ["lv2_lib_descriptor"]
    wanted = {line.split()[-1].partition("@")[0] for line in named if " U " in line}
    assert not [name for name in wanted if name.startswith(("Py", "_Py", "NRT", "numba", "rtsep"))], wanted


# --- what hosts and people see ----------------------------------------------------------------------------------------


@needs_headers
@pytest.mark.skipif(not shutil.which("lv2info"), reason="lilv's tools are not installed (apt install lilv-utils)")
def test_lilv_knows_its_ports(bundle):
    told = subprocess.run(["lv2info", "urn:rtsep:keys"], capture_output=True, text=True,
                          env={**os.environ, "LV2_PATH": str(bundle)})
    assert "error" not in told.stderr and "reported by port 11" in told.stdout, told
    for words in ("Name:              Keys", "Symbol:      mix_left", "Symbol:      low_right", "Symbol:      residual_left",
                  "Name:        Gain low (dB)", "Symbol:      enabled", "Symbol:      split", "Default:     60.000000"):
        assert words in told.stdout, words


@needs_headers
@pytest.mark.skipif(not shutil.which("sord_validate"), reason="sord_validate is not installed (apt install sordi)")
def test_its_description_is_valid(tmp_path, monkeypatch):
    """Also with several presets, and with a name that needs escapes."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("keys", 1), ("soft", 2)):
        save_preset(make_preset(PITCHES, rows=1, seed=seed), tmp_path / f"{name}.npz")
    assert main(["plugin", "-o", "made", "--name", 'Kl\u00e4ng "A" \\ b', "--preset", "keys.npz", "--preset", "soft.npz",
                 "--mono", "--rates", "44100", "--format", "lv2",
                 *(f"--set={name}={value}" for name, value in SMALL.items())]) == 0
    files = [*tmp_path.glob("made/*/*.ttl"), *Path("/usr/lib/lv2").rglob("*.ttl")]
    told = subprocess.run(["sord_validate", *files], capture_output=True, text=True)
    assert "Found 0 errors" in told.stdout + told.stderr, told


@needs_headers
def test_it_is_installed_replaced_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    save_preset(make_preset(PITCHES, rows=1), tmp_path / "keys.npz")
    words = ["plugin", "--install", "--preset", str(tmp_path / "keys.npz"), "--rates", "44100", "--format", "lv2",
             *(f"--set={name}={value}" for name, value in SMALL.items())]
    made = tmp_path / ".lv2" / "keys-split.lv2"
    assert main(words) == 0 and f"made: {made}" in capsys.readouterr().out
    before = sorted(path.name for path in made.iterdir())
    assert before == ["0-44100.plan", "bundle.txt", "manifest.ttl", "plugin.ttl", "presets.ttl", "rtsep.so"]
    assert main(words) == 2 and f"{made} is there already: give --overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0 and sorted(path.name for path in made.iterdir()) == before
    assert sorted(path.name for path in made.parent.iterdir()) == ["keys-split.lv2"]
    (made.parent / "other.lv2").mkdir()
    assert main([*words, "--name", "Other"]) == 2 and "no plug-in of rtsep: choose another --name" in capsys.readouterr().err
    assert main(["plugin", "--remove", "other"]) == 2 and "there are: keys-split" in capsys.readouterr().err
    assert main(["plugin", "--remove", "Keys Split"]) == 0 and f"removed: {made}" in capsys.readouterr().out
    assert [path.name for path in made.parent.iterdir()] == ["other.lv2"]


@pytest.mark.parametrize("words, told", [
    ((), "a place to write to: give -o DIR"), (("-o", "x", "--rates", "fast"), "--rates fast: give whole numbers"),
    (("-o", "x", "--format", "vst3"), "--format vst3: allowed are lv2 and clap"),
    (("-o", "x", "--by", "channel"), "--by channel needs the channels"),
    (("-o", "x", "--by", "hands", "--split", "C3"), "--split and --by hands do not go together"),
    (("-o", "x", "--preset", "piano", "--preset", "piano"), "give each preset once"),
    (("-o", "x", "--preset", "pinao"), "pinao"), (("-o", "x", "--name", "a" * 70), "is no name for a host"),
    (("-o", "x", "--rates", "8000", "--mode", "quality", "--set", "window_samples=3"), "window_samples")])
def test_what_cannot_be_made_is_refused(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert told in error[-1] and "Traceback" not in error and not list(tmp_path.rglob("*.plan"))
