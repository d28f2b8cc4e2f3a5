"""The pieces that the studies play: folders with true stems and their notes.

A folder is a piece when it holds

* a sound file (FLAC or WAV, one sample rate) for each true stem,
* one MIDI file (or several, of which one is called all.mid, both.mid or mix.mid and holds everything),
* stems.json: {"name of a sound file without ending": "name of its MIDI track", ...}; null instead of a track for sounds
  whose notes nobody tells the separator: together they are the truth of the residual.

The mix is the sum of the stems. Tracks that stems.json does not name are not played to the separator.
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
               "mozart_k545": "vocadito_14"}  # what sounds beside each piece of two_hands


@dataclass(frozen=True)
class Piece:
    """True stems by the engine's stem names, float32 [channel, sample], and the notes that the separator is told.

    `role` is "tuning" (settings may be chosen on it), "reporting" (they may not) or "extra". `noise` is in the mix but in
    no stem. `preset` is what plays, if it is not the default; several play a stem each. `routing` tells which stem a
    note belongs to, if it is not its track's. The separator is told `late_s` later
    than the notes are played. The first `skipped_s` are not judged.
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
        """What the separator hears, float32 [channel, sample]."""
        sounds = [*self.truths.values()] + ([] if self.noise is None else [self.noise])
        return np.sum(sounds, axis=0, dtype=np.float32)

    @property
    def told(self) -> dict[str, np.ndarray]:
        """The stems whose notes are told."""
        return {stem: sound for stem, sound in self.truths.items() if stem != "residual"}

    @property
    def has_pedal(self) -> bool:
        """Whether the notes come with pedals."""
        return bool((self.score.messages[:, 1] & 0xF0 == 0xB0).any())


# --- sets of pieces ---------------------------------------------------------------------------------------------------


def all_pieces(given: Given) -> list[Piece]:
    """The bundled clip, the sets below `given.shared` as far as they are there, and folders that were named."""
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
    """A set below `given.shared`; empty, and noted as missing, if it is not there. `called`: the set's name in the table."""
    return [replace(excerpt(load_piece(folder, group, tracks), given.seconds), preset=preset, group=called or group)
            for there in given.there(need_file, [given.shared / group]) for folder in _folders(there)
            if not given.pieces or folder.name in given.pieces]


def pianos(given: Given, group: str, preset: Preset | None = None, called: str | None = None) -> list[Piece]:
    """The pianos of a set: what else plays is left out."""
    return [alone(piece) for piece in group_of(given, group, preset=preset, called=called)]


def bands(given: Given, preset: Preset | None = None, called: str | None = None) -> list[Piece]:
    """The pianos of two_hands, each a stem with its background beside it."""
    return [one_piano(piece) for piece in with_backgrounds(given, group_of(given, "two_hands", preset=preset, called=called))]


def with_backgrounds(given: Given, pieces: Iterable[Piece], names: Mapping[str, str] = BACKGROUNDS) -> list[Piece]:
    """Pieces of two_hands, each with its background beside it."""
    return given.there(lambda piece: with_background(piece, given.shared / "backgrounds" / f"{names[piece.name]}.flac"), pieces)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def grooves(shared: Path) -> list[Piece]:
    """The drum grooves, with a preset from the hits that lie beside them."""
    folder = need_file(shared / "drums")
    known = preset_of_hits(folder / HITS)
    return [replace(load_piece(path.parent, "drums"), preset=known) for path in sorted(folder.glob("*/drums.mid"))]


# --- what is done to pieces -------------------------------------------------------------------------------------------


def excerpt(piece: Piece, seconds: float | None) -> Piece:
    """The first `seconds` of `piece`; all of it for None."""
    if seconds is None:
        return piece
    samples = round(seconds * piece.sample_rate)
    return with_sounds(piece, lambda sound: sound[:, :samples])


def with_sounds(piece: Piece, change: Callable[[np.ndarray], np.ndarray]) -> Piece:
    """The piece with `change` done to every true stem [channel, sample]."""
    return replace(piece, truths={stem: change(sound) for stem, sound in piece.truths.items()})


def alone(piece: Piece) -> Piece:
    """Without the sounds whose notes nobody tells."""
    return replace(piece, truths=piece.told)


def one_piano(piece: Piece) -> Piece:
    """Both hands one stem, beside the residual."""
    hands = np.sum([*piece.told.values()], axis=0, dtype=np.float32)
    return replace(piece, truths={"piano": hands, "residual": piece.truths["residual"]})


def with_background(piece: Piece, path: Path) -> Piece:
    """The piece and, as loud as all of it, a sound that is the residual's truth; a short one is played again and again."""
    return beside(piece, read_sound(need_file(path))[0][:1])


def beside(piece: Piece, sound: np.ndarray) -> Piece:
    """The piece and a sound [1, sample] of its sample rate, as `with_background` has it."""
    played = piece.mix
    sound = np.tile(sound, -(-played.shape[1] // sound.shape[1]))[:, : played.shape[1]]
    level = np.sqrt(np.mean(played**2) / np.mean(sound**2))
    return replace(piece, truths={**piece.truths, "residual": (level * sound).astype(np.float32)})


# --- folders ----------------------------------------------------------------------------------------------------------


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
    programs = {(kept.index(part), channel): program for (part, channel), program in score.programs.items() if part in kept}
    return replace(score, track_names=tuple(score.track_names[part] for part in kept), messages=messages, programs=programs,
                   ports=tuple(score.ports[part] for part in kept) if score.ports else (), seconds=score.seconds[mine],
                   note_count=int(strikes.sum()))
