"""A line whose notes are told, against everything else."""

from collections.abc import Iterator

import numpy as np

from laboratory.pieces import BACKGROUNDS, Piece, bands
from laboratory.report import table
from laboratory.studies.pitch import LATENCIES, PAGE, known
from laboratory.study import Given, Row, Table, study
from laboratory.sung_truth import STEP_S
from laboratory.systems import hear, oracle, params_of, preset_named
from rtsep.engine.separator import Separator
from rtsep.kernels.memory import EVENT
from rtsep.measure import sdr_db
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.routing import everything, only_voice, with_voice
from rtsep.notes.sung import SungPitch, notes_of
from rtsep.notes.told_melody import ALONE, with_melody

LINE = "residual"
"""The stem of the line in the pieces."""


def without_holes(hz: np.ndarray) -> np.ndarray:
    """The pitch [step] with the last known one wherever it is not judged: so the notes are as long as in written music."""
    last = np.maximum.accumulate(np.where(np.isnan(hz), 0, np.arange(len(hz))))
    return np.nan_to_num(hz[last])


def melody_of(hz: np.ndarray, rate: int) -> np.ndarray:
    """The notes of a pitch [step], as whole semitones: EVENT [n]."""
    sung = SungPitch(np.arange(len(hz)) * STEP_S, without_holes(hz), np.ones(len(hz)))
    rows = [(time_s, status, note.pitch) for note in notes_of(sung)
            for time_s, status in ((note.onset_s, NOTE_ON), (note.offset_s, NOTE_OFF))]
    events = np.zeros(len(rows), EVENT)
    for event, (time_s, status, pitch) in zip(events, rows, strict=True):
        event["sample"], event["status"], event["data1"], event["data2"] = round(time_s * rate), status, pitch, 80
    return events


def separated(piece: Piece, melody: np.ndarray | None, told: bool, setting: str) -> float:
    """SDR in dB of the line, by its melody (None: not told), and with or without the notes of the piano."""
    routing, events = only_voice("voice"), np.zeros(0, EVENT)
    if told:
        routing, events = with_voice(everything("piano"), "voice"), piece.score.events(piece.sample_rate)
    if melody is not None:
        routing, events, _ = with_melody(routing, events, melody, 31)
    separator = Separator(preset_named("piano"), routing, params_of(setting) if told else {**ALONE, **params_of(setting)})
    separator.prepare(piece.sample_rate, 1, 4096)
    stems = hear(separator, np.pad(piece.mix, ((0, 0), (0, separator.latency))), events)
    return sdr_db(stems[routing.voice][:, separator.latency :], piece.truths[LINE])


def measured(given: Given, piece: Piece) -> Iterator[Row]:
    """The rows of a piece."""
    truth, seconds = known(given.shared / "backgrounds" / f"{BACKGROUNDS[piece.name]}.flac")
    melody = melody_of(truth.repeated(seconds, piece.mix.shape[1] / piece.sample_rate), piece.sample_rate)
    for latency, setting in LATENCIES.items():
        yield {"line": BACKGROUNDS[piece.name], "piece": piece.name, "latency": latency,
               "melody alone": separated(piece, melody, False, setting),
               "melody and piano": separated(piece, melody, True, setting),
               "piano alone": separated(piece, None, True, setting),
               "oracle mask": sdr_db(oracle(piece, params_of(setting))[LINE], piece.truths[LINE])}


@study("melody", page=PAGE, seconds=10.0, takes=("seconds", "pieces"))
def melody(given: Given) -> list[Table]:
    """SDR in dB of a line beside a piano as loud as it, if its notes are told, the piano's notes, or both.

    The lines: a cello, a saxophone, a male and a female singer. Their notes are whole semitones, from the line alone, as in the
    study `pitch`.
    """
    rows = [row for piece in bands(given) for row in measured(given, piece)]
    head = ["melody alone", "piano alone", "melody and piano", "oracle mask"]
    body = [[row["line"], row["latency"], *(f"{row[name]:.1f}" for name in head)] for row in rows]
    for latency in LATENCIES:
        mine = [row for row in rows if row["latency"] == latency]
        body.append(["**mean**", latency, *(f"{np.mean([row[name] for row in mine]):.1f}" for name in head)])
    return [Table("melody", table(["line", "latency", *head], body, 2), rows)]
