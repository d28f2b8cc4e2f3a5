"""In the MIDI file of a take each note is in the track of its hand, as decided after 50 ms or corrected while it sounds."""

import mido
import numpy as np
from conftest import OFF, ON, in_blocks
from instruments import write_tracks
from native_callback import call
from pretended_card import RATE, Card, Face, job
from test_hands import two_hands

from rtsep.callbacks.shared import RECORDED
from rtsep.engine.note_path import give_to_hands
from rtsep.hosts.live import live
from rtsep.hosts.panel import Panel
from rtsep.hosts.recorded_notes import TOLD, Journal, Sounding, read_journal
from rtsep.kernels.memory import CORRECTION
from rtsep.notes.routing import by_hands
from rtsep.notes.score import Score

STEMS = ("left_hand", "right_hand")


def presses(folder, kind="note_on"):
    """(sample, pitch, name of the track) of the note-ons in session.mid, or of messages of another `kind`, sorted."""
    file, found = mido.MidiFile(folder / "session.mid"), []
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == kind:
                found.append((round(now * 0.5 / file.ticks_per_beat * RATE), message.note, track.name))
    return sorted(found)


def play(player, samples, messages=()):
    """A step: messages of part 0, and a block with them."""
    for message in messages:
        player.receive(0, 0, message)
    call(player.lanes, np.zeros((2, samples), np.float32))


def session(tmp_path, *steps, **options):
    """Play the steps while a take is recorded."""
    first = lambda player: play(player, 64)  # noqa: E731  # It warms up.
    return live(job(tmp_path, **{"by": "hands", "record": tmp_path / "take", **options}), lambda rescan: Card(),
                Face(first, *steps))


def test_notes_are_where_the_engine_gives_them(tmp_path):
    events, samples, begins = two_hands(np.random.default_rng(2), 120_000, 150), 120_000, []
    events = events[((events["status"] == ON) | (events["status"] == OFF)) & (events["sample"] < samples - 3000)]

    def play_all(player):
        for begin, end in in_blocks(samples, (441, 64, 300)):
            now = events[(events["sample"] >= begin) & (events["sample"] < end)]
            begins.extend([begin] * len(now))
            play(player, end - begin, now[["status", "data1", "data2"]].tolist())

    session(tmp_path, play_all)
    messages = np.stack([np.zeros(len(events)), *(events[name] for name in ("status", "data1", "data2"))], axis=1)
    score = Score(("a",), np.array(begins) / RATE, messages.astype(np.uint8), (0,), int((messages[:, 1] == ON).sum()), 3.0, 0)
    given = give_to_hands(score, by_hands(score))
    strikes = [(sample, pitch) for sample, (_, status, pitch, _) in zip(begins, score.messages.tolist(), strict=True)
               if status == ON]
    expected = {(sample, pitch, STEMS[stem]) for (sample, pitch), stem in zip(strikes, given.stem, strict=True)}
    found = presses(tmp_path / "take")
    assert given.revised > 0 and {name for _, _, name in found} == {*STEMS}
    assert len(found) == len(strikes) and set(found) == expected
    for name in STEMS:
        ended = [pitch for _, pitch, track in presses(tmp_path / "take", "note_off") if track == name]
        assert {pitch for _, pitch, track in found if track == name} == set(ended)


LOW, HIGH = (47, 48, 50), (70, 72, 74)


def test_what_sounds_is_corrected_and_goes_into_the_next_take_so(tmp_path):
    """A note that is over, then three notes of each hand, which exchange hands, and one note afterwards."""
    face = Face()

    def until_written(player):
        if player.recorder._take.seconds * RATE < player.lanes.word(RECORDED) - 256:
            face.steps.insert(0, until_written)

    def swap(player):
        Panel().press("x", player)
        play(player, 1000)

    face.steps += [
        lambda player: play(player, 64),
        lambda player: play(player, 3000, [(ON, 45, 90), (OFF, 45, 0), *((ON, pitch, 90) for pitch in LOW + HIGH)]),
        lambda player: [play(player, 1000) for _ in range(40)],
        swap, lambda player: play(player, 3000, [(ON, 52, 90)]), until_written,
        lambda player: player.next_take(), lambda player: play(player, 5000),
        lambda player: play(player, 3000, [(OFF, pitch, 0) for pitch in (*LOW, *HIGH, 52)])]
    report = live(job(tmp_path, by="hands", record=tmp_path / "take"), lambda rescan: Card(), face)
    swapped = {*((pitch, "right_hand") for pitch in (*LOW, 52)), *((pitch, "left_hand") for pitch in HIGH)}
    for kind in ("note_on", "note_off"):
        first, second = ([(pitch, name) for _, pitch, name in presses(tmp_path / each, kind)] for each in ("take", "take-1"))
        assert set(first) == {*swapped, (45, "left_hand")} and len(first) == 8
        assert set(second) == swapped and len(second) == 7
    assert [take["events"] for take in report["takes"]] == [9, 7]


def test_parts_of_a_score_are_tracks_too(tmp_path):
    low, high = [(0.2 * i, 0.2 * i + 0.1, 40 + i) for i in range(9)], [(0.2 * i, 0.2 * i + 0.1, 70 + i) for i in range(9)]
    write_tracks(tmp_path / "score.mid", {"Soprano": high, "Bass": low})

    def play_all(player):
        for (*_, below), (*_, above) in zip(low, high, strict=True):
            play(player, 4000, [(ON, below, 90), (ON, above, 90)])
            play(player, 4000, [(OFF, below, 0), (OFF, above, 0)])

    session(tmp_path, play_all, by="port", score=tmp_path / "score.mid")
    found = presses(tmp_path / "take")
    assert {(pitch, name) for _, pitch, name in found} == {
        *((pitch, "bass") for *_, pitch in low), *((pitch, "soprano") for *_, pitch in high)}


def recorded(path, messages):
    """(sample, status, key, stem) of what a cut-off journal of these messages, (sample, status, data), contains."""
    journal = Journal(path, np.zeros((32, 16, 128), np.int8))
    journal.add([(sample, 0, message) for sample, *message in messages])
    journal.close()
    with open(path, "ab") as file:
        file.write(b"half")
    assert journal.events == sum(message[1] < TOLD for message in messages)
    return read_journal(path)[["sample", "status", "data1", "stem"]].tolist()


def test_a_journal_that_is_cut_off_has_what_was_told_by_then(tmp_path):
    """The last decision counts. Keys that are struck again, and note-offs without notes, do no harm."""
    begun = [(10, ON, 60, 90), (10, TOLD, 60, 1), (20, ON, 61, 90), (30, OFF, 61, 0), (40, OFF, 99, 0)]
    again = [(50, OFF, 60, 0), (60, ON, 60, 80), (60, TOLD, 60, 0), (10, TOLD, 60, 0), (60, TOLD, 60, 1), (70, OFF, 60, 0)]
    assert recorded(tmp_path / "early", begun) == [(10, ON, 60, 1), (20, ON, 61, 0), (30, OFF, 61, 0), (40, OFF, 99, 0)]
    assert recorded(tmp_path / "late", begun + again) == [
        (10, ON, 60, 0), (20, ON, 61, 0), (30, OFF, 61, 0), (40, OFF, 99, 0), (50, OFF, 60, 0), (60, ON, 60, 1),
        (70, OFF, 60, 1)]


def test_all_notes_off_ends_keys(tmp_path):
    """A note that is never released is not taken for a later note of its key."""
    messages = [(10, ON, 60, 90), (10, TOLD, 60, 1), (20, 0xB0, 123, 0), (30, OFF, 60, 0)]
    assert recorded(tmp_path / "notes", messages)[-1] == (30, OFF, 60, 0)


def test_corrections_and_messages_about_stems_are_no_notes():
    sounding = Sounding()
    for message in ((ON | 2, 60, 90), (TOLD | 2, 60, 1), (TOLD | 2, 61, 1)):
        sounding.receive(0, message)
    assert sounding.presses() == [(0, (ON | 2, 60, 90)), (0, (TOLD | 2, 60, 1))] and CORRECTION >= TOLD
    assert sounding.releases() == [(0, (OFF | 2, 60, 0))]
