"""One line of advice for what keeps going wrong; none for what happens once."""

import dataclasses

import pytest
from test_display import STATUS

from rtsep.hosts.advice import ADVICES, Adviser, Words

WORDS = Words("give --block {}", "is it the right one (--input)")
FINE = dataclasses.replace(STATUS, seconds=0, load=0.3, input_db=(-20.0,), notes=0, held=(), losses=0)


def told(*seconds, words=WORDS):
    """The last advice when each of the last seconds differs from one in which all is well as given."""
    adviser = Adviser(words)
    return [adviser.look(dataclasses.replace(FINE, seconds=at, **each)) for at, each in enumerate(seconds)][-1]


def stems(told, low, high):
    """Two stems whose notes were looked for, `low` and `high` of them with success."""
    one = dataclasses.replace(STATUS.stems[0], notes=told)
    return dataclasses.replace(one, name="low", sounding=low), dataclasses.replace(one, name="high", sounding=high)


WRONG = {
    "give --block 1024": [{"losses": at} for at in range(8)],
    "blocks of 64 samples are too small here, give --block 128": [{"underflows": at} for at in range(8)],
    "too small here, give --block 128": [{"late_blocks": 2 * at} for at in range(8)],
    "4 dropouts": [{"xruns": at} for at in range(7)][:1] + [{"xruns": 4}] * 8,
    "which is too much: use --mode live": [{"load": 0.9, "mode": "instant"}] * 8,
    "too much: use --set iterations=3": [{"load": 0.8, "mode": "live", "late_blocks": at} for at in range(8)],
    "notes come, but the input is silent: is it the right one (--input)": [
        {"input_db": (-120.0, -90.0), "notes": 2 * at} for at in range(8)],
    "no sound for the notes of low: does the input hear": [{"stems": stems(2 * at, 0, at)} for at in range(11)],
    "the input clips: turn down its gain": [{"input_db": (-30.0, 0.0)}] * 8,
    "the output clips: turn the faders down": [{"clipped_samples": 100 * at} for at in range(8)],
}


@pytest.mark.parametrize("sentence", [sentence for sentence in WRONG if sentence != "4 dropouts"])
def test_what_keeps_going_wrong_is_told_after_some_seconds(sentence):
    assert sentence in told(*WRONG[sentence])
    assert not told(*WRONG[sentence][:5]), "not at once"


def test_there_is_a_case_for_every_advice():
    histories = [[dataclasses.replace(FINE, **each) for each in case] for case in WRONG.values()]
    assert all(any(advice(history, WORDS) for history in histories) for advice in ADVICES)


@pytest.mark.parametrize("seconds", [
    [{}] * 12, WRONG["4 dropouts"], [{}] * 4 + [{"losses": 1}] * 6, [{"load": 0.9}] * 4 + [{}] * 4,
    [{"input_db": (-120.0,), "notes": 5}] * 8, [{"input_db": (-120.0,), "notes": at} for at in range(7)] + [{"notes": 9}],
    [{}] * 6 + [{"input_db": (0.0,)}] * 2, [{"clipped_samples": 70}] * 8,
    [{"underflows": 9 * at, "block_samples": 4096} for at in range(8)],
    [{"stems": stems(at, at, at)} for at in range(11)], [{"stems": stems(at, 0, 0)} for at in range(11)],
    [{"stems": stems(at // 3, 0, at // 3)} for at in range(11)], [{"stems": stems(at, at // 2, at)} for at in range(11)],
])
def test_what_happens_once_or_cannot_be_helped_is_not_told(seconds):
    assert told(*seconds) == ""


def test_an_advice_goes_when_its_cause_has_gone():
    assert told(*WRONG["give --block 1024"], *[{"losses": 7}] * 12) == ""


def test_several_are_shown_in_turn():
    adviser = Adviser(WORDS)
    said = {adviser.look(dataclasses.replace(FINE, seconds=at, input_db=(0.0,), clipped_samples=at)) for at in range(20)}
    assert {text.split(":")[0] for text in said} == {"", "the input clips", "the output clips"}


def test_a_device_calls_its_settings_by_their_names():
    from rtsep.hosts.jack import JackClient

    assert "set jack_bufsize 128" in told(*WRONG["too small here, give --block 128"], words=JackClient.words)
