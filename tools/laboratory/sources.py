"""The sources of the sounds of presets and demo: Salamander with a small sampler, FluidR3 by fluidsynth, drum hits.

All downloads and renderings are kept in `build/`, which git ignores; delete that folder to start again.
"""

import subprocess
import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from laboratory.study import ROOT, MissingError, need_file, need_program

BUILD = ROOT / "build"
NOTE = np.dtype([("onset_s", "<f8"), ("offset_s", "<f8"), ("pitch", "<i2"), ("velocity", "<i2")])

# --- Salamander Grand V3 by Alexander Holm, CC BY 3.0 -----------------------------------------------------------------

PACKAGE = "@audio-samples/piano-velocity{layer}@1.0.5"
SAMPLED_PITCHES = tuple(range(21, 109, 3))  # A0, C1, D#1, F#1, A1 ... C8
# of layers 1 to 16, and the end of the last
LOWEST_VELOCITY = (1, 27, 35, 37, 44, 47, 51, 57, 65, 73, 81, 89, 97, 105, 113, 121, 128)
LAYER_DB = (-35.6, -31.6, -29.0, -26.9, -25.3, -24.1, -23.5, -22.8,  # median level of each layer's first 200 ms
            -22.2, -21.2, -20.3, -19.4, -18.8, -17.4, -15.9, -15.2)
FIRST_UNDAMPED_PITCH = 90  # F#6: the strings from here on have no dampers
LEAD_S = 0.005  # seconds from note-on to the audible start of the tone: the hammer has struck
FADE_IN_S = 0.003
# time constants of the fade after the damper falls, in seconds, at these pitches
DAMPER_PITCH, DAMPER_S = (21, 60, 89), (0.15, 0.08, 0.06)
DAMPER_CONSTANTS = 8.0  # the fade is cut after this many time constants, at -69 dB


def layer_of(velocity):
    """The sample layer, 1 to 16, of a MIDI velocity, 1 to 127."""
    return int(np.searchsorted(LOWEST_VELOCITY, velocity, side="right"))


def velocity_gain(velocity):
    """The gain of the layer's samples: velocity / 127, after the steps from layer to layer are levelled.

    The samples of louder layers are louder, but less than on the piano: the rest grows in proportion to velocity.
    """
    centres = (np.array(LOWEST_VELOCITY[:-1]) + np.array(LOWEST_VELOCITY[1:]) - 1) / 2
    step_db = np.interp(velocity, centres, LAYER_DB) - LAYER_DB[layer_of(velocity) - 1]
    return 10 ** (step_db / 20) * velocity / 127


def fetch_salamander(layers):
    """Fetch the packages of these layers (1 to 16) into build/salamander, unless they are there; give the folder."""
    folder = BUILD / "salamander"
    for layer in sorted(layers):
        if not all((folder / sample_name(layer, pitch)).exists() for pitch in SAMPLED_PITCHES):
            print(f"fetching Salamander layer {layer} (5 MB)", flush=True)
            unpack_layer(download_package(PACKAGE.format(layer=layer)), folder)
    return folder


def sample_name(layer, sampled_pitch):
    """The file name of a sample, for example D#4v7.ogg."""
    step = {0: "C", 3: "D#", 6: "F#", 9: "A"}[sampled_pitch % 12]
    return f"{step}{sampled_pitch // 12 - 1}v{layer}.ogg"


def download_package(package):
    """The path of an npm package ("name@version"), downloaded into build/npm. MissingError if it cannot be fetched."""
    need_program("npm", "apt-get install npm")
    (BUILD / "npm").mkdir(parents=True, exist_ok=True)
    result = subprocess.run(["npm", "pack", package, "--silent"], cwd=BUILD / "npm", capture_output=True, text=True)
    if result.returncode:
        raise MissingError(f"npm could not fetch {package}: {result.stderr.strip() or 'no reason given'}; "
                           "check the network and run this again")
    return BUILD / "npm" / result.stdout.split()[-1]


def unpack_layer(archive, folder):
    """Copy the samples of a package into one flat folder; a sample appears there only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for member in package:
            if member.name.endswith(".ogg"):
                partial = folder / "partial"
                partial.write_bytes(package.extractfile(member).read())
                partial.replace(folder / Path(member.name).name)


def render(notes, sample_rate=44100):
    """Play notes (NOTE array, any order) with the Salamander samples: float32 mono [n], until the last tone has ended.

    A note sounds from its onset to its offset, and is then damped; the caller applies pedals (`hold_by_pedal`).
    Levels are not limited or normalised: a chord can exceed 1.
    """
    fetch_salamander({layer_of(velocity) for velocity in notes["velocity"]})
    starts = np.round(notes["onset_s"] * sample_rate).astype(int)
    tones = [tone(note, sample_rate) for note in notes]
    audio = np.zeros(max((start + len(t) for start, t in zip(starts, tones, strict=True)), default=0), np.float32)
    for start, samples in zip(starts, tones, strict=True):
        audio[start : start + len(samples)] += samples
    return audio


def tone(note, sample_rate):
    """One note of the sampler, from its onset until it is silent."""
    sound = struck_string(int(note["pitch"]), layer_of(note["velocity"]), sample_rate)
    sound = sound * np.float32(velocity_gain(note["velocity"]))
    if note["pitch"] >= FIRST_UNDAMPED_PITCH:
        return sound
    held = round((note["offset_s"] - note["onset_s"]) * sample_rate)
    return damp(sound, held, np.interp(note["pitch"], DAMPER_PITCH, DAMPER_S) * sample_rate)


def damp(sound, held, time_constant):
    """Let a tone fade exponentially from sample `held` on; the end of the fade is also smooth."""
    after = sound[held : held + round(DAMPER_CONSTANTS * time_constant)]
    t = np.arange(len(after), dtype=np.float32)
    fade = np.exp(-t / time_constant) * np.cos(t / max(len(after), 1) * np.pi / 2)
    return np.concatenate([sound[:held], after * fade]).astype(np.float32)


@lru_cache(maxsize=32)
def struck_string(pitch, layer, sample_rate):
    """The undamped sample of a pitch and layer: mono, shifted by at most a semitone, from LEAD_S before its tone on."""
    import soundfile
    import soxr

    sampled_pitch = min(SAMPLED_PITCHES, key=lambda sampled: abs(sampled - pitch))
    sound, rate = soundfile.read(BUILD / "salamander" / sample_name(layer, sampled_pitch), dtype="float32")
    shift = 2 ** ((pitch - sampled_pitch) / 12)
    return begin_at(soxr.resample(sound.mean(axis=1), rate * shift, sample_rate), sample_rate)


def begin_at(sound, sample_rate):
    """Cut or add silence so that the tone reaches -30 dB of its early peak LEAD_S after the start."""
    early = np.abs(sound[: sample_rate // 10])
    first = int(np.argmax(early > 10 ** (-30 / 20) * early.max())) - round(LEAD_S * sample_rate)
    sound = np.concatenate([np.zeros(max(-first, 0), np.float32), sound[max(first, 0) :]])
    fade = round(FADE_IN_S * sample_rate)
    sound[:fade] *= 0.5 - 0.5 * np.cos(np.arange(fade, dtype=np.float32) / fade * np.pi)
    return sound


def hold_by_pedal(notes, pedal_spans):
    """The notes as they sound with the sustain pedal: offsets inside a span (down_s, up_s) move to its end.

    A string that is struck again starts anew, so a note ends, at the latest, at the next onset of its pitch.
    """
    held = notes.copy()
    for down_s, up_s in pedal_spans:
        inside = (notes["offset_s"] >= down_s) & (notes["offset_s"] < up_s)
        held["offset_s"][inside] = up_s
    for note in held:
        again = notes["onset_s"][(notes["pitch"] == note["pitch"]) & (notes["onset_s"] > note["onset_s"])]
        note["offset_s"] = min(note["offset_s"], again.min(initial=np.inf))
    return held


# --- FluidR3 GM by Frank Wen, MIT -------------------------------------------------------------------------------------

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
DEBIAN_PACKAGES = {"FluidR3_GM.sf2": "fluid-soundfont-gm", "TimGM6mb.sf2": "timgm6mb-soundfont",
                   "MuseScore_General_Full.sf3": "musescore-general-soundfont"}


def render_soundfont(midi_path, soundfont=SOUNDFONT, sample_rate=44100):
    """Play a MIDI file with a soundfont (FluidR3 GM), without reverb and chorus: float32 mono [n]."""
    import soundfile

    need_program("fluidsynth", "apt-get install fluidsynth")
    need_file(soundfont, f"install it, on Debian: apt-get install {DEBIAN_PACKAGES[soundfont.name]}")
    wav = Path(midi_path).with_suffix(".partial.wav")
    subprocess.run(["fluidsynth", "-niq", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(sample_rate), "-T", "wav",
                    "-o", "synth.dynamic-sample-loading=1", "-O", "float", "-F", str(wav), str(soundfont), str(midi_path)],
                   check=True, capture_output=True)
    sound, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    wav.unlink()
    return sound.mean(axis=1)


# --- drum hits of sonic-pi-samples, CC0 ---------------------------------------------------------------------------------

SAMPLES = Path("/usr/share/sonic-pi/samples")


def drum_hit(name, sample_rate=44100):
    """A hit as float32 mono [n] with a peak of 1; it starts LEAD_S before it can be heard."""
    import soundfile
    import soxr

    need_file(SAMPLES, "install it, on Debian: apt-get install sonic-pi-samples")
    sound, rate = soundfile.read(SAMPLES / f"{name}.flac", dtype="float32", always_2d=True)
    hit = begin_at(soxr.resample(sound.mean(axis=1), rate, sample_rate), sample_rate)
    return hit / np.abs(hit).max()


# --- shared -----------------------------------------------------------------------------------------------------------


def fit(sound, samples):
    """The sound, cut or filled with silence to this length."""
    return np.pad(sound[:samples], (0, max(samples - len(sound), 0)))
