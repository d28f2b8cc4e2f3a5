"""Instruments that no preset has heard: all told, in rooms, with notes at wrong times, and in company that is not told."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from laboratory import makers
from laboratory.conditions import WRONG, Condition, unchanged
from laboratory.grid import AS_IT_IS, Alter, distinct, measure, where, with_field
from laboratory.hardships import LATE_MIDI, note_conditions, room_conditions
from laboratory.pieces import Piece, bands
from laboratory.ready import COMPANIES, knows, one_told, pianos, preset_for, song_of, songs, stems_of, with_presets
from laboratory.report import mean_db, pivot, shown, table
from laboratory.shipped import INSTRUMENTS
from laboratory.songs import NAMES, REPORTING, SONGS, TUNING
from laboratory.study import Given, Row, Table, option, study
from laboratory.systems import LIVE, preset_named

PAGE = "docs/measurements/unheard.md"
ROLE = option("--role", choices=(REPORTING, TUNING), default=REPORTING, help="role of the pieces (default: %(default)s)")
SEEDS = option("--seeds", type=int, default=1, metavar="N", help="number of performances of each piece (default: %(default)s)")
WAYS = {"rtsep": LIVE, "oracle mask": f"oracle,{LIVE}"}
WEAK_DB, GOOD_DB = 4.0, 8.0
"""A stem is weak if its SDR in dB is below the first value, and that of the oracle mask is at least the second."""
EXCERPT_S = 12.0
"""This many seconds of each piece are played in rooms, with wrong notes, and in company."""
LATE_MS = (10, 20, 40)
"""All notes are told this many milliseconds late."""
COMPANY_WAYS = {"as it ships": LIVE, "background=0": f"{LIVE},background=0", "oracle mask": f"oracle,{LIVE}"}
PARTNER = "partner not told"


def named(name: str, given: Given) -> str:
    """The name of a table; tables of the tuning pieces have other names."""
    return name if given["role"] == REPORTING else f"{name}-{given['role']}"


def against_oracle(rows: Sequence[Row], names: Sequence[str]) -> list[list[str]]:
    """A line for all values of these fields: SDR of rtsep and of the oracle mask, and the difference."""
    lines = []
    for values in distinct(rows, *names):
        mine = where(rows, **dict(zip(names, values, strict=True)))
        ours, best = (mean_db(where(mine, settings=way)) for way in WAYS)
        lines.append([*map(str, values), shown(ours), shown(best), shown(ours - best)])
    return lines


# --- all told ---------------------------------------------------------------------------------------------------------


@study("unheard-makers", page=PAGE, takes=())
def who_plays(_: Given) -> list[Table]:
    """The makers and instruments of the development set, and the makers of each instrument.

    This study separates nothing.
    """
    lines = [[song.name, song.role, f"`{song.score}`", ", ".join(
        f"{name} ({stem.maker})" for name, stem in zip(song.stem_names(), song.stems, strict=True))]
        for song in sorted(SONGS, key=lambda song: song.role)]
    programs = {program: preset.title.lower() for preset in INSTRUMENTS for program in preset.programs[:1] if program < 128}
    return [Table("unheard-pieces", table(["piece", "role", "score", "stems and who plays them"], lines, 4)),
            Table("unheard-makers", "\n".join(makers.lines(dict(sorted({**programs, **NAMES}.items())))))]


@study("unheard", ROLE, SEEDS, page=PAGE, takes=("seconds", "pieces"))
def unheard(given: Given) -> list[Table]:
    """Songs, trios and quartets by instruments that no preset has heard, all told: SDR of every stem in dB.

    Live with 512 samples. Each stem has a preset by its General MIDI program: from a folder build/presets-without-COLLECTION
    for its maker, if there is one, otherwise a shipped one. All sounds are sampled.
    """
    pieces = songs(given, given["role"], given["seeds"])
    rows = [row for piece in pieces for row in played(piece, measure(given, [piece], WAYS))]
    each = [{**row, "piece": row["song"]} for row in rows]
    lines = against_oracle(each, ["piece", "stem", "maker", "preset"])
    if rows:
        lines.append(["**mean**", "", "", "", *against_oracle(with_field(rows, "all", lambda _: ""), ["all"])[0][1:]])
    head = ["piece", "stem", "maker", "preset", "rtsep", "oracle mask", "difference"]
    text = f"{table(head, lines, 4)}\n\n{weak(each)}" if rows else ""
    return [Table(named("unheard", given), text, rows)]


def played(piece: Piece, rows: Sequence[Row]) -> list[Row]:
    """The rows of a song with maker and preset of each stem; a star marks a preset learnt from the maker's collection."""
    known = {name: (stem.maker, preset_for(stem)) for name, stem in stems_of(piece).items()}
    return [{**row, "song": song_of(piece).name, "maker": known[row["stem"]][0],
             "preset": known[row["stem"]][1].name + "*" * knows(*known[row["stem"]][::-1])} for row in rows]


def weak(rows: Sequence[Row]) -> str:
    """A sentence that names the stems that are weak although the oracle mask is good."""
    stems = [(f"{piece} {stem}", *(float(np.mean([row["sdr_db"] for row in where(rows, piece=piece, stem=stem, settings=way)]))
                                   for way in WAYS)) for piece, stem in distinct(rows, "piece", "stem")]
    good = [(name, ours) for name, ours, best in stems if best >= GOOD_DB]
    found = [name for name, ours in good if ours < WEAK_DB]
    return (f"Stems below {WEAK_DB:g} dB where the oracle mask has {GOOD_DB:g} dB: {len(found)} of {len(good)}"
            + (f" ({', '.join(found)})." if found else "."))


# --- rooms ------------------------------------------------------------------------------------------------------------


@study("unheard-rooms", ROLE, SEEDS, seconds=EXCERPT_S, page=PAGE, takes=("seconds", "pieces"))
def unheard_rooms(given: Given) -> list[Table]:
    """The same pieces in simulated rooms, each stem at its own place: mean SDR in dB, and the loss compared with dry.

    The truth is a stem's sound at the microphones, including its reverberation.
    """
    conditions = [Condition("dry", unchanged), *room_conditions()]
    alters: dict[str, Alter] = {condition.name: condition.alter for condition in conditions}
    rows = measure(given, songs(given, given["role"], given["seeds"]), WAYS, alters)
    dry = [mean_db(where(rows, condition="dry", settings=way)) for way in WAYS]
    lines = []
    for (name,) in distinct(rows, "condition"):
        now = [mean_db(where(rows, condition=name, settings=way)) for way in WAYS]
        lines.append([name, shown(now[0]), shown(now[1]), shown(dry[0] - now[0]), shown(dry[1] - now[1])])
    head = ["room", "rtsep", "oracle mask", "loss of rtsep", "loss of the mask"]
    return [Table(named("unheard-rooms", given), table(head, lines), rows)]


# --- notes ------------------------------------------------------------------------------------------------------------


def note_hardships() -> list[Condition]:
    """Conditions: as played, and everything that can be wrong with notes."""
    late = [Condition(f"all notes {ms} ms late", unchanged, f"late_ms={ms},{LATE_MIDI}") for ms in LATE_MS]
    conditions = note_conditions()
    return [Condition("as played", unchanged), *conditions[:4], *late, *conditions[4:]]


@study("unheard-notes", ROLE, SEEDS, seconds=EXCERPT_S, page=PAGE, takes=("seconds", "pieces"))
def unheard_notes(given: Given) -> list[Table]:
    """Notes that are told early, late, wrongly or not at all: mean SDR in dB, and the loss compared with notes as played.

    all told: the songs. under company: the unheard pianos, beside a recording, two lines or a band in turn. backgrounds: the
    pianos of two_hands with `backgrounds`, by `grand-piano`, which knows them, and by `gm-piano`, which does not. For notes
    that nobody plays the table has the SDR of the other stems. Late notes are played with late_midi=on.
    """
    sets = {"all told": songs(given, given["role"], given["seeds"]), "under company": pianos(given, given["role"]),
            **two_hands(given, "backgrounds")}
    rows: list[Row] = []
    for condition in note_hardships():
        for name, pieces in sets.items():
            found = measure(given, pieces, {condition.name: f"{LIVE},{condition.setting}"},
                            {condition.name: with_presets(condition.alter)})
            rows += [{**row, "set": name} for row in found if row["stem"] != WRONG]
    lines = []
    for (condition,) in distinct(rows, "condition"):
        cells = [condition]
        for name in sets:
            before, now = (mean_db(where(rows, condition=each, set=name)) for each in ("as played", condition))
            cells += [shown(now), shown(before - now)]
        lines.append(cells)
    head = ["notes", *(text for name in sets for text in (name, "loss"))]
    return [Table(named("unheard-notes", given), table(head, lines), rows)]


# --- company ----------------------------------------------------------------------------------------------------------


def two_hands(given: Given, called: str) -> dict[str, list[Piece]]:
    """The pianos of two_hands with `backgrounds`, with a preset that has heard them and one that has not; none for tuning."""
    known = {} if given["role"] == TUNING else {"heard": "grand-piano", "unheard": "gm-piano"}
    groups = {f"{called}, {how} piano": preset_named(name) for how, name in known.items()}
    return {group: bands(given, preset, group) for group, preset in groups.items()}


def in_company(given: Given, role: str, performances: int) -> list[Piece]:
    """Pieces of which only a part is told; every set is a group."""
    found = [piece for pieces in two_hands(given, "two_hands").values() for piece in pieces]
    found += [in_group(piece, f"unheard piano {beside}") for beside in COMPANIES for piece in pianos(given, role, beside)]
    return [*found, *(in_group(one_told(piece), PARTNER) for piece in songs(given, role, performances))]


def in_group(piece: Piece, group: str) -> Piece:
    """The piece, assigned to another set."""
    return replace(piece, group=group)


@study("unheard-company", ROLE, SEEDS, seconds=EXCERPT_S, page=PAGE)
def unheard_company(given: Given) -> list[Table]:
    """One instrument is told, and its company is not: SDR of the told instrument in dB.

    two_hands: its pianos with `backgrounds`, by `grand-piano`, which knows them, and by `gm-piano`, which does not. unheard
    piano: the same scores by other pianos, beside recordings, two rendered lines, or lines and drums, at 0 dB. partner not
    told: the first stem of each song.
    """
    rows = measure(given, in_company(given, given["role"], given["seeds"]), given.chosen(COMPANY_WAYS, LIVE), AS_IT_IS)
    by_piano = with_field([row for row in rows if "unheard piano beside" in row["set"]], "piano",
                          lambda row: row["piece"].rpartition(", ")[2])
    return [Table(named("unheard-company", given), pivot(rows, ["set"], ["settings"], form=".1f"), rows),
            Table(named("unheard-company-pianos", given), pivot(by_piano, ["piano", "settings"], ["set"], form=".1f"))]
