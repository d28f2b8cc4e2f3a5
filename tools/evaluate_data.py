"""The pieces that the bench plays: folders with true stems and their notes.

A folder is a piece when it holds

* a sound file (FLAC or WAV, one sample rate) for each true stem,
* one MIDI file (or several, of which one is called all.mid, both.mid or mix.mid and holds everything),
* stems.json: {"name of a sound file without ending": "name of its MIDI track", ...}; null instead of a track for sounds
  whose notes nobody tells the separator: together they are the truth of the residual.

The mix is the sum of the stems. Tracks that stems.json does not name are not played to the separator.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from evaluate_drums import preset_of_hits
from sources import ROOT

from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.notes.routing import by_track
from rtsep.notes.score import Score, read_midi
from rtsep.presets.preset import Preset

DEMO = ROOT / "presets" / "demo"
SHARED = ROOT.parent / "shared" / "data"
ROLES = {"demo": "reporting", "two_hands": "reporting", "piano_and_others": "tuning"}
PIANO_ONLY = {"piano_left": "Piano left", "piano_right": "Piano right", "solo_cello": None}
DRUMS = {"kick": "kick", "snare": "snare", "hihat": "hihat", "other": None}
HITS = "train_hits"
WHOLE_SCORES = ("all.mid", "both.mid", "mix.mid")


@dataclass(frozen=True)
class Piece:
    """True stems by the engine's stem names, float32 [channel, sample], and the notes that the separator is told.

    `role` is "tuning" (settings may be chosen on it), "reporting" (they may not) or "extra". `noise` is in the mix but in
    no stem. `preset` is what plays, if it is no piano.
    """

    name: str
    group: str
    role: str
    sample_rate: int
    truths: dict[str, np.ndarray]
    score: Score
    noise: np.ndarray | None = None
    preset: Preset | None = None

    @cached_property
    def mix(self) -> np.ndarray:
        """What the separator hears, float32 [channel, sample]."""
        sounds = [*self.truths.values()] + ([] if self.noise is None else [self.noise])
        return np.sum(sounds, axis=0, dtype=np.float32)

    @property
    def has_pedal(self) -> bool:
        """Whether the notes come with pedals."""
        return bool((self.score.messages[:, 1] & 0xF0 == 0xB0).any())


def find_pieces(shared: Path | None, folders: Iterable[Path]) -> list[Piece]:
    """The bundled clip, the sets below `shared` as far as they are there, and `folders`."""
    pieces = [load_piece(DEMO, "demo")]
    for group in ("two_hands", "piano_and_others"):
        found = sorted((shared / group).iterdir()) if shared and (shared / group).is_dir() else []
        pieces += [load_piece(folder, group) for folder in found if folder.is_dir()]
    pieces += find_grooves(shared / "drums") if shared and (shared / "drums" / HITS).is_dir() else []
    return pieces + [load_piece(folder, folder.resolve().parent.name) for folder in folders]


def pieces_of(group: str, seconds: float | None = None, shared: Path = SHARED) -> list[Piece]:
    """The pianos of a set below `shared`, or the first `seconds` of them: what else plays is left out."""
    found = [excerpt(piece, seconds) for piece in find_pieces(shared, []) if piece.group == group]
    return [replace(piece, truths={stem: sound for stem, sound in piece.truths.items() if stem != "residual"})
            for piece in found]


def find_grooves(folder: Path) -> list[Piece]:
    """The drum grooves in `folder`, with a preset from the hits that lie beside them."""
    preset = preset_of_hits(folder / HITS)
    found = sorted(path.parent for path in folder.glob("*/drums.mid"))
    return [replace(load_piece(groove, "drums"), preset=preset) for groove in found]


def load_piece(folder: Path, group: str, tracks: dict[str, str | None] | None = None) -> Piece:
    """The piece in `folder`; `tracks` goes before its stems.json. RtsepError if it has not the shape described above."""
    tracks = tracks or _tracks_of(folder, group)
    score = read_midi(_whole_score(folder))
    unknown = {track for track in tracks.values() if track is not None} - set(score.track_names)
    if unknown:
        raise RtsepError(f"{folder}: stems.json names the tracks {', '.join(sorted(unknown))}; the MIDI file has "
                         f"{', '.join(score.track_names)}")
    told = only_tracks(score, [track for track in tracks.values() if track is not None])
    stem_of = dict(zip(told.track_names, by_track(told).names, strict=True))
    truths: dict[str, np.ndarray] = {}
    rates = set()
    for file, track in tracks.items():
        sound, rate = _read_stem(folder, file)
        rates.add(rate)
        stem = "residual" if track is None else stem_of[track]
        truths[stem] = truths[stem] + sound if stem in truths else sound
    if len(rates) != 1:
        raise RtsepError(f"{folder}: the stems have the sample rates {sorted(rates)}; make them one")
    name = folder.resolve().name
    return Piece(name, group, ROLES.get(group, "extra"), rates.pop(), _of_one_length(truths), told)


def _tracks_of(folder: Path, group: str) -> dict[str, str | None]:
    path = folder / "stems.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    if group == "piano_and_others":
        return PIANO_ONLY
    if group == "drums":
        return {name: track for name, track in DRUMS.items() if (folder / f"{name}.flac").exists()}
    raise RtsepError(f"{folder} has no stems.json: write one, {{\"sound file without ending\": \"MIDI track\" or null}}")


def _whole_score(folder: Path) -> Path:
    found = sorted(folder.glob("*.mid"))
    whole = [path for path in found if path.name in WHOLE_SCORES] or found
    if len(whole) != 1:
        raise RtsepError(f"{folder} holds {len(found)} MIDI files: leave one, or call the whole score all.mid")
    return whole[0]


def _read_stem(folder: Path, name: str) -> tuple[np.ndarray, int]:
    for ending in (".flac", ".wav"):
        if (folder / (name + ending)).exists():
            return read_sound(folder / (name + ending))
    raise RtsepError(f"{folder}: stems.json names {name}, but there is no {name}.flac or {name}.wav")


def _of_one_length(truths: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    samples = max(sound.shape[1] for sound in truths.values())
    return {stem: np.pad(sound, ((0, 0), (0, samples - sound.shape[1]))) for stem, sound in truths.items()}


def only_tracks(score: Score, names: Iterable[str]) -> Score:
    """`score` without the parts whose tracks are not among `names`; the others are numbered anew."""
    kept = [part for part, name in enumerate(score.track_names) if name in set(names)]
    mine = np.isin(score.messages[:, 0], kept)
    messages = score.messages[mine]
    messages[:, 0] = np.searchsorted(kept, messages[:, 0])
    strikes = (messages[:, 1] & 0xF0 == 0x90) & (messages[:, 3] > 0)
    return replace(score, track_names=tuple(score.track_names[part] for part in kept), messages=messages,
                   seconds=score.seconds[mine], note_count=int(strikes.sum()))


def excerpt(piece: Piece, seconds: float | None) -> Piece:
    """The first `seconds` of `piece`; all of it for None."""
    if seconds is None:
        return piece
    samples = round(seconds * piece.sample_rate)
    return replace(piece, truths={stem: sound[:, :samples] for stem, sound in piece.truths.items()})
