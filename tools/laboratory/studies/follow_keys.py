"""How well `rtsep live --score --follow sound` follows beside a keyboard: one hand has MIDI, the other comes from the score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from laboratory import heard_score
from laboratory.company import recording
from laboratory.grid import tell
from laboratory.report import table
from laboratory.studies.follow import HALVES, PRESET, mean, sdr_of
from laboratory.study import Given, MissingError, Row, Table, option, study
from laboratory.systems import preset_named
from laboratory.warped_pieces import reporting_pieces, tuning_pieces
from laboratory.warps import JITTER, REPEATS, REPORTING_SEEDS, SMOOTH, TUNING_SEEDS, Warped, warped
from rtsep.hosts.following import followed_params
from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.follower import Follower, Told
from rtsep.listening.keyboard_parts import KeyboardParts
from rtsep.listening.keys import Key

KEYBOARD, NEAR_S = 0, 0.1
"""The part that has MIDI, the right hand. A note is followed if it is this near, in seconds."""


def cases(given: Given) -> Iterator[tuple[str, str, Warped]]:
    """Condition, warp, and the piece with its score."""
    tuning = given["half"] == "tuning"
    pieces, seed = (tuning_pieces if tuning else reporting_pieces)(given), TUNING_SEEDS[0] if tuning else REPORTING_SEEDS[3]
    for piece in pieces:
        for warp in (SMOOTH, JITTER, REPEATS):
            case = warped(piece, warp, seed)
            yield "alone", warp.name, case
            try:
                beside = recording(case.piece, given.shared)
                yield "beside a recording", warp.name, Warped(beside, case.score, case.told, case.written_s)
            except MissingError as error:
                given.miss(error)


def keys_of(case: Warped) -> Mapping[int, tuple[Key, ...]]:
    """The keys of the hand with MIDI by the number of their frame."""
    found = dict[int, list[Key]]()
    for note in case.piece.score.notes():
        if note["part"] == KEYBOARD:
            found.setdefault(int(note["onset_s"] / STEP_S), []).append((int(note["pitch"]), 0.0))
    return {frame: tuple(keys) for frame, keys in found.items()}


def follow(case: Warped, with_keys: bool) -> tuple[list[Told], frozenset[int]]:
    """Where the follower is after each frame, and which parts the keyboard plays, as it has found itself."""
    piece, presets, notes = case.piece, [preset_named(PRESET)], case.score.notes()
    heard = Ears(presets, piece.sample_rate, piece.mix.shape[0]).hear(piece.mix)
    follower = Follower(notes, presets, piece.sample_rate, case.score.bars.start_s.tolist(), keyboard=with_keys)
    parts, keys, told = KeyboardParts(notes), keys_of(case) if with_keys else {}, list[Told]()
    for number in range(len(heard)):
        struck = keys.get(number, ())
        told.append(follower.step(heard, number, struck))
        if parts.step(told[-1], struck) and follower.keys is not None:
            follower.keys.know(parts.perhaps, parts.surely)
    return told, parts.surely


def events_of(case: Warped, told: Sequence[Told], with_keys: bool) -> np.ndarray:
    """The notes that the engine gets: of the hand with MIDI as played, if it has MIDI; the others by the score."""
    rate = case.piece.sample_rate
    by_score = heard_score.cued(told, case.score, rate)
    if not with_keys:
        return by_score
    played = case.piece.score.events(rate)
    both = np.concatenate([played[played["part"] == KEYBOARD], by_score[by_score["part"] != KEYBOARD]])
    return both[np.argsort(both["sample"], kind="stable")]


def share(case: Warped, told: Sequence[Told]) -> float:
    """How many of the other hand's notes are followed within NEAR_S, without the median lag, in percent."""
    late = heard_score.errors(told, case)
    onsets = case.told["onset_s"] <= len(told) * STEP_S - heard_score.END_S
    mine = late[case.told["part"][onsets] != KEYBOARD]
    return 100 * float(np.mean(np.abs(mine - np.median(mine)) < NEAR_S)) if len(mine) else float("nan")


def rows_of(given: Given) -> Iterator[Row]:
    """A row for every case."""
    found = list(cases(given))
    for number, (condition, warp, case) in enumerate(found, start=1):
        tell(number, len(found), f"{condition} {warp} {case.piece.name}")
        row: Row = {"condition": condition, "warp": warp, "piece": case.piece.name}
        for name, with_keys in (("ear", False), ("keys", True)):
            told, parts = follow(case, with_keys)
            row |= {f"{name}_in_100": share(case, told), f"{name}_parts": sorted(parts)}
            row |= {f"{name}_{hand}_db": db for hand, db in sdr_of(
                case.piece, events_of(case, told, with_keys), followed_params()).items()}
        row |= {f"true_{hand}_db": db for hand, db in sdr_of(case.piece, case.piece.score.events(case.piece.sample_rate),
                                                              {}).items()}
        yield {name.replace("right_hand", "right").replace("left_hand", "left"): value for name, value in row.items()}
    tell(0, 0, "")


@study("follow-keys", option("--half", choices=HALVES, default=HALVES[0],
                             help="which pieces and seeds: those of the report, or those for tuning (default: %(default)s)"),
       takes=("seconds", "pieces"), page="docs/measurements/follow.md")
def follow_keys(given: Given) -> list[Table]:
    """How well a score is followed beside a keyboard: the right hand has MIDI, the left hand's notes come from the score.

    in 100: the share of the left hand's notes within 100 ms, without the lag. SDR of the right and the left hand, in dB. Scores
    are warped as in `follow`; the parts of the keyboard are found during play. Constants were chosen on the tuning half.
    """
    rows = list(rows_of(given))
    lines = []
    for condition, warp in dict.fromkeys((row["condition"], row["warp"]) for row in rows):
        mine = [row for row in rows if (row["condition"], row["warp"]) == (condition, warp)]
        lines.append([condition, warp, mean(mine, "ear_in_100"), mean(mine, "keys_in_100"),
                      *(f"{mean(mine, f'{way}_right_db', '.1f')}, {mean(mine, f'{way}_left_db', '.1f')}"
                        for way in ("ear", "keys", "true"))])
    head = ["played", "score", "in 100 by ear, %", "with keys, %", "right, left by ear, dB", "with keys, dB", "true times, dB"]
    return [Table("follow-keys", table(head, lines, 2), rows)]
