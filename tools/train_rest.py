"""Trains the network that weighs the residual where others play (rtsep/stages/residual.py), and writes its weights.

    python tools/train_rest.py

A mix is a piano, whose notes are told, and a band, whose notes are not, -6 to 6 dB louder. The pianos: the scores of the
bundled clip and of `piano_and_others`, as recorded, played by programs of FluidR3, and by the samples of `piano_notes`; the
presets know them more or less. The bands: the cellos of `piano_and_others`, and random lines of one or two programs of
FluidR3, some with drums. `two_hands` and `backgrounds`, which results are reported on, are not among them. Needs fluidsynth
with its soundfont; some 15 minutes.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import soxr
from evaluate_data import SHARED, Piece, find_pieces
from evaluate_systems import outputs, preset_named
from scipy.optimize import minimize
from sources import BUILD, ROOT, fit, render_soundfont

from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.notes.routing import everything
from rtsep.stages.residual import (
    BIAS,
    FEW,
    INPUTS,
    LEAK,
    MANY,
    MOST,
    OUTPUT,
    OUTPUT_BIAS,
    SIDE,
    UNITS,
    residual_net,
)

RATE, SECONDS, LEARNING_S = 44100, 20, 1.5  # of each mix; so long nothing is taken, while the engine learns
SAMPLES, STEP = 8, 2  # bins of a frame, and of how many frames one
STEPS = 500
UNREACHED = 0.01  # part of the piano's energy that no mask gives
SMALL = 1e-5  # what the squares of the weights cost
ALL = ("grand-piano", "gm-piano", "piano")
KINDS = {"own": ALL, "gm0": ALL, "gm1": ("grand-piano", "gm-piano"), "gm3": ("grand-piano", "piano"),
         "splendid": ("grand-piano", "gm-piano"), "upright_kw": ("piano", "gm-piano"), "old_fb": ("grand-piano", "piano"),
         "salamander": ("grand-piano",)}
LINES = {21: 55, 24: 48, 32: 34, 40: 60, 42: 45, 48: 48, 52: 55, 53: 58, 54: 58, 56: 58, 61: 48, 65: 52, 66: 48, 68: 60,
         71: 55, 73: 65, 80: 60}  # programs, and the lowest pitch of their lines of two octaves
TICKS = 960  # per second: 480 per beat, 120 beats per minute
KICK, SNARE, HIHAT, DRUMS = 36, 38, 42, 9


class Bins(NamedTuple):
    """Bins of a mix: inputs [n, INPUTS]; then [n]: log odds of the notes' mask, how sure others play, the best mask, and
    what its square error costs as a part of the piano's energy."""

    inputs: np.ndarray
    odds: np.ndarray
    others: np.ndarray
    best: np.ndarray
    weight: np.ndarray


# --- mixes ------------------------------------------------------------------------------------------------------------


def sound_at(path: Path) -> np.ndarray:
    """A sound file in mono at RATE."""
    sound, rate = read_sound(path)
    return soxr.resample(sound.mean(axis=0), rate, RATE) if rate != RATE else sound.mean(axis=0)


def recorded(piece: Piece, others: bool) -> np.ndarray:
    """The piano of a piece, or the others in it, again and again."""
    parts = [truth[0] for stem, truth in piece.truths.items() if (stem == "residual") == others]
    sound = soxr.resample(np.sum(parts, axis=0), piece.sample_rate, RATE)
    return fit(np.tile(sound, -(-SECONDS * RATE // len(sound))) if others else sound, SECONDS * RATE)


def played(tracks: Sequence[mido.MidiTrack]) -> np.ndarray:
    """Tracks by FluidR3."""
    path = BUILD / "rest" / "line.mid"
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(tracks=[*tracks], ticks_per_beat=TICKS // 2).save(path)
    return fit(render_soundfont(path), SECONDS * RATE)


def by_program(piece: Piece, program: int) -> np.ndarray:
    """The piece's notes by a program of FluidR3."""
    track, last = mido.MidiTrack([mido.Message("program_change", program=program)]), 0
    for second, (_, status, first, second_byte) in zip(piece.score.seconds, piece.score.messages.tolist(), strict=True):
        tick = round(second * TICKS)
        track.append(mido.Message.from_bytes([status & 0xF0, first, second_byte], time=tick - last))
        last = tick
    return played([track])


@cache
def samples_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Sound of a piano's isolated notes, and of each [onset, offset, pitch, velocity]."""
    table = np.loadtxt(SHARED / "piano_notes" / f"{name}.csv", delimiter=",", skiprows=1)
    return sound_at(SHARED / "piano_notes" / f"{name}.flac"), table


def by_samples(piece: Piece, name: str) -> np.ndarray:
    """The piece's notes by the samples of a piano, no longer than those are."""
    sound, table = samples_of(name)
    result = np.zeros((SECONDS + 3) * RATE, np.float32)
    for note in piece.score.notes():
        if note["onset_s"] >= SECONDS:
            continue
        near = np.abs(table[:, 2] - note["pitch"]) * 1000 + np.abs(table[:, 3] - note["velocity"])
        onset, offset, _, velocity = table[near.argmin()]
        tone = sound[int(onset * RATE) : int((offset + 0.35) * RATE)].copy()
        held = int(max(note["offset_s"] - note["onset_s"], 0.05) * RATE)
        tone[held:] *= np.exp(-np.arange(max(len(tone) - held, 0)) / (0.08 * RATE))
        tone *= np.minimum(np.arange(len(tone), 0, -1) / 400, 1) * (note["velocity"] / velocity) ** 1.5
        at = int(note["onset_s"] * RATE)
        result[at : at + len(tone)] += tone
    return fit(result, SECONDS * RATE)


def random_line(rng: np.random.Generator, channel: int, program: int) -> mido.MidiTrack:
    """A line with vibrato, swells, and now and then a slide into a note."""
    track, tick, gap = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)]), 0, 0
    lowest, slow = LINES[program], rng.choice([0.25, 0.5, 1.0])
    pitch = lowest + int(rng.integers(12))
    while tick < SECONDS * TICKS:
        length = int(TICKS * slow * rng.choice([0.5, 1, 1, 2, 3]))
        pitch = int(np.clip(pitch + rng.choice([-7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7]), lowest, lowest + 24))
        bend = int(rng.integers(-3000, 3000)) if rng.random() < 0.3 else 0
        track += [mido.Message("control_change", channel=channel, control=1, value=int(rng.integers(90)), time=gap),
                  mido.Message("control_change", channel=channel, control=11, value=int(rng.integers(70, 127))),
                  mido.Message("pitchwheel", channel=channel, pitch=bend),
                  mido.Message("note_on", channel=channel, note=pitch, velocity=int(rng.integers(50, 120)))]
        track += [mido.Message("pitchwheel", channel=channel, pitch=int(bend * (1 - part / 5)), time=length // 12)
                  for part in range(1, 6)]
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=length - 5 * (length // 12)))
        gap = int(TICKS * slow * rng.choice([0, 0, 0, 1, 2]))
        tick += length + gap
    return track


def random_drums(rng: np.random.Generator) -> mido.MidiTrack:
    """Kick and snare in turn, a hi-hat with each."""
    track = mido.MidiTrack()
    for beat in range(SECONDS * 2):
        for key, wait in ((SNARE if beat % 2 else KICK, 0), (HIHAT, TICKS // 2)):
            track += [mido.Message("note_on", channel=DRUMS, note=key, velocity=int(rng.integers(50, 110))),
                      mido.Message("note_off", channel=DRUMS, note=key, time=wait)]
    return track


def band(rng: np.random.Generator, pieces: Sequence[Piece]) -> np.ndarray:
    """What plays beside the piano: one of eight times a cello of `pieces`, in two cases two lines, in one with drums."""
    kind = rng.integers(8)
    if kind == 0:
        return recorded(pieces[rng.integers(len(pieces))], others=True)
    programs = rng.choice(list(LINES), 2 if kind > 5 else 1, replace=False)
    lines = [random_line(rng, channel, int(program)) for channel, program in enumerate(programs)]
    return played([*lines, random_drums(rng)] if kind == 7 else lines)


def mixes() -> Iterator[tuple[str, np.ndarray, np.ndarray, Piece, str]]:
    """Name, piano and band, float32 [sample], the piece whose notes are told, and the preset."""
    pieces = [piece for piece in find_pieces(SHARED, []) if piece.group in ("demo", "piano_and_others")]
    with_cello = [piece for piece in pieces if piece.group == "piano_and_others"]
    for piece in pieces:
        for kind, presets in KINDS.items():
            for preset in presets:
                name = f"{piece.name}.{kind}.{preset}"
                rng = np.random.default_rng(zlib.crc32(name.encode()))
                piano = (recorded(piece, others=False) if kind == "own"
                         else by_program(piece, int(kind[2:])) if kind.startswith("gm") else by_samples(piece, kind))
                other = band(rng, with_cello)
                level = np.sqrt((piano**2).mean() / (other**2).mean()) * 10 ** (rng.uniform(-6, 6) / 20)
                yield name, piano.astype(np.float32), (level * other).astype(np.float32), piece, preset


# --- what the network sees --------------------------------------------------------------------------------------------


def around(x: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """x [bin] in `bins` and their neighbours, [n, 2 SIDE + 1]."""
    return x[bins[:, None] + np.arange(-SIDE, SIDE + 1)].astype(np.float32)


def inputs_of(separator: Separator, bins: np.ndarray) -> np.ndarray:
    """What the network sees of the last frame, [n, INPUTS], by the engine's own models."""
    state, count = separator.prepared.state, separator.prepared.plan.values["bins"]
    V, M, estimated, P = (state[name][..., :count] for name in ("V", "M", "estimated", "expected_models"))
    level = np.sqrt((around(V, bins) ** 2).mean(axis=1, keepdims=True)) + 1e-12
    models = (V, P[-1], estimated[-1], estimated[:-1].sum(axis=0), P[:-1].sum(axis=0))
    return np.hstack([*(x / (x + level) for x in (around(model, bins) for model in models)), around(M[-1], bins)])


def collect(piano: np.ndarray, other: np.ndarray, piece: Piece, preset: str, rng: np.random.Generator) -> Bins:
    """Play a mix and keep some bins of its frames, louder ones more often."""
    separator = Separator(preset_named(preset), everything("piano"))
    separator.prepare(RATE, 1, RATE)
    plan, state, hop = separator.prepared.plan.values, separator.prepared.state, separator.framing.hop
    window, size = plan["analysis_window"], plan["window_size"]
    mix, found, energy = piano + other, [], 0.0
    played_on = outputs(separator, mix[None], piece.score.events(RATE), hop)
    for begin, _ in zip(range(0, len(mix) - hop, hop), played_on, strict=False):
        end = begin + hop
        if end < max(size, LEARNING_S * RATE) or begin // hop % STEP:
            continue
        T, X = np.fft.rfft(piano[end - size : end] * window), np.fft.rfft(mix[end - size : end] * window)
        energy += (np.abs(T) ** 2).sum()
        others = np.clip((state["accompaniment"][0] - FEW) / (MANY - FEW), 0, 1)
        if state["expects"][0] and others > 0:
            power = np.abs(X) ** 2 + 1e-20
            chance = power / power.sum() + np.sqrt(power) / np.sqrt(power).sum()
            chance[:SIDE] = chance[-SIDE:] = 0
            chance /= chance.sum()
            bins = rng.choice(len(chance), SAMPLES, p=chance)
            mask = np.clip(state["M"][-1][bins], 1e-4, 1 - 1e-4)
            found.append(Bins(inputs_of(separator, bins), np.log(1 / mask - 1), np.full(SAMPLES, others, np.float32),
                              (T * X.conj()).real[bins] / power[bins], power[bins] / chance[bins] / SAMPLES))
    bins = Bins(*(np.concatenate(part).astype(np.float32) for part in zip(*found, strict=True)))
    return bins._replace(weight=bins.weight / energy)


# --- training ---------------------------------------------------------------------------------------------------------


def spread(mixes: Sequence[Bins]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of every input."""
    inputs = np.concatenate([bins.inputs for bins in mixes])
    return inputs.mean(axis=0), inputs.std(axis=0) + np.float32(1e-2)


def error_of(net: np.ndarray, bins: Bins) -> tuple[float, np.ndarray]:
    """The network's square error in a mix as a part of the piano's energy, and its slopes [INPUTS + 3, UNITS].

    The residual's mask counts exp(output) times, so that the output is taken from the log odds of the notes' mask.
    """
    heard = bins.inputs @ net[:INPUTS] + net[BIAS]
    let_through = np.where(heard > 0, np.float32(1), np.float32(LEAK))
    shown = heard * let_through
    output = np.clip(shown @ net[OUTPUT] + net[OUTPUT_BIAS, 0], -MOST, MOST)
    mask = 1 / (1 + np.exp(bins.others * output - bins.odds))
    missed = bins.best - mask
    back = (2 * bins.weight * missed * mask * (1 - mask) * bins.others)[:, None]
    slopes = np.zeros_like(net)
    to_heard = back * net[OUTPUT] * let_through
    slopes[:INPUTS], slopes[BIAS] = bins.inputs.T @ to_heard, to_heard.sum(axis=0)
    slopes[OUTPUT], slopes[OUTPUT_BIAS, 0] = shown.T @ back[:, 0], back.sum()
    return float((bins.weight * missed**2).sum()), slopes


def sdr_db(net: np.ndarray, mixes: Sequence[Bins]) -> float:
    """Mean over the mixes, of the bins that were kept, if a mask could reach everything."""
    return float(np.mean([-10 * np.log10(error_of(net, bins)[0]) for bins in mixes]))


def train(mixes: Sequence[Bins], steps: int = STEPS) -> np.ndarray:
    """The network of the best mean SDR: L-BFGS over all bins at once."""
    mean, deviation = spread(mixes)
    scaled = [bins._replace(inputs=(bins.inputs - mean) / deviation) for bins in mixes]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        net = flat.reshape(INPUTS + 3, UNITS).astype(np.float32)
        found = [error_of(net, bins) for bins in scaled]
        slope = np.mean([slopes / (error + UNREACHED) for error, slopes in found], axis=0)
        return (float(np.mean([np.log(error + UNREACHED) for error, _ in found])) + SMALL * float(flat @ flat),
                slope.ravel().astype(float) + 2 * SMALL * flat)

    rng = np.random.default_rng(0)
    start = np.zeros((INPUTS + 3, UNITS))
    start[:INPUTS], start[OUTPUT] = rng.normal(0, INPUTS**-0.5, (INPUTS, UNITS)), rng.normal(0, 0.1, UNITS)
    flat = minimize(cost, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 20}).x
    net = flat.reshape(INPUTS + 3, UNITS)
    net[BIAS] -= mean / deviation @ net[:INPUTS]
    net[:INPUTS] /= deviation[:, None]
    return net.astype(np.float32)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    residual_net()[:] = 0  # the engine's masks as they are without it
    found = []
    for name, piano, other, piece, preset in mixes():
        bins = collect(piano, other, piece, preset, np.random.default_rng(zlib.crc32(name.encode()) + 1))
        print(f"{name}: {sdr_db(residual_net(), [bins]):.2f} dB", flush=True)
        found.append(bins)
    net = train(found)
    print(f"{len(found)} mixes, {sum(len(bins.best) for bins in found)} bins: "
          f"{sdr_db(residual_net(), found):.2f} -> {sdr_db(net, found):.2f} dB")
    path = ROOT / "rtsep" / "stages" / "residual_net.npy"
    np.save(path.with_suffix(".partial.npy"), net)
    path.with_suffix(".partial.npy").replace(path)


if __name__ == "__main__":
    main()
