"""A singer beside a piano: how well the voice is separated."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from laboratory.pieces import Piece, pianos
from laboratory.report import table
from laboratory.study import Given, Row, Table, need_file, option, study
from laboratory.sung_pitch import pitch_of
from laboratory.systems import BLOCK, oracle, params_of, play, preset_named, routing_of
from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.kernels.memory import EVENT
from rtsep.measure import sdr_db
from rtsep.notes.routing import Routing, only_voice, with_voice
from rtsep.stages.melody import middle_of
from rtsep.windows import window_pair

PAGE = "docs/measurements/voice.md"
LATENCIES = {"93 ms": "mode=quality", "23 ms": "mode=live,latency_samples=1024", "11.6 ms": "mode=live,latency_samples=512"}
SINGERS = {"tuned": ("backgrounds_more", ("singing-female",), ("piano_and_others",)),
           "reported": ("backgrounds", ("vocadito_10", "vocadito_14"), ("two_hands",))}
LEVELS_DB = (0, -6)
"""The singer's level, relative to the piano, in dB."""
WAITS_S = 2.0
"""The singer begins after this many seconds; before that the piano plays alone."""
PART = 31
"""The part of the melody's notes: the engine's last one."""
WAYS = ("today", "own pitch", "melody told", "true pitch", "melody told, no piano notes", "oracle mask")


@cache
def known(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """A singer [sample], the times and pitches of the voice, and the rate."""
    sound, rate = read_sound(need_file(path))
    return sound[0], *pitch_of(sound[0], rate), rate


def duet(piece: Piece, path: Path, level_db: float) -> Piece:
    """A piano, and a singer who comes in later; the sum is as long as the singer sings. The singer is the residual."""
    singer, _, _, rate = known(path)
    begin = round(WAITS_S * rate)
    piano = piece.mix[:, : begin + len(singer)]
    voice = np.zeros_like(piano)
    voice[0, begin:] = singer[: piano.shape[1] - begin]
    level = np.sqrt((piano[:, begin:] ** 2).sum() / (voice**2).sum()) * 10 ** (level_db / 20)
    return replace(piece, truths={"piano": piano, "residual": (level * voice).astype(np.float32)})


def melody(path: Path, rate: int) -> np.ndarray:
    """The melody as notes of whole semitones, EVENT [n], as somebody who writes it down would hear it."""
    _, times_s, hz, _ = known(path)
    pitch = np.where(hz > 0, np.rint(69 + 12 * np.log2(np.maximum(hz, 1) / 440)), 0).astype(int).tolist()
    events, now = [], 0
    for time_s, each in zip(times_s + WAITS_S, pitch, strict=True):
        if each != now:
            events += [(round(time_s * rate), PART, 0x80, now, 0)] * (now > 0)
            events += [(round(time_s * rate), PART, 0x90, each, 80)] * (each > 0)
            now = each
    result = np.zeros(len(events), EVENT)
    for name, values in zip(("sample", "part", "status", "data1", "data2"), zip(*events, strict=True), strict=True):
        result[name] = values
    return result


def told(routing: Routing) -> Routing:
    """The routing, with all notes of PART as the voice's melody."""
    table = routing.table.copy()
    table[PART] = routing.voice
    return replace(routing, table=table)


def sung(piece: Piece, path: Path, setting: str, routing: Routing, notes: bool, melodic: bool, true: bool) -> np.ndarray:
    """The stem `voice` [channel, sample] with the latency taken out. true: the engine gets the true pitch of every frame."""
    separator = Separator(preset_named("piano"), told(routing) if melodic else routing, params_of(setting))
    separator.prepare(piece.sample_rate, 1, BLOCK)
    framing, state = separator.framing, separator.prepared.state
    size = framing.hop
    events = piece.score.events(piece.sample_rate) if notes else np.zeros(0, EVENT)
    if melodic:
        events = np.sort(np.concatenate([events, melody(path, piece.sample_rate)]), order="sample")
    _, times_s, hz, _ = known(path)
    middle = middle_of(window_pair(framing)[0])
    sound, stems = np.pad(piece.mix, ((0, 0), (0, separator.latency))), []
    for begin in range(0, sound.shape[1], size):
        block = sound[:, begin : begin + size]
        first, last = np.searchsorted(events["sample"], (begin, begin + block.shape[1]))
        due = events[first:last].copy()
        due["sample"] -= begin
        if true:
            at_s = (begin + size - middle) / piece.sample_rate - WAITS_S
            at = round(at_s / times_s[1])
            state["known_hz"][0] = (hz[at] if 0 <= at < len(hz) else 0) or -1
        stems.append(separator.process(block, due).stems[-2].copy())
    return np.concatenate(stems, axis=1)[:, separator.latency :]


def ways(piece: Piece, path: Path, setting: str) -> Iterator[tuple[str, np.ndarray]]:
    """Each of WAYS, and the voice that it finds."""
    today = play(piece.mix, piece.sample_rate, piece.score, preset_named("piano"), routing_of(piece), params_of(setting))
    beside = partial(sung, piece, path, setting, with_voice(routing_of(piece), "voice"), True)
    yield WAYS[0], today["residual"]
    yield WAYS[1], beside(False, False)
    yield WAYS[2], beside(True, False)
    yield WAYS[3], beside(False, True)
    yield WAYS[4], sung(piece, path, setting, only_voice("voice"), False, True, False)
    yield WAYS[5], oracle(piece, params_of(setting))["residual"]


@study("voice", option("--half", choices=tuple(SINGERS), default="reported",
                       help="the singers to report on, or those on whom constants were chosen (default: %(default)s)"),
       option("--level", type=float, action="append", metavar="DB",
              help="level of the singer, relative to the piano (default: 0 and -6)"),
       page=PAGE, takes=("pieces",))
def voice(given: Given) -> list[Table]:
    """A singer beside a piano: SDR of the voice in dB, with the singer as loud as the piano, and 6 dB softer.

    today: the residual without --voice. own pitch: with --voice. melody told: --melody with the notes that were sung.
    true pitch: the engine knows the pitch of every frame, from the singer alone. Without the piano's notes, only the melody is
    told.
    """
    folder, singers, groups = SINGERS[given["half"]]
    rows: list[Row] = []
    for name in singers:
        path = given.shared / folder / f"{name}.flac"
        for piece in (piece for group in groups for piece in pianos(given, group)):
            for level_db in given["level"] or LEVELS_DB:
                song = duet(piece, path, level_db)
                truth = song.truths["residual"]
                for latency, setting in LATENCIES.items():
                    rows += [{"set": piece.group, "piece": piece.name, "singer": name, "level_db": level_db, "latency": latency,
                              "way": way, "sdr_db": sdr_db(found, truth)} for way, found in ways(song, path, setting)]
    return [Table("voice" if given["half"] == "reported" else "voice-tuned", table(*_means(rows)), rows)]


def _means(rows: list[Row]) -> tuple[list[str], list[list[str]], int]:
    """The head, and a line for each latency and way: means over the pieces, by singer and level."""
    columns = sorted({(row["singer"], row["level_db"]) for row in rows}, key=lambda pair: (pair[0], -pair[1]))
    lines = []
    for latency in LATENCIES:
        for way in WAYS:
            cells = [[row["sdr_db"] for row in rows
                      if (row["latency"], row["way"], row["singer"], row["level_db"]) == (latency, way, *column)]
                     for column in columns]
            lines.append([latency, way, *(f"{np.mean(cell):.1f}" for cell in cells), f"{np.mean(np.concatenate(cells)):.1f}"])
    return ["latency", "way", *(f"{singer}, {level_db} dB" for singer, level_db in columns), "mean"], lines, 2
