"""Scores: MIDI files become events for the engine. No ports, no threads.

A *part* is a track with notes, counted from 0 in the order of the file, or a live port.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.bars import NO_BARS, Bars, bars_in_ticks
from rtsep.notes.bends import Curves, read_curves, retune
from rtsep.notes.chunks import read_chunks
from rtsep.notes.messages import CONTROL, NOTE_ON, PROGRAM, Keyboard, Message, MidiParser, is_kept
from rtsep.notes.names import decode_name
from rtsep.notes.programs import CHANNELS, Change, played_programs
from rtsep.notes.tracks import Timed, Track, tell_odd
from rtsep.notes.zones import zones_of

__all__ = ["EVENT", "NOTE", "Message", "MidiParser", "Score", "is_kept", "read_midi"]

# kernels.memory declares the same type: compiled code depends on the kernels' own sources, so they import nothing else.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)  # stem: 0: the routing decides; else 1 + the stem of this note-on.
NOTE = np.dtype(
    [("onset_s", "<f8"), ("offset_s", "<f8"), ("pitch", "u1"), ("velocity", "u1"), ("part", "u1"), ("channel", "u1")]
)
MAX_PARTS = 255  # At most this many tracks can have notes; the engine's own limit is in `folded`.
MAX_DURATION_S = 24 * 3600.0  # A score lasts at most this many seconds.
MAX_TICKS = 2**52  # A score has at most this many ticks, so that float64 counts them exactly.

PORTS = 128  # MIDI files have this many ports.

Row = tuple[int, int, int, int, int]  # Tick, seat (number of the track times PORTS, and port), status, data1, data2.


@dataclass(frozen=True, eq=False)
class Score:
    """The notes of one or several MIDI files, in seconds.

    | field | |
    | --- | --- |
    | track_names | names of the tracks with notes in file order, one per part; "track_N" (N = part + 1) for an empty name |
    | seconds | float64 [n], time of each message from the start of the file, ascending |
    | messages | uint8 [n, 4]: part, status, data1, data2; in file order at equal times |
    | channels | channels with notes, 0 to 15, ascending |
    | note_count | number of note-ons with a velocity above 0 |
    | duration_s | time of the last message; 0 without messages |
    | tracks_without_notes | number of tracks without notes |
    | programs | General MIDI program of each (part, channel) with notes, see `programs` |
    | ports | the port of each part, 0 to 127; an empty tuple: all are 0 |
    | stems | for each part, the stem that the user gave for all of its notes, or ""; an empty tuple: none was given |
    | zoned | the (part, channel) pairs that belong to MPE zones |
    | warnings | sentences for the user about the file |
    | bars | the bars; none for files that have none, such as tables |

    At the end of the file, all keys and pedals that are still down are released. A channel belongs to its port. A pedal acts on
    its channel, and the pedal of an MPE zone's master on the members: parts there without their own controller get a copy.
    """

    track_names: tuple[str, ...]
    seconds: NDArray[np.float64]
    messages: NDArray[np.uint8]
    channels: tuple[int, ...]
    note_count: int
    duration_s: float
    tracks_without_notes: int
    programs: Mapping[tuple[int, int], int] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    stems: tuple[str, ...] = ()
    zoned: frozenset[tuple[int, int]] = frozenset()
    warnings: tuple[str, ...] = ()
    bars: Bars = NO_BARS

    def events(self, sample_rate: float, offset_s: float = 0.0) -> NDArray[np.void]:
        """The messages as EVENT [n], `offset_s` seconds later. Messages before the first sample move to sample 0."""
        events = np.zeros(len(self.seconds), EVENT)
        events["sample"] = np.maximum(np.rint((self.seconds + offset_s) * sample_rate), 0)
        for column, name in enumerate(("part", "status", "data1", "data2")):
            events[name] = self.messages[:, column]
        return events

    def notes(self) -> NDArray[np.void]:
        """The notes as NOTE [n], by onset. Offsets include both pedals (see `Keyboard` for keys that are struck twice)."""
        found = []
        for (part, channel), keyboard in _played(self.seconds, self.messages).items():
            keyboard.finish(self.duration_s)
            found += [(*note, part, channel) for note in keyboard.ended]
        return np.sort(np.array(found, NOTE), order=("onset_s", "part", "pitch", "channel"))


def _played(seconds: Iterable[float], messages: NDArray[np.uint8]) -> dict[tuple[int, int], Keyboard]:
    """The keyboard of each part and channel, after all its messages."""
    keyboards: dict[tuple[int, int], Keyboard] = {}
    for at_s, (part, status, data1, data2) in zip(seconds, messages.tolist(), strict=True):
        keyboards.setdefault((part, status & 0x0F), Keyboard()).play(float(at_s), (status, data1, data2))
    return keyboards


def read_midi(path: str | os.PathLike[str]) -> Score:
    """The notes of the MIDI file `path` (format 0 or 1, tempo map or SMPTE time), read in the way of MIDI players.

    A file without notes gives a Score without parts. RtsepError: missing, empty, truncated, not MIDI, broken, format 2,
    longer than 24 hours, more than 255 tracks with notes.
    """
    chunks = read_chunks(path)
    tracks, clock = chunks.tracks, _Clock(chunks.division, [tempo for track in chunks.tracks for tempo in track.tempos])
    end = max((track.end for track in tracks), default=0)
    if end > MAX_TICKS:
        raise RtsepError(f"{path} is broken MIDI (a pause of {end} ticks): export it again")
    rows = [row for number, track in enumerate(tracks) for row in _rows(number, track)]
    playing = sorted({row[1] for row in rows if is_strike(row)})
    if len(playing) > MAX_PARTS:
        raise RtsepError(f"{path} has {len(playing)} tracks with notes, allowed are {MAX_PARTS}: merge or remove some")
    heard = sorted((message for track in tracks for message in track.messages), key=lambda message: message[0])
    masters = zones_of((port, (status, data1, data2)) for _tick, port, status, data1, data2 in heard)
    programs = _programs(tracks, rows, masters)
    rows = sorted(_assign(rows, playing, masters), key=lambda row: row[0])  # The sort is stable: file order at equal times.
    seconds = clock.seconds(np.array([row[0] for row in rows] + [end], np.float64))
    score = _score(rows, seconds, tuple(_name(tracks[seat // PORTS], part) for part, seat in enumerate(playing)))
    score = replace(
        score, bars=_bars(tracks, clock, chunks.division, end),
        tracks_without_notes=len(tracks) - len({seat // PORTS for seat in playing}),
        ports=tuple(seat % PORTS for seat in playing), warnings=tell_odd(chunks.odd),
        zoned=frozenset((part, channel) for part, seat in enumerate(playing) for member, master in
                        masters.get(seat % PORTS, {}).items() for channel in (member, master)),
        programs={(playing.index(seat), channel): program for (seat, channel), program in programs.items()})
    if score.duration_s > MAX_DURATION_S:
        hours = score.duration_s / 3600
        raise RtsepError(f"{path} lasts {hours:.0f} hours, allowed are 24: cut it, or check its tempo")
    return _retuned(score, read_curves(heard, sorted(sysex for track in tracks for sysex in track.sysex), masters, clock.at))


def _bars(tracks: list[Track], clock: _Clock, division: int, end: int) -> Bars:
    """The bars up to the tick `end`; none for SMPTE times, which know no bars."""
    if division & 0x8000:
        return NO_BARS
    starts, beats = bars_in_ticks(tracks, division, end)
    return Bars(clock.seconds(starts), beats) if len(starts) else NO_BARS


def _retuned(score: Score, curves: Curves | None) -> Score:
    """The score with the pitches that sound, and a warning about bent notes."""
    if curves is None or not score.note_count:
        return score
    moved, warnings = retune(score.messages, score.seconds, score.notes(), score.ports, score.programs, curves)
    return replace(score, messages=moved, warnings=score.warnings + warnings)


def _rows(number: int, track: Track) -> Iterator[Row]:
    """All messages of a track that start or end notes, in file order."""
    for tick, port, status, data1, data2 in track.messages:
        if is_kept(status, data1):
            yield tick, number * PORTS + port, status, data1, data2


def _programs(tracks: list[Track], rows: list[Row], masters: Mapping[int, Mapping[int, int]]) -> dict[tuple[int, int], int]:
    """The program of each seat and channel that plays notes."""
    def place(port: int, status: int) -> int:
        return port * CHANNELS + (status & 0x0F)

    changes: list[Change] = [(tick, number * PORTS + port, place(port, status), program)
                             for number, track in enumerate(tracks)
                             for tick, port, status, program, _ in track.messages if status & 0xF0 == PROGRAM]
    strikes = [(row[0], row[1], place(row[1] % PORTS, row[2])) for row in rows if is_strike(row)]
    obeys = {place(port, member): place(port, master) for port, zone in masters.items() for member, master in zone.items()}
    found = played_programs(strikes, changes, obeys)
    return {(seat, channel % CHANNELS): program for (seat, channel), program in found.items()}


def is_strike(row: Row | Timed) -> bool:
    """Whether the message is a note-on."""
    return row[2] & 0xF0 == NOTE_ON and row[4] > 0


def _assign(rows: list[Row], playing: list[int], masters: Mapping[int, Mapping[int, int]]) -> Iterator[Row]:
    """The rows with parts for seats. A controller also goes to parts on its channel, or in its zone, that do not have it."""
    part_of = {seat: part for part, seat in enumerate(playing)}
    own = {(part_of.get(row[1]), *row[2:4]) for row in rows}
    players = dict[tuple[int, int], list[tuple[int, int]]]()  # Port and channel of a controller: channel and part.
    for channel, seat in sorted({(row[2] & 0x0F, row[1]) for row in rows if is_strike(row)}):
        port = seat % PORTS
        for told in {channel, masters.get(port, {}).get(channel, channel)}:
            players.setdefault((port, told), []).append((channel, part_of[seat]))
    for tick, seat, status, data1, data2 in rows:
        part = part_of.get(seat)
        if status & 0xF0 != CONTROL:
            yield from [(tick, part, status, data1, data2)] if part is not None else []
            continue
        for channel, player in players.get((seat % PORTS, status & 0x0F), ()):
            obeyed = status & 0xF0 | channel
            if (player == part or (player, status, data1) not in own) and (
                    obeyed == status or (player, obeyed, data1) not in own):
                yield tick, player, obeyed, data1, data2


class _Clock:
    """Ticks to seconds: at a fixed rate for SMPTE divisions, else by the tempo changes, starting at 120 beats per minute."""

    def __init__(self, division: int, tempos: list[tuple[int, int]]) -> None:
        if division & 0x8000:
            frames = 256 - (division >> 8)
            changes = [(0, 1.0 / (division & 0xFF) / (30000 / 1001 if frames == 29 else frames))]
        else:
            told = [(0, 500_000), *(tempo for tempo in tempos if tempo[1])]
            changes = [(tick, tempo * 1e-6 / division) for tick, tempo in sorted(told, key=lambda change: change[0])]
        self._starts = np.array([tick for tick, _ in changes], np.float64)  # Of several changes at a tick, the last counts.
        self._tick_s = np.array([tick_s for _, tick_s in changes])
        self._start_s = np.concatenate(([0.0], np.cumsum(np.diff(self._starts) * self._tick_s[:-1])))

    def seconds(self, ticks: NDArray[np.float64]) -> NDArray[np.float64]:
        """The times of `ticks`."""
        last = np.searchsorted(self._starts, ticks, side="right") - 1
        return np.asarray(self._start_s[last] + (ticks - self._starts[last]) * self._tick_s[last])

    def at(self, ticks: Iterable[int]) -> list[float]:
        """The times of `ticks`, as a list."""
        return list(map(float, self.seconds(np.array(list(ticks), np.float64))))


def _score(rows: list[Row], seconds: NDArray[np.float64], names: tuple[str, ...]) -> Score:
    """The Score of rows (tick, part, ...) at `seconds`; the last of `seconds` is the end of the file."""
    messages = np.array([row[1:] for row in rows], np.uint8).reshape(-1, 4)
    keyboards = _played(seconds[:-1], messages).items()
    hanging = [(part, *message) for (part, channel), keys in keyboards for message in keys.hanging(channel)]
    strikes = [row for row in rows if is_strike(row)]
    seconds = np.concatenate((seconds[:-1], np.full(len(hanging), seconds[-1])))
    messages = np.concatenate((messages, np.array(hanging, np.uint8).reshape(-1, 4)))
    channels = tuple(sorted({row[2] & 0x0F for row in strikes}))
    return Score(names, seconds, messages, channels, len(strikes), float(seconds.max(initial=0.0)), 0)


def _name(track: Track, part: int) -> str:
    """The name of the track, or its number."""
    return decode_name(track.name) or f"track_{part + 1}"
