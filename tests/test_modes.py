"""Which mode is played live: the one that was asked for, or the best that the computer can play, measured once."""

import json
from dataclasses import replace

import pytest
from conftest import make_preset, one_stem

from rtsep.compiling import store
from rtsep.engine.separator import Separator
from rtsep.hosts import modes
from rtsep.notes.programs import DRUMS


@pytest.fixture
def separator():
    return Separator(make_preset(), one_stem(), {"window_samples": 1024})


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A separate folder for stored measurements; the compiled code stays where it is."""
    monkeypatch.setattr(modes, "_file", lambda: tmp_path / "modes.json")
    return tmp_path / "modes.json"


def measured(monkeypatch, share: float) -> list:
    """Pretend that a block takes this share of its time; returns the list of measurements."""
    asked = []

    def measure(engine, *size):
        asked.append((engine.value("mode"), *size))
        return share

    monkeypatch.setattr(modes, "measure", measure)
    return asked


@pytest.mark.parametrize("share, mode", [(0.2, "instant"), (0.5, "instant"), (0.6, "live"), (3.0, "live")])
def test_instant_is_played_if_its_blocks_leave_enough_time(separator, own_cache, monkeypatch, share, mode):
    asked = measured(monkeypatch, share)
    choice = modes.choose_mode(separator, "Card", 44100, 2, 128)
    assert choice.mode == mode and f"{100 * share:.0f} %" in choice.why and "128 samples" in choice.why
    assert asked == [("instant", 44100, 2, 128)]


def test_what_was_measured_is_kept_for_this_code_device_and_size(separator, own_cache, monkeypatch):
    asked = measured(monkeypatch, 0.2)
    for device, block in (("Card", 64), ("Card", 64), ("Card", 32), ("Other", 64), ("Card", 0)):
        modes.choose_mode(separator, device, 44100, 1, block)
    assert len(asked) == 3, "a device that does not tell its block size counts as one with 64 samples"
    monkeypatch.setattr(store, "fingerprint", lambda: "other code")
    modes.choose_mode(separator, "Card", 44100, 1, 64)
    assert len(asked) == 4


def test_after_a_damaged_file_it_is_measured_again(separator, own_cache, monkeypatch):
    asked = measured(monkeypatch, 0.2)
    own_cache.write_text("{half")
    assert modes.choose_mode(separator, "Card", 44100, 1, 64).mode == "instant"
    assert len(asked) == 1 and len(json.loads(own_cache.read_text())) == 1


def test_drums_are_played_in_live_mode(own_cache, monkeypatch):
    asked = measured(monkeypatch, 0.1)
    kit = replace(make_preset(), programs=(DRUMS,))
    choice = modes.choose_mode(Separator(kit, one_stem()), "Card", 44100, 2, 64)
    assert choice.mode == "live" and "drums" in choice.why and not asked


def test_measuring_plays_the_engine(separator):
    share = modes.measure(separator.again({"mode": "instant"}), 44100, 1, 64)
    assert 0 < share < 100


class Device:
    name, sample_rate, block = "Card", 44100.0, 128


@pytest.mark.parametrize("asked", [{"mode": "quality"}, {"mode": "live"}, {"latency_samples": 256}])
def test_what_is_asked_for_is_played(separator, own_cache, monkeypatch, asked):
    measurements = measured(monkeypatch, 0.1)
    engine, choice = modes.in_best_mode(separator.again(asked), Device(), 1)
    assert engine.params.items() >= asked.items() and choice.why == "" and not measurements
    assert choice.mode == asked.get("mode", "live")


def test_without_a_wish_the_best_mode_is_played(separator, own_cache, monkeypatch):
    asked = measured(monkeypatch, 0.1)
    engine, choice = modes.in_best_mode(separator, Device(), 1)
    assert engine.value("mode") == choice.mode == "instant" and choice.why
    assert asked == [("instant", 44100.0, 1, 128)]
