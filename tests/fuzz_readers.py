"""The readers that the fuzzer tests: small valid files for each, how to break them, and how the commands read them."""

from __future__ import annotations

import functools
import importlib.util
import io
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import note_files
import numpy as np
from fuzz_changes import broken

SURROUNDINGS = ("sample.wav", "c4.wav")  # These sounds lie in the same folder as every input.


@dataclass(frozen=True)
class Reader:
    """A reader: `inputs()` gives valid (name of a file, content); `read(path)` reads as the commands do."""

    inputs: Callable[[], Sequence[tuple[str, bytes]]]
    read: Callable[[Path], object]
    names: bool = False  # Whether the names of files are broken instead of their contents.
    needs: str = ""  # The reader is left out if this package is missing.

    def is_there(self) -> bool:
        """Whether the packages that it needs are installed."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None

    def load(self) -> None:
        """Import what the reader imports, before time is measured."""
        if self.needs:
            importlib.import_module(self.needs)


@functools.cache
def sources(reader: str) -> tuple[tuple[str, bytes], ...]:
    """The valid inputs of a reader."""
    return tuple(READERS[reader].inputs())


def make(reader: str, seed: int, number: int, folder: Path) -> Path:
    """Write input `number` of a reader into `folder`, and return the path to read."""
    rng = random.Random(f"{seed}/{reader}/{number}")
    name, data = rng.choice(sources(reader))
    folder.mkdir(parents=True, exist_ok=True)
    if READERS[reader].names:
        target = Path(tempfile.mkdtemp(dir=folder))
        for _ in range(rng.randint(1, 3)):
            stem = broken(rng, name.encode(), ()).decode("utf-8", "surrogateescape").replace("/", "").replace("\0", "")[:60]
            (target / f"{stem}.wav").write_bytes(data)
        return target
    for beside in SURROUNDINGS:
        (folder / beside).write_bytes(wave())
    target = folder / name
    target.write_bytes(broken(rng, data, [other for _, other in sources(reader)]))
    return target


# --- valid inputs -----------------------------------------------------------------------------------------------------


def wave(form: str = "WAV", seconds: float = 0.2) -> bytes:
    """A short tone as a sound file."""
    import soundfile

    packed, t = io.BytesIO(), np.arange(round(8000 * seconds)) / 8000
    soundfile.write(packed, 0.5 * np.sin(2 * np.pi * 440 * t), 8000, format=form)
    return packed.getvalue()


def midi() -> list[tuple[str, bytes]]:
    """MIDI files with tempos, controllers, programs, text and running status."""
    from midi_bytes import off, on, smf, track

    end, tempo = (0, b"\xff\x2f\x00"), (0, b"\xff\x51\x03\x07\xa1\x20")
    name, pedal = (0, b"\xff\x03\x05Right"), (10, bytes((0xB0, 64, 127)))
    melody = track(name, (0, b"\xc0\x05"), (0, on(60)), (480, off(60)), pedal, (0, on(64)), (0, bytes((67, 80))),
                   (480, off(64)), end)
    drums = track((0, b"\xf0\x03\x01\x02\xf7"), (0, on(36, 90, 9)), end)
    return [("a.mid", smf(track(tempo, (0, b"\xff\x59\x02\x01\x00"), end), melody)), ("b.mid", smf(melody, style=0)),
            ("c.mid", smf(melody, division=0xE728)), ("d.mid", smf(drums))]


def played_from() -> list[tuple[str, bytes]]:
    """Scores with two parts: tracks, and channels of one track."""
    from midi_bytes import END, TICKS, off, on, one_note, smf, track

    both = track((0, on(72)), (0, on(48, channel=1)), (TICKS, off(72)), (0, off(48, 1)), END)
    return [("a.mid", smf(one_note(60), one_note(48))), ("b.mid", smf(both, style=0))]


def tables() -> list[tuple[str, bytes]]:
    """Tables and annotations of notes."""
    found = [(name, text.encode()) for name, text in note_files.TABLES.items()]
    contour = [{"time": number / 100, "duration": 0, "value": {"index": 0, "frequency": 261.6, "voiced": True}}
               for number in range(10)]
    found += [("a.jams", note_files.jams(("note_midi", note_files.observations(), "0")).encode()),
              ("b.jams", note_files.jams(("pitch_contour", contour, "")).encode()),
              ("a.svl", note_files.layer().encode()), ("b.svl", note_files.layer("Hz", note_files.hz).encode())]
    return found


def music() -> list[tuple[str, bytes]]:
    """Written music."""
    text = note_files.two_hands()
    return [("a.musicxml", text.encode()), ("b.mxl", note_files.mxl(text)), ("c.mei", note_files.MEI.encode()),
            ("d.abc", note_files.ABC.encode()), ("e.krn", note_files.KERN.encode())]


def guitar() -> list[tuple[str, bytes]]:
    """Guitar Pro files."""
    from test_notes_tablature import tablature

    return [("a.gp3", tablature((3, 0, 0))), ("b.gp4", tablature((4, 0, 6))), ("c.gp5", tablature((5, 1, 0)))]


def sfz() -> list[tuple[str, bytes]]:
    """SFZ instruments."""
    text = """// an instrument
<control> default_path=./
<global> ampeg_release=0.8 lovel=1 hivel=127
<group> pitch_keytrack=100 trigger=attack
<region> sample=sample.wav lokey=c4 hikey=e4 pitch_keycenter=60 offset=10
<region> sample=c4.wav key=72 lovel=10 hivel=60 /* soft */
"""
    return [("a.sfz", text.encode()), ("b.sfz", b"<group> pitch_keytrack=0 <region> key=36 sample=sample.wav\n")]


def sounds() -> list[tuple[str, bytes]]:
    """Sound files of every format."""
    kinds = (("wav", "WAV"), ("flac", "FLAC"), ("aiff", "AIFF"), ("ogg", "OGG"), ("mp3", "MP3"), ("w64", "W64"), ("caf", "CAF"))
    return [(f"a.{ending}", wave(form)) for ending, form in kinds]


def setups() -> list[tuple[str, bytes]]:
    """Set-ups of live playing, with scenes."""
    first = 'by = "split"\nmidi = ["a", "b"]\npreset = "piano"\n[gains]\nlow = -6\n[controls]\n"gain_db.low" = [1, 7]\n'
    return [("a.toml", (first + '[[scene]]\nname = "x"\nprogram = 3\nmute = "low"\n').encode()),
            ("b.toml", b'[parameters]\nmode = "live"\nmask_power = 1.5\n')]


def presets() -> list[tuple[str, bytes]]:
    """A small preset."""
    from rtsep.presets.preset import Preset, save_preset

    rng = np.random.default_rng(0)
    W = rng.random((4, 65)).astype(np.float32)
    provenance = {name: "test" for name in ("source", "licence", "attribution", "made_by")}
    preset = Preset("small", "A small instrument", 8000.0, 128, 64, (W / W.sum(axis=1, keepdims=True)).astype(np.float32),
                    np.array([60, 60, 62, 62], np.int16), ("attack", "sustain") * 2, np.full(128, 0.1, np.float32),
                    np.full(128, 5.0, np.float32), provenance)
    with tempfile.TemporaryDirectory() as folder:
        save_preset(preset, Path(folder) / "a.npz")
        packed = (Path(folder) / "a.npz").read_bytes()
        arrays = dict(np.load(Path(folder) / "a.npz"))
    plain = io.BytesIO()
    np.savez(plain, **arrays)
    return [("a.npz", packed), ("b.npz", plain.getvalue())]


@functools.cache
def take(kind: str) -> dict[str, bytes]:
    """The files of a take whose recording was cut off, as wav or flac."""
    from rtsep.hosts.takes import Take, TakeForm

    with tempfile.TemporaryDirectory() as folder:
        cut = Take(Path(folder) / "take", TakeForm(("a", "residual"), 8000.0, 1, np.zeros((32, 16, 128), np.int8), kind))
        for number in range(4):
            cut.write(np.random.default_rng(number).uniform(-0.5, 0.5, (3, 4096)).astype(np.float32))
            cut.add([(number, 0, (0x90, 60 + number, 90)), (number, 0, (0xB0, 64, 127))])
        cut.update()
        files = {path.name: path.read_bytes() for path in cut.folder.iterdir() if path.name != ".lock"}
        cut.finish()
        return files


def takes() -> list[tuple[str, bytes]]:
    """One file of a take that was cut off; its name tells which file it is."""
    return [(f"{kind}:{name}", data.rstrip() if name == ".recording" else data)
            for kind in ("wav", "flac") for name, data in take(kind).items()]


# --- reading, as the commands do --------------------------------------------------------------------------------------


def read_notes(path: Path) -> None:
    """As render and train read notes."""
    from rtsep.notes.read import read_notes
    from rtsep.notes.routing import by_track

    score = read_notes(path, 8000)
    score.events(44100)
    score.notes()
    by_track(score)


def read_sfz(path: Path) -> None:
    """As train reads an SFZ instrument."""
    from rtsep.training.samples import read_samples
    from rtsep.training.sfz import sfz_samples

    read_samples(sfz_samples(path).samples, lambda *_: None)


def read_folder(path: Path) -> None:
    """As train reads a folder of notes."""
    from rtsep.training.folders import folder_samples
    from rtsep.training.samples import read_samples

    read_samples(folder_samples(path).samples, lambda *_: None)


def read_sound(path: Path) -> None:
    """As render reads a sound file."""
    from rtsep.files.sound import open_sound

    with open_sound(path) as sound:
        for _ in sound.blocks(65536):
            pass


def read_score(path: Path) -> object:
    """As --score reads written music, with --by hands."""
    from rtsep.notes.score_parts import by_score

    return by_score(path, "hands")


def read_setup(path: Path) -> object:
    """As rtsep live reads a set-up."""
    from rtsep.hosts.setup_reading import read_setup

    return read_setup(str(path))


def read_preset(path: Path) -> None:
    """As render reads a preset."""
    from rtsep.presets.preset import load_preset, read_programs

    load_preset(path)
    read_programs(path)


def read_take(path: Path) -> None:
    """As live and takes repair a take: this file is broken, the others are whole."""
    from rtsep.hosts.found_takes import find_takes
    from rtsep.hosts.takes import mend

    kind, _, broken_name = path.name.partition(":")
    folder = Path(tempfile.mkdtemp(dir=path.parent))
    for name, data in {**take(kind), broken_name: path.read_bytes()}.items():
        (folder / name).write_bytes(data)
    find_takes(folder)
    try:
        mend(folder)
    finally:
        find_takes(folder)


NAMED = ("Piano_C#4_v80", "A0v12", "flute-mf-Bb5", "60", "note_72_vel100", "cello c4 pp")
def write_hands(path: Path) -> None:
    """As hands reads notes, and writes them with the rest of the file."""
    from rtsep.hosts.hands_file import Job, divide

    divide(Job(path, path.with_name("hands.mid"), overwrite=True))


READERS = {
    "hands": Reader(midi, write_hands),
    "midi": Reader(midi, read_notes),
    "tables": Reader(tables, read_notes),
    "scores": Reader(played_from, read_score),
    "music": Reader(music, read_notes, needs="music21"),
    "guitar": Reader(guitar, read_notes, needs="guitarpro"),
    "sfz": Reader(sfz, read_sfz),
    "folders": Reader(lambda: [(name, wave()) for name in NAMED], read_folder, names=True),
    "sounds": Reader(sounds, read_sound),
    "presets": Reader(presets, read_preset),
    "takes": Reader(takes, read_take),
    "setups": Reader(setups, read_setup),
}
