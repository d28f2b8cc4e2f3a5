"""The list of devices, and what is told of them, with pretended libraries."""

import json

import pytest

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.devices import device_error, feedback_risk, find_device, list_devices
from rtsep.hosts.portaudio import PortAudio, Wanted


class Sounds:
    """Stands for the module sounddevice."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self, *devices):
        self._devices = devices
        self.default = type("Default", (), {"device": [0, 1]})

    def query_hostapis(self):
        return [{"name": "ALSA"}, {"name": "JACK Audio Connection Kit"}]

    def query_devices(self):
        return [{"name": name, "hostapi": api, "max_input_channels": inputs, "max_output_channels": outputs,
                 "default_samplerate": 48000.0, "default_low_input_latency": 0.01, "default_low_output_latency": 0.02}
                for name, api, inputs, outputs in self._devices]


SOUNDS = Sounds(("HDA Intel PCH: mic", 0, 2, 0), ("HDA Intel PCH: speaker", 0, 0, 2), ("Scarlett 2i2 USB", 0, 2, 2),
                ("Scarlett 18i20 USB", 0, 18, 20), ("system", 1, 2, 2))


@pytest.mark.parametrize("wanted, side, number", [
    (None, "input", 0), (None, "output", 1), ("2", "input", 2), ("2i2", "input", 2), ("18i20", "output", 3),
    ("Scarlett 2i2 USB (ALSA)", "output", 2), ("speaker", "output", 1),
])
def test_devices_by_number_name_or_part(wanted, side, number):
    assert find_device(list_devices(SOUNDS), wanted, side, {"input": 0, "output": 1}[side]).number == number


@pytest.mark.parametrize("wanted, side, told", [
    ("scarlett", "input", "several input devices"), ("mic", "output", "no output device has this name"),
    ("9", "input", "the input devices are 0:"), ("system", "input", "no input device"),
])
def test_devices_that_cannot_be_meant(wanted, side, told):
    with pytest.raises(RtsepError, match=told):
        find_device(list_devices(SOUNDS), wanted, side, 0)


def test_no_device_at_all():
    with pytest.raises(RtsepError, match="rtsep render"):
        find_device([], None, "input", -1)


@pytest.mark.parametrize("code, told", [
    (-9997, "cannot run at 44100 Hz; its usual rate is 48000"), (-9998, "channels"), (-9985, "busy"), (-9996, "gone"),
    (-9999, "could not be opened: odd"),
])
def test_what_a_device_refuses_is_a_sentence(code, told):
    device = list_devices(SOUNDS)[2]
    assert told in str(device_error(SOUNDS.PortAudioError("odd", code), device, device, 44100))


def test_microphone_and_loudspeaker_of_one_computer_ask_for_consent(monkeypatch):
    devices = list_devices(SOUNDS)
    assert feedback_risk(devices[0], devices[1]) and not feedback_risk(devices[0], devices[2])
    monkeypatch.setattr("rtsep.hosts.portaudio.import_sounddevice", lambda: SOUNDS)
    with pytest.raises(RtsepError, match="--allow-feedback"):
        PortAudio(Wanted())
    backend = PortAudio(Wanted(allow_feedback=True))
    assert (backend.inputs, backend.outputs, backend.sample_rate) == (2, 2, 48000)
    with pytest.raises(RtsepError, match="--inputs 3: Scarlett 2i2"):
        PortAudio(Wanted("2", "2", inputs=3))


def test_devices_command_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    monkeypatch.setitem(__import__("sys").modules, "rtmidi", None)
    monkeypatch.setitem(__import__("sys").modules, "jack", None)
    assert main(["devices"]) == 0
    assert "libportaudio2" in capsys.readouterr().out
    assert main(["devices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["jack"]["running"] and found["jack"]["why"]
    assert found["devices"] == [] and len(found["problems"]) == 2
    assert main(["live"]) == 2
    assert "libportaudio2" in capsys.readouterr().err
