"""The pieces of the studies: folders with true stems and their notes.

A folder is a piece if it contains

* a sound file (FLAC or WAV, one sample rate) for each true stem,
* one MIDI file (or several, if one is called all.mid, both.mid or mix.mid and contains everything),
* stems.json: {"name of a sound file without ending": "name of its MIDI track", ...}; null instead of a track for sounds
  whose notes are not told: together they are the truth of the residual.

The mix is the sum of the stems. The separator does not get tracks that stems.json does not name.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from laboratory.drums import preset_of_hits
from laboratory.study import ROOT, Given, need_file
from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.notes.routing import Routing, by_track
from rtsep.notes.score import Score, read_midi
from rtsep.presets.preset import Preset

DEMO = ROOT / "presets" / "demo"
ROLES = {"demo": "reporting", "two_hands": "reporting", "piano_and_others": "tuning"}
PIANO_ONLY = {"piano_left": "Piano left", "piano_right": "Piano right", "solo_cello": None}
DRUMS = {"kick": "kick", "snare": "snare", "hihat": "hihat", "other": None}
HITS = "train_hits"
WHOLE_SCORES = ("all.mid", "both.mid", "mix.mid")
BACKGROUNDS = {"bach_bwv846_prelude": "cello-phrase", "cschumann_polonaise": "vocadito_10", "joplin_maple_leaf": "sax-phrase",
               "mozart_k545": "vocadito_14"}  # the recording beside each piece of two_hands


@dataclass(frozen=True)
class Piece:
    """True stems, by the engine's names of stems, float32 [channel, sample], and the notes that the separator is told.

    role: "tuning" (settings may be chosen on it), "reporting" (they may not) or "extra". noise: it is in the mix, but in no
    stem. preset: the preset, if it is not the default; several presets play one stem each. routing: the stem of each note, if
    it is not that of its track. late_s: notes are told this many seconds after they are played. skipped_s: the first seconds,
    which are not judged.
    """

    name: str
    group: str
    role: str
    sample_rate: int
    truths: dict[str, np.ndarray]
    score: Score
    noise: np.ndarray | None = None
    preset: Preset | Sequence[Preset] | None = None
    routing: Routing | None = None
    late_s: float = 0.0
    skipped_s: float = 0.0

    @cached_property
    def mix(self) -> np.ndarray:
        """The input of the separator, float32 [channel, sample]."""
        sounds = [*self.truths.values()] + ([] if self.noise is None else [self.noise])
        return np.sum(sounds, axis=0, dtype=np.float32)

    @property
    def told(self) -> dict[str, np.ndarray]:
        """The stems whose notes are told."""
        return {stem: sound for stem, sound in self.truths.items() if stem != "residual"}

    @property
    def has_pedal(self) -> bool:
        """Whether the MIDI has pedals."""
        return bool((self.score.messages[:, 1] & 0xF0 == 0xB0).any())


# --- sets of pieces ---------------------------------------------------------------------------------------------------


def all_pieces(given: Given) -> list[Piece]:
    """The bundled clip, the sets in `given.shared` that exist, and folders from the command line."""
    pieces = [load_piece(DEMO, "demo")]
    for group in ("two_hands", "piano_and_others"):
        pieces += [load_piece(folder, group) for folder in _folders(given.shared / group)]
    if (given.shared / "drums" / HITS).is_dir():
        pieces += grooves(given.shared)
    folders = [Path(name) for name in given.pieces if Path(name).is_dir()]
    pieces += [load_piece(folder, folder.resolve().parent.name) for folder in folders]
    wanted = {Path(name).resolve().name if Path(name).is_dir() else name for name in given.pieces}
    return [excerpt(piece, given.seconds) for piece in pieces if not wanted or piece.name in wanted]


def group_of(given: Given, group: str, tracks: dict[str, str | None] | None = None, preset: Preset | None = None,
             called: str | None = None) -> list[Piece]:
    """A set in `given.shared`; empty, and noted as missing, if it does not exist. called: the set's name in the table."""
    return [replace(excerpt(load_piece(folder, group, tracks), given.seconds), preset=preset, group=called or group)
            for there in given.there(need_file, [given.shared / group]) for folder in _folders(there)
            if not given.pieces or folder.name in given.pieces]


def pianos(given: Given, group: str, preset: Preset | None = None, called: str | None = None) -> list[Piece]:
    """The pianos of a set, without the other instruments."""
    return [alone(piece) for piece in group_of(given, group, preset=preset, called=called)]


def bands(given: Given, preset: Preset | None = None, called: str | None = None) -> list[Piece]:
    """The pianos of two_hands, each as one stem beside its background."""
    return [one_piano(piece) for piece in with_backgrounds(given, group_of(given, "two_hands", preset=preset, called=called))]


def with_backgrounds(given: Given, pieces: Iterable[Piece], names: Mapping[str, str] = BACKGROUNDS) -> list[Piece]:
    """Pieces of two_hands, each beside its background."""
    return given.there(lambda piece: with_background(piece, given.shared / "backgrounds" / f"{names[piece.name]}.flac"), pieces)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def grooves(shared: Path) -> list[Piece]:
    """The drum grooves, with a preset made from the hits in the same folder."""
    folder = need_file(shared / "drums")
    known = preset_of_hits(folder / HITS)
    return [replace(load_piece(path.parent, "drums"), preset=known) for path in sorted(folder.glob("*/drums.mid"))]


# --- what is done to pieces -------------------------------------------------------------------------------------------


def excerpt(piece: Piece, seconds: float | None) -> Piece:
    """The first `seconds` of `piece`; None: all of it."""
    if seconds is None:
        return piece
    samples = round(seconds * piece.sample_rate)
    return with_sounds(piece, lambda sound: sound[:, :samples])


def with_sounds(piece: Piece, change: Callable[[np.ndarray], np.ndarray]) -> Piece:
    """The piece with `change` applied to every true stem [channel, sample]."""
    return replace(piece, truths={stem: change(sound) for stem, sound in piece.truths.items()})


def alone(piece: Piece) -> Piece:
    """The piece without the sounds whose notes are not told."""
    return replace(piece, truths=piece.told)


def one_piano(piece: Piece) -> Piece:
    """The piece with both hands as one stem, beside the residual."""
    hands = np.sum([*piece.told.values()], axis=0, dtype=np.float32)
    return replace(piece, truths={"piano": hands, "residual": piece.truths["residual"]})


def with_background(piece: Piece, path: Path) -> Piece:
    """The piece beside a sound that is as loud as the piece, and is the truth of the residual; a short sound is repeated."""
    return beside(piece, read_sound(need_file(path))[0][:1])


def beside(piece: Piece, sound: np.ndarray) -> Piece:
    """The piece beside a sound [1, sample] with its sample rate, as in `with_background`."""
    played = piece.mix
    sound = np.tile(sound, -(-played.shape[1] // sound.shape[1]))[:, : played.shape[1]]
    level = np.sqrt(np.mean(played**2) / np.mean(sound**2))
    return replace(piece, truths={**piece.truths, "residual": (level * sound).astype(np.float32)})


# --- folders ----------------------------------------------------------------------------------------------------------


def load_piece(folder: Path, group: str, tracks: dict[str, str | None] | None = None) -> Piece:
    """The piece in `folder`; `tracks` replaces its stems.json. RtsepError if it does not have the form described above."""
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
        raise RtsepError(f"{folder}: the stems have the sample rates {sorted(rates)}; convert them to one rate")
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
        raise RtsepError(f"{folder} has {len(found)} MIDI files: keep one, or call the whole score all.mid")
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
    """`score` with only the parts whose tracks are in `names`; the parts get new numbers."""
    kept = [part for part, name in enumerate(score.track_names) if name in set(names)]
    mine = np.isin(score.messages[:, 0], kept)
    messages = score.messages[mine]
    messages[:, 0] = np.searchsorted(kept, messages[:, 0])
    strikes = (messages[:, 1] & 0xF0 == 0x90) & (messages[:, 3] > 0)
    programs = {(kept.index(part), channel): program for (part, channel), program in score.programs.items() if part in kept}
    return replace(score, track_names=tuple(score.track_names[part] for part in kept), messages=messages, programs=programs,
                   ports=tuple(score.ports[part] for part in kept) if score.ports else (), seconds=score.seconds[mine],
                   note_count=int(strikes.sum()))
