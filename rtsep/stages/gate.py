"""Stage: voices open and close templates. The open rows are those that a frame may contain.

The rows of a voice are open while its key is down, or while a pedal holds it and it still sounds (its decay). Then they stay
open for the length of the window, which still contains the note, plus the release time of the pitch. Of these rows, only those
for the note's present age are open.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import PITCHES
from rtsep.stages.common import listens_for_drums
from rtsep.stages.polyphony import FREE, HELD, LATER, NEVER, RELEASED, VOICES, sounding, younger
from rtsep.stages.request import Request

EARLY_S = 0.015  # Drums can sound this many seconds before their triggers arrive (docs/measurements/drums.md).

PLAN = Part("gate", (
    size("early", "samples after a stroke for which drums are open before they are told; 0: never"),
), sees=("common", "instruments"))
STATE = Part("gate", (
    cell("closed_rows", "int64", "templates that were closed since reset because too many were open"),
    array("marks", "int64", f"stems, {PITCHES}",
          "1 + the end of the last frame that opened the pitch; without the 1 if that frame closed it again"),
    array("youngest", "int64", f"stems, {PITCHES}", "onset of the youngest note of the pitch; 0: no note yet"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `gate`."""
    early = request.asks("gate") and listens_for_drums(request).any()
    return {"early": request.samples(EARLY_S) if early else 0}


@kernel
def close_voices(plan, voices, end):
    """Free the voices that the frame ending before sample `end` can no longer contain."""
    for v in range(VOICES):
        voice = voices[v]
        stem, pitch = voice.stem, voice.pitch
        released = voice.status == RELEASED and end >= voice.off + plan.window_size + plan.release[stem, pitch]
        decayed = voice.status == HELD and end >= voice.onset + plan.window_size + plan.decay[stem, pitch]
        if released or decayed:
            voice.status = FREE


@kernel
def last_level(plan, H, stem, pitch):
    """Sum of the last frame's activations H [stem, row] of a stem's pitch."""
    level = np.float32(0)
    for row in range(plan.first_row[stem, pitch], plan.first_row[stem, pitch] + plan.row_count[stem, pitch]):
        level += H[stem, row]
    return level


@kernel
def quietest_voice(plan, own, voices, H, stamp, end):
    """The marked voice to close first: the quietest in the last frame, and the oldest among equals.

    A note that is younger than a window has no level yet and counts as loud.
    """
    quietest, level, oldest = -1, np.float32(0), np.int64(0)
    for v in range(VOICES):
        voice = voices[v]
        stem, pitch = voice.stem, voice.pitch
        if voice.status == FREE or own.marks[stem, pitch] != stamp:
            continue
        onset = own.youngest[stem, pitch]
        loudness = last_level(plan, H, stem, pitch) if end - onset >= plan.window_size else np.float32(np.inf)
        if quietest < 0 or loudness < level or (loudness == level and onset < oldest):
            quietest, level, oldest = v, loudness, onset
    return quietest


@kernel
def open_pitches(plan, own, voices, H, stamp, end):
    """Mark [stem, pitch] of every voice with `stamp`, for at most `open_limit` rows; give the number of marked rows.

    Beyond the limit the quietest pitches close first; each closing is counted once.
    """
    opened = 0
    for v in range(VOICES):
        voice = voices[v]
        stem, pitch = voice.stem, voice.pitch
        if voice.status == FREE:
            continue
        if own.marks[stem, pitch] != stamp:
            own.marks[stem, pitch] = stamp
            own.youngest[stem, pitch] = LATER
            opened += plan.row_count[stem, pitch]
        own.youngest[stem, pitch] = younger(own.youngest[stem, pitch], sounding(voice)[0])
    while opened > plan.open_limit:
        v = quietest_voice(plan, own, voices, H, stamp, end)
        stem, pitch = voices[v].stem, voices[v].pitch
        own.marks[stem, pitch] = stamp - 1
        opened -= plan.row_count[stem, pitch]
        struck_now = 0 <= end - own.youngest[stem, pitch] <= plan.hop
        if struck_now or last_level(plan, H, stem, pitch) > 0:  # it closes now; later frames do not count it again
            own.closed_rows += plan.row_count[stem, pitch]
    return opened


@kernel
def add_told(plan, own, opened, stem, pitch, end, count):
    """Open the rows of a stem's pitch for the age of its youngest note, or all rows without gates; give the new count."""
    onset, first = own.youngest[stem, pitch], plan.first_row[stem, pitch]
    for row in range(first, first + plan.row_count[stem, pitch]):
        if not plan.gated or plan.row_age[row, 0] <= max(end - onset, 0) < plan.row_age[row, 1]:
            opened.open_row[count], opened.open_stem[count], opened.open_onset[count] = row, stem, onset
            count += 1
    return count


@kernel
def add_early(plan, own, opened, struck, stem, pitch, end, count, room):
    """Open the first rows, at most `room`, of a drum that was played before, if its trigger may be late; give the new count.

    A row that is already open, because the last stroke is young, is not opened twice.
    """
    if plan.drums[stem] == 0 or own.youngest[stem, pitch] == 0 or end - struck >= plan.early:
        return count
    first, most = plan.first_row[stem, pitch], count + room
    age = end - own.youngest[stem, pitch] if own.marks[stem, pitch] == end + 1 else np.int64(NEVER)
    for row in range(first, first + plan.row_count[stem, pitch]):
        told = plan.row_age[row, 0] <= age < plan.row_age[row, 1]
        if count < most and not told and plan.row_age[row, 0] < plan.early:
            opened.open_row[count], opened.open_stem[count], opened.open_onset[count] = row, stem, NEVER
            count += 1
    return count


@kernel
def open_rows(plan, own, voices, H, struck, opened, end):
    """Fill `open_row`, `open_stem`, `open_onset` and their count, stem by stem, for the frame that ends before `end`.

    The open rows of a stem's pitch are a group; `group_first`, `group_at` and `groups` tell where it is. Rows that are open
    early, since something was `struck`, form a separate group, which `group_at` does not name.
    """
    room = np.int64(0)
    if plan.gated:
        close_voices(plan, voices, end)
        room = plan.open_limit - open_pitches(plan, own, voices, H, end + 1, end)
    count = groups = 0
    for stem in range(plan.stems - 1):
        for pitch in range(PITCHES):
            begin = count
            opened.group_at[stem, pitch] = -1
            if own.marks[stem, pitch] == end + 1 if plan.gated else plan.reach[stem, pitch] != 0:
                count = add_told(plan, own, opened, stem, pitch, end, count)
            if count > begin:
                opened.group_at[stem, pitch], opened.group_first[groups] = groups, begin
                groups += 1
            begin = count
            count = add_early(plan, own, opened, struck, stem, pitch, end, count, room)
            room -= count - begin
            if count > begin:
                opened.group_first[groups] = begin
                groups += 1
    opened.group_first[groups], opened.groups, opened.open_count = count, groups, count


@kernel
def note_playing(plan, opened, M):
    """Note that the stems of the open rows and the residual play now; set the masks of stems that no longer play to 0."""
    before, stems = opened.playing_count, 0
    for i in range(before - 1):
        fill(M[opened.playing[i]], np.float32(0))
    for i in range(opened.open_count):
        if i == 0 or opened.open_stem[i] != opened.open_stem[i - 1]:
            opened.playing[stems] = opened.open_stem[i]
            stems += 1
    if plan.voice_stem >= 0:
        opened.playing[stems] = plan.voice_stem
        stems += 1
    opened.playing[stems], opened.playing_count = plan.stems - 1, stems + 1


@kernel
def step(plan, own, voices, H, struck, M, opened, end):
    """Fill the part `open` for the frame that ends before sample `end`.

    voices [VOICES] are the notes. H [stem, row] are the last frame's activations, which tell which notes are quiet. `struck` is
    the sample of the last stroke. M [stem, bin] are the masks of the last frame.
    """
    opened.groups = opened.open_count = 0
    if end > plan.lead_in:
        open_rows(plan, own, voices, H, struck, opened, end)
    note_playing(plan, opened, M)
