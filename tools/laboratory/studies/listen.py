"""Notes that rtsep hears by itself: how many are right, and what the engine makes of them."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from laboratory.grid import tell
from laboratory.heard import Heard, agreement, heard, true_notes, with_heard
from laboratory.note_company import recordings
from laboratory.pieces import Piece, beside, one_piano, pianos, with_backgrounds
from laboratory.report import shown, table
from laboratory.rooms import ROOMS, in_room
from laboratory.songs import REPORTING, TUNING
from laboratory.study import Given, Row, Table, need_module, option, study
from laboratory.systems import LIVE, judge_told, preset_named, separate
from laboratory.unheard_pianos import piano_pieces
from rtsep.listening.note_net import Net, note_net, read_net
from rtsep.notes.routing import by_hands, everything

PAGE = "docs/measurements/hearing.md"
TUNING_PIANO = "timgm"
"""The piano of the tuning pieces: the note net has not heard it."""
PRESETS = {"unheard piano": "gm-piano", "known piano": "grand-piano"}
"""Presets for the piano of two_hands, Salamander. The note net has heard neither that piano nor these pieces."""
ROLE = option("--role", choices=(REPORTING, TUNING), default=REPORTING, help="role of the pieces (default: %(default)s)")
NETS = option("--net", action="append", default=[], metavar="FILE", help="another note net beside that of rtsep, for instance "
              "one with another delay; can be given several times")
EARLY = option("--early-ms", type=float, default=0.0, metavar="MS", help="tell heard notes this much earlier")
Alter = Callable[[Piece], Piece]


def solos(given: Given) -> list[Piece]:
    """The pianos of a role, alone."""
    if given["role"] == TUNING:
        return [replace(piece, group="tuning") for piece in piano_pieces(TUNING, given, (TUNING_PIANO,))]
    return pianos(given, "two_hands")


def beside_unheard(piece: Piece, shared: Path) -> Piece:
    """The piece beside one of the recordings that the note net has not heard."""
    sounds = recordings(True, shared)
    return beside(piece, np.resize(sounds[zlib.crc32(piece.name.encode()) % len(sounds)], piece.mix.shape[1])[None])


def conditions(given: Given) -> dict[str, Alter]:
    """What is done to the pieces: alone, in rooms, and beside others."""
    def in_company(piece: Piece) -> Piece:
        if piece.role == TUNING:
            return one_piano(beside_unheard(piece, given.shared))
        return one_piano(with_backgrounds(given, [piece])[0])
    rooms = {name: partial(in_room, room=room) for name, room in ROOMS.items()}
    return {"alone": lambda piece: piece, **rooms, "beside a recording": in_company}


@study("listen", ROLE, page=PAGE, takes=("seconds", "pieces"))
def listen(given: Given) -> list[Table]:
    """Onsets that rtsep hears without notes: F1 in percent within 50 ms, by mir_eval, and the processor time.

    The pianos of two_hands alone, in simulated rooms, and beside the recordings of `backgrounds`, each as loud as the piano,
    whose notes count as wrong. The presets are `gm-piano`, which does not know this piano, and `grand-piano`, which does. The
    median lateness of onsets is taken out.
    """
    ways = {"network": note_net()}
    rows = [row for piece in solos(given) for row in _heard_rows(given, piece, conditions(given), ways, PRESETS)]
    cost = max(row["cost"] for row in rows)
    late = np.median([row["late_ms"] for row in rows])
    text = (f"{_table(rows)}\n\nMedian lateness that was taken out: {late:.0f} ms. Processor time of ears and network: at most "
            f"{1000 * cost:.0f} ms for a second of sound, {10 * cost:.2f} ms for a hop of 10 ms.")
    return [Table(_named("listen", given), text, rows)]


@study("listen-delay", ROLE, NETS, page=PAGE, takes=("seconds", "pieces"))
def listen_delay(given: Given) -> list[Table]:
    """The same by networks with other delays.

    The delay is the mean time from an onset to the moment in which a network can tell it.
    """
    nets = sorted([note_net(), *(read_net(Path(path)) for path in given["net"])], key=lambda net: net.delay_frames)
    ways = {f"{10 * net.delay_frames + 5} ms": net for net in nets}
    preset = dict(list(PRESETS.items())[:1])
    flat = {name: alter for name, alter in conditions(given).items() if name not in ROOMS}
    rows = [row for piece in solos(given) for row in _heard_rows(given, piece, flat, ways, preset)]
    return [Table(_named("listen-delay", given), _table(rows), rows)]


def _named(name: str, given: Given) -> str:
    return name if given["role"] == REPORTING else f"{name}-tuning"


def _heard_rows(given: Given, piece: Piece, places: Mapping[str, Alter], ways: Mapping[str, Net],
                presets: Mapping[str, str]) -> Iterator[Row]:
    """A row for each place, way and preset."""
    need_module("mir_eval", "pip install mir_eval")
    for condition, alter in places.items():
        for altered in given.there(alter, [piece]):
            true = true_notes(altered)
            for way, net in ways.items():
                for called, preset in presets.items():
                    tell(1, 1, f"{piece.name} {condition} {way} {called}")
                    result = heard(altered, preset, net)
                    yield {"piece": piece.name, "condition": condition, "way": way, "preset": called,
                           **agreement(result.notes, true), "cost": result.cost}


def _table(rows: list[Row]) -> str:
    presets = list(dict.fromkeys(row["preset"] for row in rows))
    lines = [[way, condition, *(_cells([row for row in rows if (row["way"], row["condition"], row["preset"])
                                        == (way, condition, preset)]) for preset in presets)]
             for way, condition in dict.fromkeys((row["way"], row["condition"]) for row in rows)]
    return table(["way", "where", *(f"{preset}: F1 (precision, recall)" for preset in presets)], lines, 2)


def _cells(rows: list[Row]) -> str:
    f1, precision, recall = (100 * float(np.mean([row[name] for row in rows])) for name in ("f1", "precision", "recall"))
    return f"{shown(f1)} ({shown(precision, '.0f')}, {shown(recall, '.0f')})"


# --- what the engine makes of them -------------------------------------------------------------------------------------


@study("listen-sdr", ROLE, EARLY, page=PAGE, takes=("settings", "seconds", "pieces"))
def listen_sdr(given: Given) -> list[Table]:
    """SDR in dB of hands and of a piano beside others, with notes that rtsep hears by itself, beside true notes.

    Live with 512 samples. hands: two_hands alone, where the tracker finds the hands (true notes: also by the tracker). beside a
    recording: the whole piano. not listening: without notes; a split at C4 gives the hands.
    """
    rows = [row for piece in solos(given) for called, preset in PRESETS.items()
            for row in _sdr_rows(given, replace(piece, preset=preset_named(preset)), called, preset)]
    ways_told = list(dict.fromkeys(row["notes"] for row in rows))
    by = ["condition", "preset", *["settings"] * bool(given.settings)]
    lines = [[*case, *(shown(float(np.mean([row["sdr_db"] for row in rows if (
        *(row[name] for name in by), row["notes"]) == (*case, notes)] or [np.nan]))) for notes in ways_told)]
        for case in dict.fromkeys(tuple(row[name] for name in by) for row in rows)]
    return [Table(_named("listen-sdr", given), table(["pieces", *by[1:], *ways_told], lines, len(by)), rows)]


def _sdr_rows(given: Given, piece: Piece, called: str, preset: str) -> Iterator[Row]:
    beside = given.there(conditions(given)["beside a recording"], [piece])
    for condition, altered in (("hands, alone", piece), *(("piano, beside a recording", one) for one in beside)):
        tell(1, 1, f"{piece.name} {condition} {called}")
        hears: Heard = heard(altered, preset)
        told = with_heard(altered, hears.notes, given["early_ms"] / 1000)
        for label, text in given.chosen({LIVE: LIVE}, LIVE).items():
            for notes, one, setting in (("true notes", routed(altered), text), ("heard notes", routed(told), text),
                                        *((("not listening", altered, f"split,{text}"),) if len(altered.told) > 1 else ())):
                for stem, figures in judge_told(altered, separate(one, setting)).items():
                    yield {"piece": piece.name, "condition": condition, "preset": called, "settings": label, "notes": notes,
                           "stem": stem, **figures}


def routed(piece: Piece) -> Piece:
    """The piece with all notes in one stem, or in the stems of two hands, which the tracker finds."""
    if len(piece.told) == 1:
        return replace(piece, routing=everything("piano", piece.score))
    names = tuple(sorted(piece.told, key=lambda name: "left" not in name.lower()))
    return replace(piece, routing=replace(by_hands(piece.score), names=names))
