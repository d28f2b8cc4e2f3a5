"""--by hands as a user meets it: render, live by a device's callback and by JACK, controls, takes, set-ups, refusals."""

import json

import numpy as np
import pytest
import soundfile
from conftest import OFF, ON, SMALL, band, in_blocks, make_preset, midi, play, prepared
from engine_state import part_of
from instruments import write_tracks
from jack_clients import Keyboard
from jack_server import jack_server, needs_jack  # noqa: F401
from native_callback import call, stem_sources, warmed
from pretended_card import RATE as CARD_RATE
from pretended_card import Card, Face, job
from render_files import RATE as FILE_RATE
from render_files import fill, refused, render, report_of, sounds_of
from test_hands import KEYS, two_hands
from test_jack import RATE as JACK_RATE
from test_jack import run_tape
from test_jack_live import playing

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.lanes import CAPACITY
from rtsep.hosts.live import live
from rtsep.hosts.live_job import LiveJob, route_live
from rtsep.hosts.panel import Panel
from rtsep.hosts.table import targets
from rtsep.kernels.memory import CORRECTION
from rtsep.notes.groups import with_groups
from rtsep.notes.routing import by_hands
from rtsep.notes.score import read_midi
from rtsep.presets.instruments import choose
from rtsep.presets.preset import load_preset, save_preset
from rtsep.presets.wish import parse_wish

LOW, HIGH = [(0.1 * i, 0.1 * i + 0.3, 45 + i) for i in range(8)], [(0.1 * i + 0.02, 0.1 * i + 0.3, 76 - i) for i in range(8)]


@pytest.fixture
def keyboard(tmp_path):
    """mix.wav, notes.mid with a track of low and one of high notes, and a preset of many keys."""
    fill(tmp_path)
    write_tracks(tmp_path / "notes.mid", {"Left": LOW, "Right": HIGH})
    save_preset(make_preset(KEYS, rows=1, window=2048, rate=FILE_RATE), tmp_path / "small.npz")
    return tmp_path


# --- render -----------------------------------------------------------------------------------------------------------


def test_render_is_the_engine_whatever_the_blocks(keyboard, capsys):
    assert render(keyboard, "--by", "hands", "--mode", "live") == 0
    assert "Hands: 16 notes; " in capsys.readouterr().out
    assert render(keyboard, "--by", "hands", "--mode", "live", "--block", "37", out="again") == 0
    mine, again = sounds_of(keyboard), sounds_of(keyboard, "again")
    assert list(mine) == ["left_hand", "right_hand", "residual"]
    assert all(np.array_equal(mine[name], again[name]) for name in mine)
    assert report_of(keyboard)["hands"]["notes"] == 16

    score, sound = read_midi(keyboard / "notes.mid"), soundfile.read(keyboard / "mix.wav", always_2d=True)[0].T
    separator = prepared(load_preset(keyboard / "small.npz"), by_hands(score), {"mode": "live"}, rate=FILE_RATE)
    padded = np.pad(sound.astype(np.float32), ((0, 0), (0, separator.latency)))
    stems, _ = play(separator, padded, score.events(FILE_RATE), (separator.framing.hop,))
    for name, stem in zip(mine, stems, strict=True):
        np.testing.assert_allclose(mine[name], stem[:, separator.latency :], atol=1e-6)


def test_reference_renders_the_hands(keyboard):
    for out, more in (("out", ()), ("plain", ("--reference",))):
        assert render(keyboard, "--by", "hands", "--mode", "live", "--end", "0.8", *more, out=out) == 0
    assert report_of(keyboard)["hands"] == report_of(keyboard, "plain")["hands"]
    for name, sound in sounds_of(keyboard).items():
        np.testing.assert_allclose(sounds_of(keyboard, "plain")[name], sound, atol=1e-4)


def test_tracks_are_one_keyboard_and_groups_keep_their_notes(keyboard):
    score = read_midi(keyboard / "notes.mid")
    routing = by_hands(score)
    assert routing.names == ("left_hand", "right_hand") and routing.hands == (0, 1)
    assert set(np.unique(routing.table[:2, [0, 1, 8, 15]])) == {0, 1} and (routing.table[:, 9] == -1).all()
    grouped = with_groups(["low=0-59"], score, routing).routing
    assert grouped.names == ("left_hand", "right_hand", "low") and grouped.hands == (0, 1)
    assert render(keyboard, "--by", "hands", "--group", "low=0-59") == 0
    assert report_of(keyboard)["hands"]["notes"] == 8


def test_silence_gives_nothing_to_the_hands(keyboard):
    soundfile.write(keyboard / "mix.wav", np.zeros(FILE_RATE), FILE_RATE, "FLOAT")
    assert render(keyboard, "--by", "hands") == 0
    assert not any(sound.any() for sound in sounds_of(keyboard).values())


def test_hands_need_notes(keyboard, capsys):
    refused(capsys, keyboard, render(keyboard, "--by", "hands", midi=None), "--by hands needs the notes", "--by split")
    refused(capsys, keyboard, main(["live", "--by", "hands"]), "--by hands needs notes", "--by split")


# --- live -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"mode": "instant", "latency_samples": 0}])
def test_a_devices_callback_is_the_engine(rng, params):
    preset, sound, notes = make_preset(KEYS, rows=1), band(rng, 12000, 2), two_hands(rng, 12000)
    separator = prepared(preset, by_hands(), {**SMALL, **params}, 2, max_block=CAPACITY)
    lanes, heard, events = warmed(separator, stem_sources(separator)), [], []
    for begin, end in in_blocks(12000, (64, 200)):
        for note in notes[(notes["sample"] >= begin) & (notes["sample"] < end)]:
            message = tuple(int(note[name]) for name in ("status", "data1", "data2"))
            assert lanes.send(0, int(note["part"]), message)
            events.append((begin, *message, int(note["part"])))
        heard.append(call(lanes, sound[:, begin:end]))
    offline = prepared(preset, by_hands(), {**SMALL, **params}, 2)
    stems, _ = play(offline, sound, midi(*events))
    assert np.array_equal(np.concatenate(heard, axis=1)[2:], stems.reshape(-1, 12000))
    assert separator.counters.revised_notes == offline.counters.revised_notes > 0


@needs_jack
def test_jack_is_the_engine(jack_server, rng):  # noqa: F811
    length, preset = 2 * JACK_RATE, make_preset(KEYS, rows=1)
    sound, notes = band(rng, length, 2, JACK_RATE), two_hands(rng, length - 4000, 80)
    sound[:, :1] = 0.25  # so that its first sample can be found
    sent = notes[notes["part"] == 0]
    notes = sent[sent["status"] != CORRECTION]
    assert len(notes) < len(sent), "some messages are no keyboard's, and must not reach the hands"

    def engine():
        return prepared(preset, by_hands(), SMALL, 2, rate=JACK_RATE, max_block=CAPACITY)

    playing = engine()
    heard, stems, events, _back, _counters = run_tape(playing, sound, sent)
    first = int(np.argmax(heard[0] != 0))
    assert [event[0] - first for event in events] == notes["sample"].tolist()
    played, offline = notes.copy(), engine()
    played["sample"] += first
    expected, _mix = play(offline, heard, played)
    assert np.array_equal(stems, expected.reshape(-1, heard.shape[1]))
    assert playing.counters.revised_notes == offline.counters.revised_notes > 0


@needs_jack
def test_a_setup_starts_the_program_with_hands(jack_server, tmp_path):  # noqa: F811
    path = tmp_path / "gig.toml"
    path.write_text('by = "hands"\njack = true\n')
    with playing(jack_server.environment, str(path)) as live, Keyboard() as keys:
        keys.play(0x90, 48, 90)
        keys.play(0x90, 84, 90)
        status = live.until(lambda status: status["held"] == [48, 84] and status["counters"]["hand_notes"] == 2)
        assert [stem["name"] for stem in status["stems"]] == ["left_hand", "right_hand", "residual"]
        assert "rtsep: gave 2 notes to the hands: 0 changed hands" in live.end()


def test_controls_correct_the_hands_while_a_take_is_recorded(tmp_path, rng):
    """The keys are there with --by hands alone; what they say reaches the engine, and is no note of the take."""
    card, sound, seen = Card(), band(rng, 8000, 2), []

    def step(number, act):
        def play_block(player):
            act(player)
            call(player.lanes, sound[:, 1000 * number : 1000 * number + 1000])
            seen.append(part_of(player.separator, "notes").voices["stem"][:2].tolist())
            seen_targets.update(targets(player))
        return play_block

    def press(key):
        return lambda player: Panel().press(key, player)

    seen_targets = set()
    acts = [lambda player: None, lambda player: [player.receive(0, 0, (ON, pitch, 90)) for pitch in (48, 72)],
            press("x"), press("L"), press("R")]
    report = live(job(tmp_path, by="hands", record=tmp_path / "take"), lambda rescan: card,
                  Face(*(step(number, act) for number, act in enumerate(acts))))
    assert seen[1:] == [[0, 1], [1, 0], [0, 0], [1, 1]]
    assert {"swap_hands", "claim_left", "claim_right"} <= seen_targets
    assert report["counters"]["hand_notes"] == 2
    assert {path.name for path in (tmp_path / "take").glob("*hand.wav")} == {"left_hand.wav", "right_hand.wav"}
    events = read_midi(tmp_path / "take" / "session.mid").events(CARD_RATE)
    assert sorted(events["status"].tolist()) == [OFF, OFF, ON, ON]
    assert json.loads((tmp_path / "take" / "report.json").read_text())["events"] == 2


def test_other_stems_have_no_such_controls(tmp_path, rng):
    found = []
    live(job(tmp_path), lambda rescan: Card(), Face(lambda player: found.extend(targets(player))))
    assert "split" in found and "swap_hands" not in found


def test_channels_that_hands_play():
    routing = route_live(LiveJob(midi=("keys",), by="hands", channels=(1, 3)), "piano", True)
    assert routing.hands == (0, 1) and (routing.table[:, [0, 2]] >= 0).all() and (routing.table[:, [1, 3, 9]] == -1).all()
    with pytest.raises(RtsepError, match="needs notes"):
        route_live(LiveJob(by="hands"), "piano", False)


@pytest.mark.parametrize("presets, fixed", [(["cello@left_hand"], True), (["cello@1", "cello@2"], False), (["cello"], False)])
def test_hands_of_two_presets_are_told_that_no_note_goes_over(presets, fixed):
    found = choose(parse_wish(presets), by_hands(), [0, 0])
    assert [text for text in found.warnings if "stays with the hand" in text] == (
        ["left_hand plays cello and right_hand plays piano: every note stays with the hand that it began with, since only "
         "hands of one preset can exchange notes"] if fixed else [])


def test_the_status_tells_what_each_hand_holds(tmp_path):
    face = Face(lambda player: call(player.lanes, np.zeros((2, 64), np.float32)),
                lambda player: [player.receive(0, 0, (ON, pitch, 90)) for pitch in (40, 60, 84)],
                lambda player: call(player.lanes, np.zeros((2, 300), np.float32)), lambda player: None)
    live(job(tmp_path, by="hands"), lambda rescan: Card(), face)
    status = face.statuses[-1]
    assert status.held == (40, 60, 84) and status.left[0] == 40 and status.right[-1] == 84
    assert sorted(status.left + status.right) == [40, 60, 84] and set(status.uncertain) <= {60}
    split = Face(*[lambda player: None] * 2)
    live(job(tmp_path), lambda rescan: Card(), split)
    assert split.statuses[-1].left == split.statuses[-1].right == split.statuses[-1].uncertain == ()
