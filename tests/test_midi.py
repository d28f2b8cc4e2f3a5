"""MIDI ports: found, polled, lost and found again; with pretended ports, and with real ones over a JACK server."""

import sys
import textwrap
import threading

import fresh_python
import pytest
from jack_server import JackServer, jack_server, needs_jack  # noqa: F401

from rtsep.errors import RtsepError
from rtsep.hosts.midi import MidiPorts, NoMidiError, choose_port, import_rtmidi, list_midi_ports, plain_name

try:
    import_rtmidi()
    MISSING = ""
except NoMidiError as error:
    MISSING = str(error)
needs_rtmidi = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class System:
    """A MIDI system: ports by name, each with the messages that wait in it. Stands for the module rtmidi."""

    API_UNIX_JACK = 4

    def __init__(self, *names):
        self.waiting = {name: [] for name in names}
        self.alive = True
        self.made = []

    def get_compiled_api(self):
        return [self.API_UNIX_JACK, 2]

    def MidiIn(self, api, name):
        if not self.alive:
            raise OSError("no MIDI system")
        self.made.append(api)
        return Input(self)


class Input:
    """An input port of such a system; one that outlives its system sees nothing any more."""

    def __init__(self, system):
        self._system, self._names, self._open = system, system.waiting, None
        self.deleted = False

    def get_ports(self):
        return list(self._names) if self._system.alive and self._names is self._system.waiting else []

    def ignore_types(self, **_types):
        pass

    def open_port(self, number, name):
        assert self._open is None, "open_port on an open port is an error"
        self._open = list(self._names)[number]

    def close_port(self):
        self._open = None

    def get_message(self):
        messages = self._names.get(self._open, []) if self._open else []
        return (messages.pop(0), 0.0) if messages else None

    def delete(self):
        assert self._system.alive, "to delete the object of a dead system crashes"
        self.deleted = True


class Heard:
    """What MidiPorts told, and a way to wait for it."""

    def __init__(self):
        self.messages, self.lost, self.said = [], [], []
        self._changed = threading.Condition()

    def receive(self, part, time_ns, message):
        with self._changed:
            self.messages.append((part, message))
            self._changed.notify_all()

    def lose(self, part):
        self.lost.append(part)

    def say(self, text):
        with self._changed:
            self.said.append(text)
            self._changed.notify_all()

    def until(self, condition):
        with self._changed:
            assert self._changed.wait_for(condition, 30), (self.messages, self.lost, self.said)


def opened(system, *names):
    heard = Heard()
    return MidiPorts(names, heard.receive, heard.lose, heard.say, system), heard


@pytest.mark.parametrize("name, plain", [
    ("Roland FP-30:Roland FP-30 MIDI 1 24:0", "Roland FP-30:Roland FP-30 MIDI 1"), ("keyboard:out", "keyboard:out"),
    ("Piano 2", "Piano 2"),
])
def test_names_without_alsa_numbers(name, plain):
    assert plain_name(name) == plain


PORTS = ["Midi Through:Port-0 14:0", "Roland FP-30:MIDI 1 24:0", "nanoKONTROL2:MIDI 1 28:0"]


@pytest.mark.parametrize("wanted, found", [
    ("1", "Roland FP-30:MIDI 1"), ("roland", "Roland FP-30:MIDI 1"), ("nanoKONTROL2:MIDI 1 99:0", "nanoKONTROL2:MIDI 1"),
    ("Midi Through:Port-0", "Midi Through:Port-0"),
])
def test_ports_are_found_by_number_name_or_part(wanted, found):
    assert choose_port(PORTS, wanted) == found


@pytest.mark.parametrize("names, wanted, told", [
    (PORTS, "MIDI 1", "several MIDI ports"), (PORTS, "7", "has this number; the ports now: 0: Midi Through"),
    ([], "0", "the ports now: none"),
])
def test_what_is_not_there_is_told_with_what_is(names, wanted, told):
    with pytest.raises(RtsepError, match=told):
        choose_port(names, wanted)


def test_a_keyboard_that_is_off_at_the_start_is_waited_for():
    system = System("pads 21:0")
    ports, heard = opened(system, "pads", "Roland")
    assert heard.said == ["MIDI port Roland is not there: rtsep waits for it; the ports now: 0: pads 21:0"]
    with ports:
        heard.until(lambda: len(heard.said) == 2)
        assert ports.ports == ["pads", "Roland (waited for)"]
        system.waiting["Roland FP-30:MIDI 1 24:0"] = [[0x90, 60, 90]]
        heard.until(lambda: heard.messages == [(1, (0x90, 60, 90))])
        assert ports.ports == ["pads", "Roland FP-30:MIDI 1"]
        del system.waiting["Roland FP-30:MIDI 1 24:0"]
        heard.until(lambda: heard.lost == [1])
        assert ports.ports == ["pads", "Roland FP-30:MIDI 1 (gone)"]


def test_a_keyboard_is_waited_for_where_there_is_no_port_at_all():
    system = System()
    ports, heard = opened(system, "keys")
    with ports:
        system.waiting["keys"] = [[0x90, 60, 90]]
        heard.until(lambda: heard.messages == [(0, (0x90, 60, 90))])
    assert "the ports now: none" in heard.said[0]


def test_messages_of_several_ports_come_with_their_part():
    system = System("keys 20:0", "pads 21:0")
    ports, heard = opened(system, "pads", "keys")
    with ports:
        system.waiting["keys 20:0"] += [[0x90, 60, 90], [0xB0, 64, 127]]
        system.waiting["pads 21:0"] += [[0x99, 36, 100], [0xF8], [0xF0, 1, 2, 0xF7], [0x89, 36, 0]]
        heard.until(lambda: len(heard.messages) == 4)
    assert [message for part, message in heard.messages if part == 1] == [(0x90, 60, 90), (0xB0, 64, 127)]
    assert [message for part, message in heard.messages if part == 0] == [(0x99, 36, 100), (0x89, 36, 0)]
    assert ports.ports == ["pads", "keys"] and system.made[0] == 2, "JACK only where nothing else answers"


def test_a_port_that_goes_and_comes_three_times():
    system = System("keys 20:0")
    ports, heard = opened(system, "keys")
    with ports:
        for number in range(3):
            messages = system.waiting.pop(f"keys {20 + number}:0")
            heard.until(lambda count=number: len([t for t in heard.said if "is gone" in t]) == count + 1)
            assert heard.lost == [0] * (number + 1) and ports.ports == ["keys (gone)"]
            system.waiting[f"keys {21 + number}:0"] = messages
            heard.until(lambda count=number: len([t for t in heard.said if "is connected" in t]) == count + 2)
            system.waiting[f"keys {21 + number}:0"].append([0x90, 60 + number, 1])
            heard.until(lambda count=number: len(heard.messages) == count + 1)


def test_a_midi_system_that_dies_and_returns():
    system = System("keys")
    ports, heard = opened(system, "keys")
    with ports:
        old = system.waiting
        system.alive = False
        heard.until(lambda: heard.said[-1:] == ["MIDI port keys is gone: its notes are released"])
        system.waiting = {"keys": [[0x90, 64, 1]]}
        system.alive = True
        heard.until(lambda: heard.messages == [(0, (0x90, 64, 1))])
    assert old is not system.waiting


def test_no_midi_system_and_no_rtmidi(monkeypatch):
    system = System("keys")
    system.alive = False
    with pytest.raises(NoMidiError, match="no MIDI system"):
        opened(system, "keys")
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(NoMidiError, match="python-rtmidi"):
        list_midi_ports()
    assert list_midi_ports(System("keys", "rtsep:in 1")) == ["keys"], "our own ports are not listed"


KEYBOARD = """
    import sys, threading, time
    import rtmidi
    from rtsep.hosts.driver import quiet_libraries
    from rtsep.hosts.midi import MidiPorts
    def keyboard():
        with quiet_libraries():
            found = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="keyboard")
            found.open_virtual_port("out")
        return found
    def until(condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, (messages, lost, said)
            threading.Event().wait(0.01)
    messages, lost, said = [], [], []
    receive = lambda part, time_ns, message: messages.append(message)
"""


def run(code, environment):
    fresh_python.run(textwrap.dedent(KEYBOARD) + textwrap.dedent(code), environment)


@needs_jack
@needs_rtmidi
def test_a_real_keyboard_is_heard_unplugged_and_plugged_in_again(jack_server):  # noqa: F811
    run("""
        with MidiPorts(["keyboard"], receive, lost.append, said.append) as ports:
            assert ports.ports == ["keyboard (waited for)"]
            keys = keyboard()
            for number in range(3):
                until(lambda: ports.ports == ["keyboard:out"])
                keys.send_message([0x90, 60 + number, 90])
                until(lambda: len(messages) == number + 1)
                keys.close_port()
                keys.delete()
                until(lambda: len(lost) == number + 1)
                keys = keyboard()
        assert messages == [(0x90, 60, 90), (0x90, 61, 90), (0x90, 62, 90)], messages
        keys.close_port()
        keys.delete()
    """, jack_server.environment)


@needs_jack
@needs_rtmidi
def test_a_server_killed_under_its_midi_ports_ends_nothing(tmp_path):
    server = JackServer(tmp_path / "jackd.log").start()
    try:
        run(f"""
            import os, signal
            keys = keyboard()
            with MidiPorts(["keyboard"], receive, lost.append, said.append) as ports:
                keys.send_message([0x90, 60, 90])
                until(lambda: messages)
                os.kill({server.pid}, signal.SIGKILL)
                threading.Event().wait(0.5)
                ports.system_died()
                until(lambda: lost)
            print(said, flush=True)
            os._exit(0)  # the keyboard's own object cannot be deleted any more
        """, server.environment)
    finally:
        server.stop()


def test_a_fake_is_like_the_real_thing():
    """What the pretended system offers is what python-rtmidi offers."""
    if MISSING:
        assert "python-rtmidi" in MISSING
        return
    rtmidi = import_rtmidi()
    for name in ("get_ports", "ignore_types", "open_port", "close_port", "get_message", "delete"):
        assert hasattr(rtmidi.MidiIn, name)
    assert isinstance(rtmidi.API_UNIX_JACK, int)
