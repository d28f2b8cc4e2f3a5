"""Live mosaics: the kernels against their twin, and what a player may rely on."""

import json

import numpy as np
import pytest
import soundfile
from conftest import CONTROL, HEAP_SLACK, OFF, ON, PITCHES, SMALL, band, in_blocks, midi, process_from
from reference_grains import Remade, frames_of
from test_lanes import call, warmed

from rtsep.cli import main
from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.grains import source as sources
from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source, load_source
from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player

RATE = 44100.0
SIZES = {name: SMALL[name] for name in ("window_samples", "latency_samples", "hop_samples")}
UNGATED = {**SIZES, "gate": False}


def melody(rng, pitches=PITCHES, note=6000, channels=1):
    """Notes one after the other, each a chord of partials that fades, float32 [channel, sample]."""
    notes = []
    for pitch in pitches:
        time = np.arange(note) / RATE
        tone = sum(np.sin(2 * np.pi * n * 440 * 2 ** ((pitch - 69) / 12) * time + rng.uniform(0, 6)) / n for n in range(1, 7))
        notes.append(0.2 * tone * np.exp(-6 * time))
    sound = np.concatenate(notes)[None] * np.linspace(1, 0.5, channels)[:, None]
    return (sound + 1e-4 * rng.standard_normal(sound.shape)).astype(np.float32)


def mosaic_of(samples, params=None, channels=1, max_block=4096):
    mosaic = Mosaic(Source("small", samples, RATE), UNGATED if params is None else params)
    mosaic.prepare(RATE, channels, max_block)
    return mosaic


def remake(mosaic, sound, events=None, sizes=(512,)):
    """Both stems [channel, sample] and the mix of the whole sound, block by block."""
    stems, mix = [], []
    for begin, end in in_blocks(sound.shape[1], sizes):
        output = process_from(mosaic, sound, events, begin, end)
        stems.append(output.stems.copy())
        mix.append(output.mix.copy())
    stems = np.concatenate(stems, axis=2)
    return stems[0], stems[1], np.concatenate(mix, axis=1)


def twin_of(mosaic):
    """The specification, with the numbers that the mosaic was designed with."""
    record, plan = mosaic._grains.record[0], mosaic.prepared.plan.values
    arrays = mosaic._grains.heard.arrays
    level = arrays["level"].astype(float)
    loudness = np.where(level > 0, 1 / np.where(level > 0, level, 1), 0)
    return Remade(
        arrays["sound"][:, plan["overlap"] :].astype(float), arrays["W"][:, : plan["bins"]].astype(float), loudness,
        arrays["first_bin"], plan["window_size"], plan["overlap"], plan["hop"], int(record["spacing"]), int(record["parts"]),
        plan["iterations"], int(record["polyphony"]), int(record["candidates"]), float(record["continuity"]),
        int(record["repetition"]), np.ones(len(level), bool))


def copy_state(mosaic, twin):
    """So that roundings do not add up: the twin goes on from where the kernels are."""
    state = mosaic._grains.state
    heads, found = state["counts"][0], state["counts"][1]
    twin.heads = list(zip(state["place"][:heads].tolist(), state["share"][:heads].astype(float), strict=True))
    twin.found, twin.heard = state["found"][:found].tolist(), state["heard"].astype(np.int64)


@pytest.fixture(params=[{}, {"mosaic_polyphony": 3, "mosaic_continuity": 1},
                        {"mosaic_repetition_ms": 0, "mosaic_iterations": 5},
                        {"mosaic_candidates": 4, "latency_samples": 128}, {"mode": "quality", "latency_samples": 0}], ids=str)
def setting(request):
    return {**UNGATED, **request.param}


# --- the kernels and their twin ---------------------------------------------------------------------------------------


def walk(mosaic, twin, sound):
    """Give (end, V, begin) of every frame: the kernels have played up to `begin`, where all but the frame itself is done."""
    size, done = mosaic.framing, 0
    for end, V in frames_of(sound, size.window_size, size.overlap, size.hop):
        begin = end - size.hop // 4
        output = mosaic.process(sound[:, done:begin]).stems[0].copy()
        copy_state(mosaic, twin)
        yield end, V, np.concatenate([output, mosaic.process(sound[:, begin:end]).stems[0]], axis=1)
        done = end


@pytest.mark.parametrize("channels, source_channels", [(1, 1), (2, 1), (2, 2)])
def test_every_frame_is_what_the_twin_says(rng, setting, channels, source_channels):
    mosaic = mosaic_of(melody(rng, channels=source_channels), setting, channels)
    sound, twin, size = band(rng, 6000, channels), twin_of(mosaic), mosaic.framing
    sound[:, 3000:4000] = 0
    sound[0, 100] = np.nan
    expected, heard = np.zeros((channels, 6000 + size.overlap)), []
    for end, V, output in walk(mosaic, twin, sound):
        twin.frame(V, end)
        state = mosaic._grains.state
        count = state["counts"][0]
        assert state["place"][:count].tolist() == [place for place, _ in twin.heads], end
        assert np.allclose(state["share"][:count], [share for _, share in twin.heads], rtol=2e-3, atol=1e-5)
        assert np.array_equal(state["heard"], twin.heard)
        expected[:, end : end + size.overlap] += twin.grains(V.sum(), channels)
        heard.append(output)
    heard = np.concatenate(heard, axis=1)
    assert np.abs(expected).max() > 0.05
    assert np.allclose(heard, expected[:, : heard.shape[1]], atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("most", [6144, 20])
def test_the_search_is_what_the_twin_says(rng, setting, most, monkeypatch):
    """Also in parts, as long sources are searched."""
    from rtsep.grains import design

    monkeypatch.setattr(design, "ROWS_MOST", most)
    mosaic = mosaic_of(melody(rng), setting)
    twin, expected, found = twin_of(mosaic), [], 0
    for end, V, _ in walk(mosaic, twin, band(rng, 4000)):
        assert twin.found == expected, end
        found += len(twin.found)
        copy_state(mosaic, twin)
        twin.search(V, end)
        expected = twin.found
    assert found > 50


def test_bands_hold_every_bin_once():
    for bins in (513, 2049, 4097):
        edges = sources.bands(bins)
        assert edges[0] == 0 and edges[-1] == bins and (np.diff(edges) > 0).all()


# --- what a player relies on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 2, 3), (63,), (64, 1000), (4096,)])
def test_any_block_size_gives_the_same(rng, sizes):
    sound = band(rng, 5000)
    expected = remake(mosaic_of(melody(rng)), sound, sizes=(512,))
    other = remake(mosaic_of(melody(np.random.default_rng(20))), sound, sizes=sizes)
    again = mosaic_of(melody(np.random.default_rng(20)))
    for a, b in zip(other, remake(again, sound, sizes=(777,)), strict=True):
        assert np.array_equal(a, b)
    again.reset()
    for a, b in zip(other, remake(again, sound), strict=True):
        assert np.array_equal(a, b), "reset forgets everything"
    assert np.array_equal(expected[1], other[1])


def test_dry_is_the_input_as_late(rng):
    mosaic, sound = mosaic_of(melody(rng)), band(rng, 3000)
    _, dry, _ = remake(mosaic, sound)
    assert np.array_equal(dry[:, mosaic.latency :], sound[:, : -mosaic.latency]) and not dry[:, : mosaic.latency].any()


@pytest.mark.parametrize("params", [{}, {"mode": "quality", "latency_samples": 0}])
def test_a_sound_remade_of_itself_is_itself(rng, params):
    """Sample by sample, with the latency that is told but for the distance of the rows, at its own loudness."""
    sound = (0.1 * rng.standard_normal((1, 30000))).astype(np.float32)  # no two frames are alike
    mosaic = mosaic_of(sound, {**UNGATED, "mosaic_polyphony": 1, **params})
    heard, _, _ = remake(mosaic, sound)
    match = np.fft.irfft(np.fft.rfft(heard[0], 65536) * np.conj(np.fft.rfft(sound[0], 65536)))
    late = int(np.argmax(match))
    assert abs(late - mosaic.latency) < 256
    error = heard[0, 4000:] - sound[0, 4000 - late : 30000 - late]
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(heard[0, 4000:])


def test_the_mosaic_follows_the_notes(rng):
    """Of each note of the target the source's own note sounds, whatever their order, at the target's loudness."""
    order = [3, 0, 5, 2, 4, 1]
    target = 0.1 * melody(rng, [PITCHES[i] for i in order], 8000)
    mosaic = mosaic_of(melody(rng))
    right, spoken = 0, 0
    for begin in range(0, 48000, 64):
        mosaic.process(target[:, begin : begin + 64])
        if begin % 8000 in range(2048, 5000):
            second, _ = max(mosaic.playing, key=lambda head: head[1])
            right += order[begin // 8000] == int((second * RATE - 400) // 6000)
            spoken += 1
    assert right > 0.9 * spoken
    assert mosaic.details["mosaic"]["repetitions"] < 0.05


def test_constraints_do_what_they_say(rng):
    sound = band(rng, 30000)

    def told(**params):
        mosaic = mosaic_of(melody(rng), {**UNGATED, **params})
        remake(mosaic, sound)
        return mosaic.details["mosaic"]

    free, held = told(mosaic_continuity=0), told(mosaic_continuity=5)
    assert held["run_ms"] > 2 * free["run_ms"]
    assert told(mosaic_polyphony=2)["polyphony"] <= 2 < told(mosaic_polyphony=20)["polyphony"]
    stutter, calm = told(mosaic_repetition_ms=0, mosaic_continuity=0), told(mosaic_repetition_ms=300, mosaic_continuity=0)
    assert calm["repetitions"] < 0.01 <= stutter["repetitions"]


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_loudness_is_the_targets(rng, factor):
    """Tiny and loud: the same frames of the source, at the target's loudness."""
    sound, source = band(rng, 8000), melody(rng)
    plain, loud = remake(mosaic_of(source), sound)[0], remake(mosaic_of(source), sound * np.float32(factor))[0]
    assert np.abs(plain).max() > 0.01
    assert np.linalg.norm(loud / factor - plain) < 0.2 * np.linalg.norm(plain)


def test_silence_nan_and_absurd_input_are_safe(rng):
    mosaic = mosaic_of(melody(rng), channels=2)
    stems = remake(mosaic, np.zeros((2, 3000), np.float32))
    assert not any(stem.any() for stem in stems)
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        sound = band(rng, 2000, 2)
        sound[:, ::7] = bad
        assert all(np.isfinite(stem).all() for stem in remake(mosaic, sound))
    assert mosaic.counters.bad_samples == 4 * 2 * 286
    mosaic.reset()
    remake(mosaic, band(rng, 3000, 2))
    after = remake(mosaic, np.zeros((2, 6000), np.float32))[0]
    assert not after[:, 2000:].any(), "silence comes back to silence"


def test_an_attack_in_the_source_is_not_blown_up(rng):
    """A head that runs from near silence into a loud note would play it at the gain of the silence."""
    quiet = 4e-3 * rng.standard_normal((1, 8000))
    source = np.concatenate([quiet, 0.9 * melody(rng), quiet], axis=1).astype(np.float32)
    target = (0.1 * rng.standard_normal((1, 30000))).astype(np.float32)
    mosaic = mosaic_of(source, {**UNGATED, "mosaic_continuity": 20})
    assert np.abs(remake(mosaic, target)[0]).max() < 3


def test_wet_gain_and_bypass(rng):
    """wet fades from dry to mosaic, each behind its fader; bypass is the input."""
    source, sound = melody(rng), band(rng, 3000)
    remade, dry, mix = remake(mosaic_of(source, {**UNGATED, "wet": 0.25, "gain_db.mosaic": -6, "gain_db.dry": 3}), sound)
    assert np.allclose(mix, 0.25 * 10 ** (-6 / 20) * remade + 0.75 * 10 ** (3 / 20) * dry, atol=1e-6)
    _, dry, mix = remake(mosaic_of(source, {**UNGATED, "bypass": True, "gain_db.dry": -120}), sound)
    assert np.allclose(mix, dry, atol=1e-7)
    remade, _, mix = remake(mosaic_of(source), sound)
    assert np.allclose(mix, remade, atol=1e-7), "the default: all wet"


def test_parameters_change_while_it_plays(rng):
    """exchange goes on with what sounds; another latency is refused; the sound stays what it was in front of it."""
    source, sound = melody(rng), band(rng, 8000)
    plain, mosaic = remake(mosaic_of(source), sound)[0], mosaic_of(source)
    first = remake(mosaic, sound[:, :4000])[0]
    playing = mosaic.playing
    assert mosaic.exchange(params={"mosaic_polyphony": 1}) and mosaic.playing == playing
    rest = remake(mosaic, sound[:, 4000:])[0]
    assert np.array_equal(first, plain[:, :4000]) and len(mosaic.playing) == 1
    assert np.array_equal(rest[:, :1], plain[:, 4000:4001])
    assert not mosaic.exchange(params={"latency_samples": 128})
    with pytest.raises(RtsepError, match="1 to 32"):
        mosaic.exchange(params={"mosaic_polyphony": 0})
    assert mosaic.again({"latency_samples": 128}).value("latency_samples") == 128


def test_nothing_is_allocated(rng, heap):
    mosaic = mosaic_of(melody(rng), channels=2)
    sound, events = band(rng, 1000, 2), midi((0, ON, 60, 90), (50, OFF, 60, 0), (99, CONTROL, 64, 127))
    for mode in (UNGATED, SIZES):
        mosaic.exchange(params=mode)
        mosaic.prepared.input[:, :1000] = sound
        call = mosaic.prepared.call
        call["frames"], call["events"], call["event_count"] = 1000, events.ctypes.data, 3
        before = heap()
        for _ in range(100):
            mosaic._entry(call.ctypes.data)
        assert heap() - before < HEAP_SLACK


def test_nothing_is_written_beyond_the_arrays(rng):
    mosaic = mosaic_of(melody(rng), {**SIZES, "mosaic_polyphony": 32, "mosaic_candidates": 128}, 2)
    fence, guarded = 64, {}
    for owner, record in ((mosaic._grains.state, mosaic._grains.record), (mosaic.prepared.state, mosaic.prepared.state_record)):
        for name, array in owner.items():
            room = np.full(array.nbytes + 2 * fence, 0xA5, np.uint8)
            owner[name] = room[fence : fence + array.nbytes].view(array.dtype).reshape(array.shape)
            owner[name][...] = array
            record[name], guarded[name] = owner[name].ctypes.data, room
    messages = ((ON, 60), (OFF, 60), (ON, 72))
    events = midi(*((at, kind, pitch, 80) for at in range(0, 9000, 300) for kind, pitch in messages))
    remade, _, _ = remake(mosaic, band(rng, 9000, 2), events, (4096, 63, 1))
    assert np.abs(remade).max() > 0.01
    for name, room in guarded.items():
        assert (room[:fence] == 0xA5).all() and (room[-fence:] == 0xA5).all(), name


def test_entry_is_where_it_says():
    assert mosaic_of(melody(np.random.default_rng(0))).entry_address == machine.address("mosaic", "play")


# --- notes ------------------------------------------------------------------------------------------------------------


def test_pitches_of_the_source_are_heard(rng):
    """At the window that music is heard with: each note's rows have its pitch, noise has none."""
    from rtsep.windows import choose_framing

    noise = 0.1 * rng.standard_normal((1, 20000)).astype(np.float32)
    source = Source("s", np.concatenate([melody(rng, note=20000), noise], axis=1), RATE)
    framing = choose_framing("live", RATE)
    found = sources.templates(source, framing)
    pitch = sources.pitches(found, RATE / framing.window_size)
    ends = (np.arange(len(pitch)) + 1) * found.spacing
    for i, expected in enumerate(PITCHES):
        inside = (ends > i * 20000 + 4096) & (ends <= (i + 1) * 20000)
        assert (pitch[inside] == expected).mean() > 0.9, expected
    assert (pitch[ends > 6 * 20000 + 5000] == 128).mean() > 0.9


def test_notes_say_what_may_sound(rng):
    mosaic, sound = mosaic_of(melody(rng, note=20000), {}), band(rng, 30000)
    remade, _, _ = remake(mosaic, sound, midi((4000, ON, 60, 90), (8000, OFF, 60, 0)))
    assert not remade[:, :4000].any() and not remade[:, 8000 + 4096 + 2205 + 128 + 2 * mosaic.latency :].any()
    assert np.abs(remade[:, 5000:8000]).max() > 0.01
    mosaic.reset()
    own = others = 0.0
    for begin in range(0, 30000, 64):
        mosaic.process(sound[:, begin : begin + 64], midi((0, ON, 64, 90)) if begin == 0 else None)
        for second, share in mosaic.playing:
            inside = 60000 < second * RATE <= 80000 + 2048
            own, others = own + share * inside, others + share * (not inside)
    assert mosaic.held_pitches == (64,) and own > 5 * others > 0, "the source's E, and between the notes what has no pitch"


def test_a_note_serves_the_nearest_octave():
    row_pitch = np.array([60, 60, 72, 67, 128])
    serves = sources.served(row_pitch)
    assert serves[60] == 60 and serves[72] == 72 and serves[84] == 72 and serves[36] == 60 and serves[55] == 67
    assert serves[61] == -1 and (sources.served(np.array([128, 128])) == 128).all()


def test_a_note_that_the_source_has_not_is_counted(rng):
    mosaic = mosaic_of(melody(rng, note=20000), {})
    remake(mosaic, band(rng, 1000), midi((0, ON, 61, 90)))
    assert mosaic.counters.unmatched_notes == 1 and 61 not in mosaic.row_pitch and 60 in mosaic.row_pitch


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params, told", [({"mode": "instant"}, "instant"), ({"latency_samples": 100}, "100"),
                                          ({"mosaic_polyphony": 99}, "1 to 32"), ({"gain_db.left": 0}, "mosaic, dry")])
def test_parameters_that_cannot_be(rng, params, told):
    with pytest.raises(RtsepError, match=told):
        mosaic_of(melody(rng), params)


def test_sources_that_cannot_be(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 44100)
    with pytest.raises(RtsepError, match="is silent"):
        load_source(tmp_path / "silent.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([np.nan, 0.5]), 44100, "FLOAT")
    assert load_source(tmp_path / "nan.wav").samples.tolist() == [[0, 0.5]]
    monkeypatch.setattr(sources, "LONGEST_S", 0.01)
    with pytest.raises(RtsepError, match=r"at most 0 s; cut it"):
        load_source(tmp_path / "silent.wav")
    with pytest.raises(RtsepError, match="48000 Hz"):
        Mosaic(Source("s", np.ones((1, 9), np.float32), 44100.0)).prepare(48000, 1, 64)


def test_a_source_of_a_few_samples_plays(rng):
    assert np.isfinite(remake(mosaic_of(np.ones((1, 3), np.float32)), band(rng, 3000))[0]).all()


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
    assert "Made of violin" in capsys.readouterr().out


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
    from rtsep.hosts.live import LiveJob, _mosaic

    with pytest.raises(RtsepError, match="--preset does not go"):
        _mosaic(LiveJob(presets=("piano",)), None, {})


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
    assert player.separator.latency == 128 and player.value("gain_db.dry") == -6 and "128" in player.message
    with pytest.raises(RtsepError, match="a mosaic plays its source, small"):
        player.use_preset("piano")
