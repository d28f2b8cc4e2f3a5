"""A second orchestra: the samples of the npm packages tonejs-instrument-NAME-mp3, and a small sampler for them.

Each package states: code MIT, samples CC BY 3.0, from sources in the public domain. Most come from the Versilian Studios
Chamber Orchestra 2 (CC0). All downloads are kept in `build/tonejs`.
"""

import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from laboratory.sources import BUILD, begin_at, damp, download_package

PACKAGE = "tonejs-instrument-{name}-mp3@{version}"
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SOUNDS_ABOVE = {("trumpet", "C3"): 12.0, ("trumpet", "As3"): 12.0, ("cello", "As4"): 1.0, ("cello", "E2"): -0.4,
                ("cello", "E3"): -0.15, ("clarinet", "Fs6"): -1.0, ("guitar-nylon", "D5"): 1.0, ("tuba", "F1"): -0.3}
"""By how many semitones a sample sounds above its name, if autocorrelation finds 0.15 or more."""
LOUDNESS_POWER = 1.4
"""The amplitude of a note grows with this power of its velocity; it is 1 at velocity 127, and 8 dB less at 64."""
SUSTAIN_DB = -9.0
"""The sustained part of a sample ends with the last frame at or above this level, in dB relative to the median."""
FRAME_S = 0.02
"""The length of the frames by which the level of a sample is measured, in seconds."""
ATTACK_DB, ATTACK_S = -16.0, 0.01
"""A held sample fades in over this many seconds before it reaches this level, in dB relative to its loud frames."""
LOOP_BEGIN = 0.4
"""A loop begins at this share of the sustained part of a sample, where the attack is over."""
FADE_S = 0.08
"""The length of the crossfade from the end of a loop to its beginning, in seconds."""
SEARCH_S = 0.06
"""The end of a loop can be moved by this many seconds, so that it has the phase of the beginning."""


@dataclass(frozen=True)
class Sampled:
    """A package: name, version, General MIDI programs from 0, and range.

    held: the instrument sounds while its key is held, and is looped if necessary; the others fade. release_s: the time constant
    of the end. source: the origin of the samples, by the list of their collector. confirmed: whether the licence of that source
    is known, and allows what the package states.
    """

    name: str
    version: str
    programs: tuple[int, ...]
    low: int
    high: int
    held: bool
    release_s: float
    source: str = "VSCO 2 CE (CC0)"
    confirmed: bool = True


INSTRUMENTS = {each.name: each for each in (
    Sampled("piano", "1.1.2", (0, 1), 24, 108, False, 0.10),
    Sampled("organ", "1.1.1", (19,), 24, 86, True, 0.06),
    Sampled("harmonium", "1.1.1", (20,), 36, 74, True, 0.05, "Freesound 330410 (donyaquick, CC0)"),
    Sampled("guitar-nylon", "1.1.1", (24,), 35, 80, False, 0.08, "Freesound 11573 (quartertone)", False),
    Sampled("guitar-acoustic", "1.1.2", (25,), 38, 76, False, 0.08, "University of Iowa (no restrictions)"),
    Sampled("bass-electric", "1.1.2", (33,), 25, 74, False, 0.06, "Karoryfer", False),
    Sampled("harp", "1.1.1", (46,), 28, 101, False, 0.40),
    Sampled("xylophone", "1.1.2", (13,), 67, 108, False, 0.30),
    Sampled("violin", "1.1.1", (40,), 55, 96, True, 0.07),
    Sampled("cello", "1.1.1", (42,), 36, 74, True, 0.08, "Freesound 12408 (flcellogrl, CC BY 3.0)"),
    Sampled("contrabass", "1.1.2", (43,), 28, 62, True, 0.09),
    Sampled("trumpet", "1.1.2", (56,), 52, 86, True, 0.05),
    Sampled("trombone", "1.1.2", (57,), 34, 67, True, 0.06),
    Sampled("tuba", "1.1.2", (58,), 29, 64, True, 0.06),
    Sampled("french-horn", "1.1.2", (60,), 33, 79, True, 0.06),
    Sampled("saxophone", "1.1.2", (65, 66), 49, 82, True, 0.05, "Karoryfer", False),
    Sampled("bassoon", "1.1.2", (70,), 41, 74, True, 0.05),
    Sampled("clarinet", "1.1.2", (71,), 50, 91, True, 0.05, "not in that list; it has the pitches of VSCO 2 CE", False),
    Sampled("flute", "1.1.2", (73,), 60, 98, True, 0.05),
)}


def play(notes: np.ndarray, instrument: Sampled, sample_rate: int = 44100) -> np.ndarray:
    """Notes (NOTE array, any order), played by an instrument: float32 mono [sample], until the last tone has ended.

    A note sounds from its onset to its offset, and then fades; the caller applies pedals (`hold_by_pedal`). Levels are not
    limited. MissingError if the package cannot be fetched.
    """
    fetch(instrument)
    return add_tones(notes, lambda note: tone(note, instrument, sample_rate), sample_rate)


def add_tones(notes: np.ndarray, tone_of: Callable[[np.void], np.ndarray], sample_rate: int) -> np.ndarray:
    """The sum of the tones of notes, float32 mono [sample]; each begins at its onset (s)."""
    starts = np.round(notes["onset_s"] * sample_rate).astype(int)
    tones = [tone_of(note) for note in notes]
    audio = np.zeros(max((start + len(t) for start, t in zip(starts, tones, strict=True)), default=0), np.float32)
    for start, samples in zip(starts, tones, strict=True):
        audio[start : start + len(samples)] += samples
    return audio


def tone(note: np.void, instrument: Sampled, sample_rate: int) -> np.ndarray:
    """One note, float32 mono [sample], from its onset until it is silent."""
    sound = pitched(instrument.name, int(note["pitch"]), sample_rate)
    held = round(float(note["offset_s"] - note["onset_s"]) * sample_rate)
    if instrument.held:
        sound = prolonged(sound, held + round(4 * instrument.release_s * sample_rate), sample_rate)
    return damp(sound * np.float32((note["velocity"] / 127) ** LOUDNESS_POWER), held, instrument.release_s * sample_rate)


# --- samples ----------------------------------------------------------------------------------------------------------


def fetch(instrument: Sampled) -> Path:
    """The folder of the instrument's samples; the first call fetches them."""
    folder = BUILD / "tonejs" / instrument.name
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        with tarfile.open(download_package(PACKAGE.format(name=instrument.name, version=instrument.version))) as package:
            for member in package:
                if member.name.endswith(".mp3"):
                    (partial / Path(member.name).name).write_bytes(package.extractfile(member).read())
        partial.replace(folder)
    return folder


@lru_cache(maxsize=64)
def samples_of(name: str) -> dict[float, Path]:
    """The file of each pitch (semitones, 69 is A4) by its sound, not by its name; second takes are left out."""
    return {pitch: path for path, pitch in _named_pitches(name, BUILD / "tonejs" / name)}


def _named_pitches(name: str, folder: Path) -> Iterator[tuple[Path, float]]:
    for path in sorted(folder.glob("*.mp3")):
        found = re.fullmatch(r"([A-G])(s?)(\d)", path.stem)
        if found:
            called = STEPS[found[1]] + len(found[2]) + 12 * (int(found[3]) + 1)
            yield path, called + SOUNDS_ABOVE.get((name, path.stem), 0.0)


@lru_cache(maxsize=128)
def pitched(name: str, pitch: int, sample_rate: int) -> np.ndarray:
    """The nearest sample at this pitch, float32 mono [sample], from just before its tone on; its loudest 50 ms have -20 dB."""
    import soundfile
    import soxr

    sampled = min(samples_of(name), key=lambda there: (abs(there - pitch), there))
    sound, rate = soundfile.read(samples_of(name)[sampled], dtype="float32", always_2d=True)
    sound = soxr.resample(sound.mean(axis=1), rate * 2 ** ((pitch - sampled) / 12), sample_rate)
    sound = begun(sound, sample_rate) if INSTRUMENTS[name].held else begin_at(sound, sample_rate)
    return sound * np.float32(0.1 / levels(sound, round(0.05 * sample_rate)).max())


def begun(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """A held sound [sample] from ATTACK_S before it reaches ATTACK_DB, since players start notes in time."""
    level = levels(sound[: 2 * sample_rate], round(ATTACK_S / 2 * sample_rate))
    heard = int(np.argmax(level >= np.quantile(level, 0.8) * 10 ** (ATTACK_DB / 20)))
    sound = sound[max(heard - 2, 0) * round(ATTACK_S / 2 * sample_rate) :].copy()
    rise = round(ATTACK_S * sample_rate)
    sound[:rise] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, rise, dtype=np.float32))
    return sound


def levels(sound: np.ndarray, frame: int) -> np.ndarray:
    """The RMS [frame] of a sound [sample] in frames of `frame` samples."""
    return np.sqrt(np.mean(sound[: len(sound) // frame * frame].reshape(-1, frame) ** 2, axis=1))


def prolonged(sound: np.ndarray, samples: int, sample_rate: int) -> np.ndarray:
    """A sound [sample] of at least `samples`: unchanged if its sustained part is long enough, else with that part looped.

    A loop crossfades at the place at which the wave is most similar to its beginning.
    """
    level = levels(sound, round(FRAME_S * sample_rate))
    loud = np.flatnonzero(level >= np.median(level) * 10 ** (SUSTAIN_DB / 20))
    last = (int(loud[-1]) + 1) * round(FRAME_S * sample_rate) if len(loud) else len(sound)
    fade, search = round(FADE_S * sample_rate), round(SEARCH_S * sample_rate)
    first = int(LOOP_BEGIN * last)
    if samples <= last or last - first < 2 * fade + search:
        return sound
    begin, end = sound[first : first + fade], sound[last - fade - search : last]
    seam = last - fade - search + int(np.argmax(similarity(end, begin)))
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    whole = [sound[:seam]]
    for _ in range(-(-(samples - seam) // (seam - first))):
        whole.append(sound[seam : seam + fade] * (1 - rise) + begin * rise)
        whole.append(sound[first + fade : seam])
    return np.concatenate(whole)


def similarity(sound: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """The correlation coefficient of a pattern with the sound [sample], from every sample on."""
    energy = np.convolve(sound**2, np.ones(len(pattern), np.float32), "valid")
    return np.correlate(sound, pattern, "valid") / np.sqrt(np.maximum(energy, 1e-12))
