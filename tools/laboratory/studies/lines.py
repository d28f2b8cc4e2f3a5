"""Single lines that rtsep hears without notes: how many notes are right, and what the engine makes of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from laboratory.grid import tell
from laboratory.heard import BLOCK, agreement, as_score
from laboratory.isolated_notes import SAMPLE_RATE
from laboratory.line_material import REPORTING, TUNING, Line, lines
from laboratory.pieces import Piece, pianos
from laboratory.report import shown, table
from laboratory.rooms import LIVING_ROOM, in_room
from laboratory.studies.melody import LINE, separated
from laboratory.studies.pitch import known
from laboratory.study import Given, Row, Table, need_module, option, study
from laboratory.sung_truth import at_steps, scores
from laboratory.systems import LIVE, oracle, params_of, preset_named, separate
from rtsep.files.sound import read_sound
from rtsep.hosts.transcription import Hearing
from rtsep.listening.line import span_of
from rtsep.listening.transcriber import Told, paired
from rtsep.measure import sdr_db
from rtsep.notes.build import Note
from rtsep.notes.sung import SungPitch, notes_of
from rtsep.presets.bent import with_bends

PAGE = "docs/measurements/hearing.md"
ROLES = {"reporting": (REPORTING, 3001, "two_hands"), "tuning": (TUNING, 11, "piano_and_others")}
"""For each role the players, the seed of their lines, and the pianos beside them."""
ROLE = option("--role", choices=tuple(ROLES), default="reporting", help="role of the lines (default: %(default)s)")
LEVELS_DB = {"beside a piano, 10 dB softer": -10.0, "beside a piano, as loud": 0.0}
RECORDINGS = ("cello-phrase", "sax-phrase", "vocadito_10", "vocadito_14")
SDR_SECONDS = 10.0


def by_rtsep(sound: np.ndarray, rate: int, hearing: Hearing) -> list[Note]:
    """The notes of a sound [sample]."""
    transcriber, told = hearing.transcriber(rate, 1), list[Told]()
    for begin in range(0, len(sound), BLOCK):
        told += transcriber.hear(sound[None, begin : begin + BLOCK])
    return paired(told + transcriber.finish())


def by_pyin(sound: np.ndarray, rate: int) -> list[Note]:
    """The pitch by pYIN of librosa, divided into notes as that of a voice (`rtsep.notes.sung`)."""
    import librosa

    hz, voiced, _ = librosa.pyin(sound, fmin=35, fmax=2200, sr=rate, frame_length=4096, hop_length=441, fill_na=None)
    sung = SungPitch(np.arange(len(hz)) * 441 / rate, np.where(voiced, hz, 0), np.ones(len(hz)))
    return [Note(note.onset_s, note.offset_s, note.pitch) for note in notes_of(sung.at_steps(0, len(sound) / rate))]


def true_notes(line: Line, seconds: float) -> list[Note]:
    """The notes of a line that begin before `seconds`."""
    return [Note(onset, min(offset, seconds), pitch, velocity) for onset, offset, pitch, velocity in line.notes.tolist()
            if onset < seconds - 0.1]


def hearings(preset: str) -> dict[str, Hearing]:
    """The ways in which rtsep can hear."""
    mine = (preset_named(preset),)
    return {"line": Hearing(mine, True), "line, no preset": Hearing((), True, span_of(mine)), "network": Hearing(mine)}


def piece_of(line: Line, piano: np.ndarray | None) -> Piece:
    """The line as the stem `piano`, beside a piano, if there is one, as the residual."""
    truths = {"piano": line.sound[None]} | ({} if piano is None else {"residual": piano[None]})
    return Piece(f"{line.player.maker} {line.player.program}", "lines", "", SAMPLE_RATE, truths, as_score([]),
                 preset=preset_named(line.player.preset))


def others(given: Given, group: str, samples: int) -> list[np.ndarray]:
    """The pianos of a set, as loud as a line, [sample]."""
    sounds = [piece.mix[0, :samples] for piece in pianos(replace(given, seconds=None, pieces=()), group)]
    return [sound * np.float32(0.05 / np.sqrt(np.mean(sound**2))) for sound in sounds]


def conditions(line: Line, piano: np.ndarray) -> dict[str, Piece]:
    """The line alone, in a room, and beside a piano."""
    alone = piece_of(line, None)
    beside = {name: piece_of(line, piano * np.float32(10 ** (level_db / 20))) for name, level_db in LEVELS_DB.items()}
    return {"alone": alone, "living room, 0.5 s": in_room(alone, LIVING_ROOM), **beside}


@study("lines", ROLE, page=PAGE, seconds=16.0, takes=("seconds",))
def lines_heard(given: Given) -> list[Table]:
    """Onsets of single lines that rtsep hears without notes: F1 in percent within 50 ms, by mir_eval.

    Random lines by ten instruments, of which only one is known to its preset: alone, in a simulated room, and beside the pianos
    of two_hands. The median lateness is taken out. A second table tells how often the pitch of four recordings is right.
    """
    for module in ("mir_eval", "librosa"):
        need_module(module, f"pip install {module}")
    players, seed, group = ROLES[given["role"]]
    samples, rows = round(given.seconds * SAMPLE_RATE), list[Row]()
    beside = others(given, group, samples)
    for number, line in enumerate(lines(players, seed)):
        line = replace(line, sound=line.sound[:samples])
        for condition, piece in conditions(line, beside[number % len(beside)]).items():
            rows += heard_rows(piece.mix[0], line, condition, given.seconds)
    ways = list(dict.fromkeys(row["way"] for row in rows))
    told = [[way, *(_f1([row for row in rows if (row["way"], row["condition"]) == (way, condition)])
                    for condition in dict.fromkeys(row["condition"] for row in rows))] for way in ways]
    late = np.median([row["late_ms"] for row in rows if row["way"] == "line" and row["condition"] == "alone"])
    text = table(["way", *dict.fromkeys(row["condition"] for row in rows)], told)
    name = "lines" if given["role"] == "reporting" else "lines-tuning"
    tables = [Table(name, f"{text}\n\nMedian lateness of lines alone, which was taken out: {late:.0f} ms.", rows)]
    return tables + ([Table("lines-pitch", *_pitches(given))] if name == "lines" else [])


def heard_rows(sound: np.ndarray, line: Line, condition: str, seconds: float) -> Iterator[Row]:
    """A row for each way."""
    ways = {way: partial(by_rtsep, hearing=hearing) for way, hearing in hearings(line.player.preset).items()}
    for way, hear in {**ways, "pYIN": by_pyin}.items():
        tell(1, 1, f"{line.player.maker} {line.player.program} {condition} {way}")
        yield {"maker": line.player.maker, "program": line.player.program, "condition": condition, "way": way,
               **agreement(hear(sound, SAMPLE_RATE), true_notes(line, seconds))}


def _f1(rows: Sequence[Row]) -> str:
    f1, precision, recall = (100 * float(np.mean([row[name] for row in rows])) for name in ("f1", "precision", "recall"))
    return f"{shown(f1)} ({shown(precision, '.0f')}, {shown(recall, '.0f')})"


def _pitches(given: Given) -> tuple[str, list[Row]]:
    """How often the pitch of recordings is right; the truth is that of the study `pitch`."""
    rows = []
    for name in RECORDINGS:
        path = given.shared / "backgrounds" / f"{name}.flac"
        truth, sound = known(path)[0].hz, read_sound(path)[0]
        transcriber = Hearing((), True).transcriber(read_sound(path)[1], 1)
        notes = [one.pitch for one in (*transcriber.hear(sound[:1]), *transcriber.finish()) if one.velocity]
        frames = [(at.second, pitch + at.above) for pitch, note in zip(notes, transcriber.sounded, strict=True) for at in note]
        hz = hz_at(frames, len(truth))
        rows.append({"line": name, **scores(truth, hz, hz > 0)})
    columns = ("right", "octave", "recall", "false")
    return table(["recording", *columns], [[row["line"], *(f"{row[column]:.1f}" for column in columns)] for row in rows]), rows


def hz_at(frames: Sequence[tuple[float, float]], count: int) -> np.ndarray:
    """The frequency at the first `count` steps, 0 in rests, of frames: time in s and MIDI pitch."""
    times_s, pitches = np.array(frames).T
    nearest = at_steps(times_s, np.arange(len(times_s)), count).astype(int)
    near = np.abs(times_s[nearest] - np.arange(count) * 0.01) < 0.006
    return np.where(near, 440 * 2 ** ((pitches[nearest] - 69) / 12), 0)


# --- what the engine makes of them -------------------------------------------------------------------------------------


@study("lines-sdr", ROLE, page=PAGE, seconds=SDR_SECONDS, takes=("seconds",))
def lines_sdr(given: Given) -> list[Table]:
    """SDR in dB of a single line beside a piano, with notes that rtsep hears by itself, and with --voice alone.

    Live with 512 samples; the lines and the pianos of the study `lines`. bends: with the bent rows that rtsep uses for a line.
    """
    players, seed, group = ROLES[given["role"]]
    samples, rows = round(given.seconds * SAMPLE_RATE), list[Row]()
    beside = others(given, group, samples)
    for number, line in enumerate(lines(players, seed)):
        line = replace(line, sound=line.sound[:samples])
        for name, piece in list(conditions(line, beside[number % len(beside)]).items())[2:]:
            for way, figure in _separations(piece, line, given.seconds):
                tell(1, 1, f"{piece.name} {name} {way}")
                rows.append({"line": piece.name, "condition": name, "way": way, "sdr_db": figure})
    where = list(dict.fromkeys(row["condition"] for row in rows))
    told = [[way, *(shown(float(np.mean([row["sdr_db"] for row in rows if (row["way"], row["condition"]) == (way, name)])))
                    for name in where)] for way in dict.fromkeys(row["way"] for row in rows)]
    return [Table("lines-sdr" if given["role"] == "reporting" else "lines-sdr-tuning", table(["notes", *where], told), rows)]


def _separations(piece: Piece, line: Line, seconds: float) -> Iterator[tuple[str, float]]:
    """Ways to separate the line, and its SDR."""
    truth, ways = piece.truths["piano"], hearings(line.player.preset)
    heard = {way: by_rtsep(piece.mix[0], SAMPLE_RATE, ways[way]) for way in ("line", "network")}
    for way, notes in {"heard by the network": heard["network"], "heard as a line": heard["line"],
                       "true notes": true_notes(line, seconds)}.items():
        for bends in (False, True)[: 1 if "network" in way else 2]:
            preset = with_bends(piece.preset) if bends else piece.preset
            stems = separate(replace(piece, score=as_score(notes), preset=preset), LIVE)
            yield way + ", bends" * bends, sdr_db(stems["piano"], truth)
    sung = replace(piece, truths={"piano": piece.truths["residual"], LINE: truth})
    low, high = span_of([piece.preset])
    yield "`--voice` alone", separated(sung, None, False, f"{LIVE},voice_low={max(low, 33)},voice_high={min(high, 96)}")
    yield "oracle mask", sdr_db(oracle(piece, params_of(LIVE))["piano"], truth)
