"""Live mosaics: `rtsep render` and `live`, and on a device to the bit what is rendered."""

import json

import numpy as np
import pytest
import soundfile
from conftest import ON, band, midi
from mosaics import RATE, melody, mosaic_of, remake
from native_callback import call, warmed

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player

# --- rtsep render -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(rng, tmp_path):
    soundfile.write(tmp_path / "target.wav", band(rng, 20000, 2).T, 44100, "FLOAT")
    soundfile.write(tmp_path / "violin.wav", melody(rng)[0], 44100, "FLOAT")
    return tmp_path


def render(folder, *options):
    return main(["render", str(folder / "target.wav"), "--mosaic", str(folder / "violin.wav"), "--out", str(folder / "out"),
                 *options])


def test_render_writes_a_mosaic(files, capsys):
    assert render(files, "--set", "wet=0.5") == 0
    report = json.loads((files / "out" / "report.json").read_text())
    assert [stem["name"] for stem in report["stems"]] == ["mosaic", "dry", "mixdown"]
    assert report["preset"] == "violin" and report["mosaic"]["source"] == "violin" and report["latency_samples"] == 512
    remade, dry, mix = (soundfile.read(files / "out" / f"{name}.wav")[0] for name in ("mosaic", "dry", "mixdown"))
    target = soundfile.read(files / "target.wav")[0]
    assert np.array_equal(dry, target) and remade.shape == target.shape and np.abs(remade).max() > 0.01
    assert np.allclose(mix, 0.5 * (remade + dry), atol=1e-6)
    assert "Made from violin" in capsys.readouterr().out


@pytest.mark.parametrize("options, told", [
    (("--preset", "piano"), "--preset does not go"), (("--by", "split"), "--by does not go"), (("--picture",), "--picture"),
    (("--mode", "all"), "--mode all"), (("--mode", "instant"), "instant"), (("--group", "a=C4"), "--group"),
    (("--mosaic", "nowhere.wav"), "nowhere.wav")])
def test_render_refuses(files, options, told, capsys):
    assert render(files, *options) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert not (files / "out").exists()


def test_live_refuses(capsys):
    from rtsep.hosts.live_job import LiveJob, mosaic_engine

    with pytest.raises(RtsepError, match="--preset does not go"):
        mosaic_engine(LiveJob(presets=("piano",)), None, {})


# --- on a device ------------------------------------------------------------------------------------------------------


@pytest.fixture
def player(rng, tmp_path):
    mosaic = mosaic_of(melody(rng, note=20000), {}, max_block=CAPACITY)
    watch = NoteWatch(None, frozenset(mosaic.row_pitch.tolist()))
    return Player(mosaic, warmed(mosaic, [(MIX, 0), (0, 0), (1, 0)]), Controls(tmp_path / "controls.json"), watch, 1)


def test_live_is_what_is_rendered(player, rng):
    """Through the lanes of a device, to the bit: mix, mosaic and dry on outputs of their own."""
    sound, heard = band(rng, 6400), []
    offline = player.separator.again({})
    offline.prepare(RATE, 1, 4096)
    remade, dry, _ = remake(offline, sound, midi((0, ON, 64, 90)), (64,))
    player.receive(0, 0, (0x90, 64, 90))
    for begin in range(0, 6400, 64):
        heard.append(call(player.lanes, sound[:, begin : begin + 64]).copy())
    heard = np.concatenate(heard, axis=1)
    late = slice(player.separator.latency + 2000, None)
    assert np.abs(remade[:, late]).max() > 0.01
    assert np.array_equal(heard[1][late], remade[0][late]) and np.array_equal(heard[2][late], dry[0][late])
    assert np.allclose(heard[0], heard[1], atol=1e-7), "all wet"


def test_a_player_has_knobs_but_no_presets(player):
    assert player.preset_name == player.preset_of("dry") == "small"
    player.set("mosaic_polyphony", 3)
    player.gain("dry", -6)
    call(player.lanes, np.zeros((1, 64), np.float32))
    assert player.lanes.arrived and player.value("mosaic_polyphony") == 3
    player.set("latency_samples", 128)
    assert player.separator.latency == 128 and player.value("gain_db.dry") == -6 and "128" in player.said.text
    with pytest.raises(RtsepError, match="a mosaic plays its source, small"):
        player.use_preset("piano")
