"""Writes a MIDI file with a track for each hand, from the file whose notes were divided.

The first track holds tempo, time signatures, marks, lyrics and sysex. Then come `right hand`, `left hand` and, if there are
any, `drums`. The right hand comes first because notation programs put the first track into the upper staff. Pedals, programs,
bends and all other messages of a channel are in every track with notes on this channel: notation programs and DAWs give each
track its own staff or instrument, and these messages would be missing there. Channels and ports do not change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import mido

from rtsep.notes.build import Path
from rtsep.notes.chunks import Chunks, read_chunks
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.midi_files import Placed, add_messages, midi_bytes
from rtsep.notes.names import decode_name
from rtsep.notes.score import PORTS, Row, Score, is_strike
from rtsep.notes.tracks import NAME, PORT, TEMPO, Track

LEFT, RIGHT, DRUMS = range(3)  # The players of a note.
TRACKS = {RIGHT: "right hand", LEFT: "left hand", DRUMS: "drums"}  # Names of the tracks, in their order.
DIVISION, TEMPO_US = 960, 500_000  # Ticks, and microseconds, of a quarter note if the notes are not from a MIDI file.
OF_A_TRACK = frozenset((0x00, NAME, 0x04, 0x09, 0x20, PORT, 0x2F))  # MIDI's meta events that make sense only in their track.



def is_midi(path: Path) -> bool:
    """Whether the file is MIDI."""
    with open(path, "rb") as file:
        return file.read(4) in (b"MThd", b"RIFF")


def hands_midi(path: Path, score: Score, players: Sequence[int]) -> bytes:
    """The MIDI file from `path`, whose notes are `score`. `players` has the player of each note-on, in the order of `score`."""
    if is_midi(path):
        chunks = read_chunks(path)
        rows = sorted((row for each in enumerate(chunks.tracks) for row in _rows(*each)), key=lambda row: row[0])
    else:
        rows = _rows_of(score)
        chunks = _chunks_of(rows)
    file = mido.MidiFile(type=1, ticks_per_beat=chunks.division - (0x10000 if chunks.division & 0x8000 else 0))
    end = max(track.end for track in chunks.tracks)
    _add(file, _title(chunks), sorted(_marks(chunks), key=lambda each: each[0]), end)
    placed = _placed(rows, players)
    for player, name in TRACKS.items():
        if placed[player] or player != DRUMS:
            _add(file, name, _with_ports(placed[player]), end)
    return midi_bytes(file)


def _rows_of(score: Score) -> list[Row]:
    """The messages of a score that is not from a MIDI file, at the tempo `TEMPO_US`."""
    ticks = [round(second * DIVISION * 1e6 / TEMPO_US) for second in score.seconds.tolist()]
    return [(tick, part * PORTS, *message) for tick, (part, *message) in zip(ticks, score.messages.tolist(), strict=True)]


def _chunks_of(rows: list[Row]) -> Chunks:
    """The rest of such a file, beside its notes."""
    return Chunks(DIVISION, [Track(metas=[(0, TEMPO, TEMPO_US.to_bytes(3, "big"))], end=rows[-1][0])])


def _rows(number: int, track: Track) -> Iterator[Row]:
    for tick, port, status, data1, data2 in track.messages:
        yield tick, number * PORTS + port, status, data1, data2


def _title(chunks: Chunks) -> str:
    """The name of the piece, which is the name of a first track without notes."""
    first = chunks.tracks[0]
    return "" if any(is_strike(row) for row in _rows(0, first)) else decode_name(first.name)


def _marks(chunks: Chunks) -> Iterator[Placed]:
    """Meta events for the whole piece, and sysex, from all tracks; each of them once."""
    metas = dict.fromkeys(each for track in chunks.tracks for each in track.metas if each[1] not in OF_A_TRACK)
    for tick, kind, data in metas:
        yield tick, mido.UnknownMetaMessage(kind, data=data)
    for tick, data in dict.fromkeys(each for track in chunks.tracks for each in track.sysex):
        if max(plain := data.removesuffix(b"\xf7"), default=0) <= 127:
            yield tick, mido.Message("sysex", data=plain)


def _placed(rows: list[Row], players: Sequence[int]) -> dict[int, list[tuple[int, Row]]]:
    """The rows of each player's track with their ticks. Note-offs go with their notes; messages for a channel are copied."""
    placed: dict[int, list[tuple[int, Row]]] = defaultdict(list)
    down: dict[tuple[int, int, int], list[int]] = defaultdict(list)  # For each key that is down, the players of its presses.
    of_note, on_channel = iter(players), _players(rows, players)
    seen = set[tuple[int, int, Row]]()
    for row in rows:
        tick, seat, status, pitch, _ = row
        key = (seat, status & 0x0F, pitch)
        if is_strike(row):
            down[key].append(player := next(of_note))
            placed[player].append((tick, row))
        elif status & 0xF0 in (NOTE_ON, NOTE_OFF):
            if down[key]:
                placed[down[key].pop()].append((tick, row))
        else:
            port = seat % PORTS
            for player in on_channel.get((port, status & 0x0F), (RIGHT, LEFT)):
                copy = (tick, player, (tick, port, *row[2:]))  # Two tracks of one channel often have the same message.
                if copy not in seen:
                    seen.add(copy)
                    placed[player].append((tick, row))
    return placed


def _players(rows: list[Row], players: Sequence[int]) -> dict[tuple[int, int], list[int]]:
    """The players of the notes on each port and channel."""
    found: dict[tuple[int, int], list[int]] = {}
    for row, player in zip(filter(is_strike, rows), players, strict=True):
        there = found.setdefault((row[1] % PORTS, row[2] & 0x0F), [])
        if player not in there:
            there.append(player)
    return found


def _with_ports(rows: list[tuple[int, Row]]) -> Iterator[Placed]:
    """The messages, with a message for the port wherever it changes; it starts at 0."""
    port = 0
    for tick, (_, seat, *message) in rows:
        if seat % PORTS != port:
            port = seat % PORTS
            yield tick, mido.UnknownMetaMessage(PORT, data=(port,))
        yield tick, mido.Message.from_bytes(message[:2] if message[0] & 0xE0 == 0xC0 else message)


def _add(file: mido.MidiFile, name: str, placed: Iterable[Placed], end: int) -> None:
    track = file.add_track()
    if name:
        track.append(mido.UnknownMetaMessage(NAME, data=name.encode()))
    now = add_messages(track, placed)
    track.append(mido.MetaMessage("end_of_track", time=max(end - now, 0)))
