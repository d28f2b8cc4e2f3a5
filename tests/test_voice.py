"""Stage voice: a singing voice between the notes' stems and the residual."""

import numpy as np
import pytest
from conftest import ON, RATE, make_preset, midi, with_envelopes
from engine_state import kernel_memory, on_records, part_of

from rtsep import Separator
from rtsep.notes.routing import IGNORED, everything, only_voice, with_voice
from rtsep.reference import ReferenceSeparator
from rtsep.reference.voice import Voice
from rtsep.stages import voice
from rtsep.stages.voice_bands import VOICE_BANDS

LIVE = {"mode": "live", "latency_samples": 512, "hop_samples": 128, "background": 4}
MODES = {"live": LIVE, "quality": {**LIVE, "mode": "quality", "latency_samples": 0, "hop_samples": 1024},
         "instant": {**LIVE, "mode": "instant", "latency_samples": 0, "hop_samples": 256}}
SUNG_HZ = 293.0
PRESET = make_preset((48, 55, 60), window=4096)
SAMPLES = 22050


def sung(hz=SUNG_HZ, samples=SAMPLES, vibrato=0.02):
    """A voice with vibrato, float64 [sample]."""
    time = np.arange(samples) / RATE
    phase = 2 * np.pi * np.cumsum(hz * (1 + vibrato * np.sin(2 * np.pi * 5.5 * time))) / RATE
    return sum(np.sin(n * phase) / n for n in range(1, 15)) * 0.05


def played(samples=SAMPLES, pitches=(48, 55)):
    """Notes that begin one after another, float64 [sample]."""
    time = np.arange(samples) / RATE
    return sum(0.1 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * n * time) / n * (time > 0.1 * i)
               for i, pitch in enumerate(pitches) for n in range(1, 11))


def notes():
    """The notes of `played`."""
    return midi(*((round(0.1 * i * RATE) + 1, ON, pitch, 80) for i, pitch in enumerate((48, 55))))


def separator_of(kind=Separator, params=LIVE, routing=None, preset=PRESET, channels=1):
    separator = kind(preset, with_voice(everything("piano"), "voice") if routing is None else routing, params)
    separator.prepare(RATE, channels, SAMPLES)
    return separator


def sdr(truth, found):
    return 10 * np.log10((truth**2).sum() / ((truth - found) ** 2).sum())


# --- the twin ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("envelopes", [False, True])
def test_engine_equals_the_reference(mode, envelopes):
    preset = with_envelopes(PRESET) if envelopes else PRESET
    mix = (sung() + played())[None].astype(np.float32)
    ours, plain = (separator_of(kind, MODES[mode], preset=preset) for kind in (Separator, ReferenceSeparator))
    found, expected = ours.process(mix, notes()).stems.copy(), plain.process(mix, notes()).stems
    assert np.abs(expected[1]).max() > 0.01
    assert np.abs(found - expected).max() < 2e-3


@on_records
def draw(plan, state, hz):
    voice.note_pitch(state.voice, hz)
    voice.start(plan.voice, state.voice, np.float32(1))


@pytest.mark.parametrize("hz", [(80.0,), (293.0, 300.0), (1000.0, 500.0), (0.0,)])
def test_comb_is_that_of_the_reference(hz):
    plan, state = kernel_memory(PRESET, params={**LIVE, "window_samples": 4096})
    separator = separator_of(ReferenceSeparator)
    twin = Voice(separator.setup)
    for each in hz:
        draw(plan, state, np.float32(each))
        twin.before_hz, twin.hz = twin.hz, each
    comb = twin.comb()
    assert np.abs(state.comb[: len(comb)] - comb).max() < 2e-3  # a bin of the skirt's table can differ by rounding
    assert np.allclose(state.comb_sum, twin.bands @ comb, atol=5e-3)


# --- what it promises -------------------------------------------------------------------------------------------------


def test_a_voice_is_separated_from_notes():
    mix = (sung() + played())[None].astype(np.float32)
    separator = separator_of(params=MODES["quality"])
    stems = separator.process(mix, notes()).stems[:, 0].copy()
    late = separator.latency
    half = slice(SAMPLES // 2, SAMPLES)
    truth = np.concatenate([np.zeros(late), sung()])[:SAMPLES]
    assert sdr(truth[half], stems[1][half]) > 8
    assert sdr(truth[half], stems[1][half]) > sdr(truth[half], stems[2][half]) + 8


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_add_up_and_blocks_do_not_matter(mode, channels):
    mix = np.tile(sung() + played(), (channels, 1)).astype(np.float32)
    if channels == 2:
        mix[1] *= 0.5
    whole = separator_of(params=MODES[mode], channels=channels)
    stems = whole.process(mix, notes()).stems.copy()
    late = whole.latency
    assert np.allclose(stems.sum(axis=0)[:, late:], mix[:, : SAMPLES - late], atol=1e-6)
    pieces, blocks, events = separator_of(params=MODES[mode], channels=channels), [], notes()
    for begin in range(0, SAMPLES, 777):
        due = events[(events["sample"] >= begin) & (events["sample"] < begin + 777)].copy()
        due["sample"] -= begin
        blocks.append(pieces.process(mix[:, begin : begin + 777], due).stems.copy())
    assert np.array_equal(np.concatenate(blocks, axis=2), stems)


def test_a_voice_needs_no_notes_and_no_preset():
    separator = separator_of(routing=only_voice("singer"))
    assert separator.stem_names == ("singer", "residual")
    mix = sung()[None].astype(np.float32)
    stems = separator.process(mix).stems[:, 0]
    late = separator.latency
    assert sdr(mix[0, SAMPLES // 2 : -late], stems[0, SAMPLES // 2 + late :]) > 5


def test_masks_sum_to_one_with_silence_nan_and_loud_sound():
    mix = (sung() + played())[None].astype(np.float32)
    for change in (lambda x: 0 * x, lambda x: np.where(np.arange(SAMPLES) % 999 == 0, np.nan, x), lambda x: 1e4 * x,
                   lambda x: 1e-6 * x):
        separator = separator_of()
        stems = separator.process(change(mix).astype(np.float32), notes()).stems
        assert np.isfinite(stems).all()
        assert np.allclose(separator.masks.sum(axis=0), 1, atol=1e-5)


def test_noise_is_no_voice():
    rng = np.random.default_rng(0)
    separator = separator_of()
    separator.process((0.1 * rng.standard_normal((1, SAMPLES))).astype(np.float32))
    assert part_of(separator, "voice").voice_hz[0] == 0


def test_begin_again_forgets_the_voice():
    separator = separator_of()
    separator.process((sung() + played())[None].astype(np.float32), notes())
    assert part_of(separator, "voice").comb_level.any()
    separator.reset()
    assert not part_of(separator, "voice").comb_level.any()


def test_bands_overlap_and_cover_the_spectrum():
    separator = separator_of(ReferenceSeparator)
    bands = Voice(separator.setup).bands
    assert bands.shape[0] == VOICE_BANDS
    inside = bands.any(axis=0)
    assert np.allclose(bands.sum(axis=0)[inside], 1)


def test_notes_of_other_stems_are_routed_as_before():
    routing = everything("piano")
    both = with_voice(routing, "voice")
    assert both.names == ("piano", "voice") and both.voice == 1
    assert np.array_equal(both.table, routing.table)
    assert (only_voice("voice").table == IGNORED).all()
