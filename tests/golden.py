"""Golden outputs: the engine's output for short passages in every mode. They show if a change of the code changes a sample.

`python tests/golden.py FILE.npz` writes whole outputs, so that you can compare two versions. Without FILE it writes
`golden.npz`, some samples of each output, with which tests/test_golden.py compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source
from rtsep.hosts.demo import clip_folder
from rtsep.notes.routing import by_drum, by_split, by_track
from rtsep.notes.score import EVENT, read_midi
from rtsep.presets.library import bundled_presets
from rtsep.presets.preset import Preset, load_preset

RATE = 44100
SECONDS = 2.5
EVERY, KEPT = 2048, 12  # samples: of every EVERY samples, the first KEPT are kept
BLOCKS = (128, 37, 512, 1, 300)
KEPT_IN = Path(__file__).with_name("golden.npz")


def _preset(name: str) -> Preset:
    return load_preset(next(path for path in bundled_presets() if path.stem == name))


def _clip(*files: str) -> np.ndarray:
    """Sounds of the bundled clip from its first note on, float32 [file, sample]."""
    return np.stack([read_sound(clip_folder() / f"{name}.flac")[0][0] for name in files])[:, : round(SECONDS * RATE)]


def _noise(seed: int) -> np.ndarray:
    samples = round(SECONDS * RATE)
    return (0.01 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def _wide() -> np.ndarray:
    """Two hands in stereo, each nearer to one side, and noise that comes and goes."""
    left, right = _clip("left_hand", "right_hand")
    rest = _noise(1) * (np.sin(np.arange(left.size) * 2e-4) > 0)
    return np.stack([0.9 * left + 0.3 * right + rest, 0.3 * left + 0.9 * right + rest]).astype(np.float32)


def _band() -> np.ndarray:
    """The mix, with tones that no MIDI note tells."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hz * time + hz) / 3 for hz in (311.1, 622.3, 466.2))
    return (_clip("mix") + 0.08 * tones * np.minimum(time, 1) + _noise(2)).astype(np.float32)


def _strokes() -> np.ndarray:
    """Noise that is struck every 0.2 s."""
    at = np.arange(round(SECONDS * RATE)) % 8820
    return (30 * _noise(3) * np.exp(-at / 1500))[None].astype(np.float32)


def _drum_notes() -> np.ndarray:
    """A kick, a snare and a hi-hat in turn, on channel 10."""
    events = np.zeros(round(SECONDS / 0.2), EVENT)
    events["sample"] = np.arange(len(events)) * 8820 + 100
    events["status"], events["data1"], events["data2"] = 0x99, np.resize([36, 38, 42, 46], len(events)), 90
    return events


def _hands(params: dict, presets: str | tuple[str, ...] = "piano", sound: np.ndarray | None = None) -> Callable:
    """The two hands of the clip."""

    def make() -> tuple:
        score = read_midi(clip_folder() / "demo.mid")
        named = _preset(presets) if isinstance(presets, str) else tuple(_preset(name) for name in presets)
        return Separator(named, by_track(score), params), _clip("mix") if sound is None else sound, score.events(RATE)

    return make


def _ungated(params: dict) -> Callable:
    return lambda: (Separator(_preset("piano"), by_split(None, 60), {"gate": False, **params}), _clip("mix"), None)


def _drums(preset: str, params: dict, told: bool = True) -> Callable:
    return lambda: (Separator(_preset(preset), by_drum(), params), _strokes(), _drum_notes() if told else None)


def _mosaic(params: dict, told: bool) -> Callable:
    def make() -> tuple:
        engine = Mosaic(Source("left", _clip("left_hand"), RATE), params)
        return engine, _clip("mix"), read_midi(clip_folder() / "demo.mid").events(RATE) if told else None

    return make


PASSAGES: dict[str, Callable] = {
    "live, stereo": _hands({"mode": "live"}, sound=np.repeat(_clip("mix"), 2, axis=0)),
    "live, stereo, apart": _hands({"mode": "live"}, "gm-piano", _wide()),
    "live, stereo, one mask": _hands({"mode": "live", "panning": False}, sound=_wide()),
    "live, beside others": _hands({"mode": "live"}, "gm-piano", _band()),
    "live, 128 samples": _hands({"mode": "live", "latency_samples": 128}),
    "quality": _hands({"mode": "quality"}, sound=_wide()),
    "instant": _hands({"mode": "instant"}),
    "instant, 256 samples, beside others": _hands({"mode": "instant", "latency_samples": 256}, sound=_band()),
    "instant, stereo, apart": _hands({"mode": "instant"}, "gm-piano", _wide()),
    "two instruments": _hands({"mode": "live"}, ("piano", "violin"), _band()),
    "plain updates, late notes": _hands({"mode": "live", "estimator": "kl", "late_midi": True, "mask_power": 1.5,
                                         "suppression": 2.0}, "gm-piano"),
    "encoder alone": _hands({"mode": "live", "estimator": "encoder", "mask_power": 1.0}),
    "nothing learnt or foretold": _hands({"mode": "live", "prediction": 0, "adapt": False, "background": 0}),
    "the background first": _hands({"mode": "live", "learn_background_s": 0.5, "suppression": 0.5}, sound=_band()),
    "no gates": _ungated({"mode": "live"}),
    "no gates, instant": _ungated({"mode": "instant", "hop_samples": 256}),
    "drums": _drums("drum-stages", {"mode": "live"}),
    "drums, instant": _drums("drum-kit", {"mode": "instant"}),
    "drums, not told": _drums("drum-stages", {"mode": "live", "gate": False}, told=False),
    "mosaic": _mosaic({"mode": "live"}, told=False),
    "mosaic, notes": _mosaic({"mode": "live"}, told=True),
}


def _played(engine, sound: np.ndarray, events: np.ndarray | None) -> Iterator[np.ndarray]:
    begin = block = 0
    while begin < sound.shape[1]:
        end = min(begin + BLOCKS[block % len(BLOCKS)], sound.shape[1])
        due = None if events is None else events[(events["sample"] >= begin) & (events["sample"] < end)].copy()
        if due is not None:
            due["sample"] -= begin
        output = engine.process(sound[:, begin:end], due)
        yield np.concatenate([output.stems, output.mix[None]]).copy()
        begin, block = end, block + 1


def whole(name: str) -> np.ndarray:
    """Stems and mix of a passage, float32 [stem and mix, channel, sample]."""
    engine, sound, events = PASSAGES[name]()
    engine.prepare(RATE, len(sound), max(BLOCKS))
    return np.concatenate(list(_played(engine, sound, events)), axis=2)


def kept(output: np.ndarray) -> np.ndarray:
    """Some samples of an output: KEPT of each EVERY."""
    length = output.shape[2] // EVERY * EVERY
    return output[:, :, :length].reshape(*output.shape[:2], -1, EVERY)[..., :KEPT]


if __name__ == "__main__":
    outputs = {}
    for name in PASSAGES:
        outputs[name] = whole(name)
        print(f"{name}: peak {np.abs(outputs[name]).max():.3f}", flush=True)
    if len(sys.argv) > 1:
        np.savez(sys.argv[1], **outputs)
    else:
        np.savez_compressed(KEPT_IN, **{name: kept(output) for name, output in outputs.items()})
