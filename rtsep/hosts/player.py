"""A separator being played: actions of player, keyboard and knobs become notes, levels and plans for the callback.

The MIDI thread calls `receive` and `midi_lost`. Everything else belongs to the control thread, which calls `tick` some twenty
times a second. The audio callback calls nothing here: it reads the lanes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial

from rtsep.engine.separator import SILENT_DB, Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.hosts.bendwatch import BendWatch
from rtsep.hosts.controls import Controls
from rtsep.hosts.exchange import differing, exchange
from rtsep.hosts.keep import Keeper
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.playback import Playback
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.setlist import SetList
from rtsep.notes.messages import CONTROL, NOTE_ON, NOTES_OFF, PROGRAM, RESET, SOUND_OFF, Message, is_kept
from rtsep.notes.programs import CHANNELS
from rtsep.params import Value, param_of
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset


class Player:
    """One separator, or mosaic, on one device.

    `parts` is the number of MIDI ports. If `set`, `use_preset` or a similar call is not possible, it raises RtsepError and
    changes nothing.
    """

    def __init__(
        self, separator: Engine, lanes: Lanes, controls: Controls, watch: NoteWatch, parts: int, keeper: Keeper | None = None
    ) -> None:
        self.stem_names = separator.stem_names
        self.separator, self.lanes, self.controls, self.watch = separator, lanes, controls, watch
        self.muted: set[str] = set()
        self.soloed: set[str] = set()
        started = [id(preset) for preset in separator.presets] if isinstance(separator, Separator) else [0]
        self._instruments = [started.index(each) for each in started]  # For each stem, the first stem with the same preset.
        self.message = ""
        self._learns = {name: bool(separator.value(name)) for name in ("adapt", "background_learns")}  # Unless frozen.
        self._keeper = keeper or Keeper(separator, (), False, False, "")
        self.recorder: Recorder | None = None
        self._parts = max(parts, 1)
        self._gains = {stem: float(separator.value(f"gain_db.{stem}")) for stem in self.stem_names}
        self._knobs: deque[Message] = deque(maxlen=1024)
        self._press_again = False
        self._bends = BendWatch()
        self.setlist = SetList((), (), {})
        self.playback: Playback | None = None
        self.save_setup: Callable[[], object] = lambda: None  # Writes what is set now.

    # --- the MIDI thread ---

    def receive(self, part: int, time_ns: int, message: Message, played: bool = False) -> None:
        """Take a message of `part` that came at `time_ns`: notes and pedals go to the callback at once, knobs to `tick`.

        `played`: the callback has it already, since it came through the device.
        """
        for each in self._bends.receive(part, message):
            self.watch.receive(part, time_ns, each)
            if is_kept(each[0], each[1]):
                if not played or each != message:
                    self.lanes.send(time_ns, part, each)
            elif each[0] & 0xF0 in (CONTROL, PROGRAM):
                self._knobs.append(each)

    def midi_lost(self, part: int) -> None:
        """Release all keys and pedals of a lost port."""
        self.watch.lost(part)
        self._silence(part, NOTES_OFF)

    def _silence(self, part: int, how: int) -> None:
        for channel in range(CHANNELS):
            for controller in (RESET, how):  # Pedals come first, or they would hold released keys.
                self.lanes.send(time.monotonic_ns(), part, (CONTROL | channel, controller, 0))

    # --- the control thread ---

    def say(self, text: str) -> None:
        """Set the message that the display shows."""
        self.message = text

    def tick(self) -> None:
        """Apply the knobs' changes since the last tick; after a change of state press held keys again."""
        for time_ns, part, message in self.lanes.heard():
            self.receive(part, time_ns, message, played=True)
        if told := self._bends.news():
            self.say(told)
        while self._knobs:
            self.attempt(partial(self._turn, self._knobs.popleft()))
        if self._press_again and self.lanes.arrived:
            self._press_again = False
            for part, channel, pitch, velocity in self.watch.pressed():
                self.lanes.send(time.monotonic_ns(), part, (NOTE_ON | channel, pitch, velocity))

    def _turn(self, message: Message) -> None:
        """Do what a controller or a program change asks for."""
        if message[0] & 0xF0 == PROGRAM:
            self.setlist.program(self, message[1] + 1)
        elif (found := self.controls.receive(message)) is not None:
            self.controls.apply(self, *found)

    def attempt(self, act: Callable[[], object]) -> None:
        """Call `act`; show its RtsepError as a message, while the music goes on."""
        try:
            act()
        except RtsepError as error:
            self.say(str(error))

    def value(self, name: str) -> Value:
        """The value of parameter `name`; a muted stem still has its fader's gain."""
        base, _, stem = name.partition(".")
        if base == "gain_db" and stem in self._gains:
            return self._gains[stem]
        return self.separator.value(name)

    def set(self, name: str, value: Value) -> None:
        """Change any parameter: the mixer's glide, all others apply from the next frame; another latency fades out and in."""
        base, _, stem = name.partition(".")
        if base == "gain_db" and stem in self._gains:
            self._gains[stem] = float(param_of(name).parse(value))
            self._set_levels()
        elif param_of(name).live:
            self.separator.set(name, value)
        else:
            self._exchange({name: value})

    def gain(self, stem: str, db: float) -> None:
        """Move a stem's fader, limited to its range."""
        param = param_of(f"gain_db.{stem}")
        self.set(f"gain_db.{stem}", min(max(db, param.low), param.high))

    def mute(self, stem: str, on: bool) -> None:
        """Silence a stem, or play it again at its gain."""
        (self.muted.add if on else self.muted.discard)(stem)
        self._set_levels()

    def solo(self, stem: str, on: bool) -> None:
        """While any stem is soloed, only soloed ones are heard."""
        (self.soloed.add if on else self.soloed.discard)(stem)
        self._set_levels()

    def bypass(self, on: bool) -> None:
        """Play the input, with the same latency, instead of the stems."""
        self.separator.set("bypass", on)

    @property
    def learning(self) -> bool:
        """Whether background or templates adapt."""
        return any(self.value(name) for name in self._learns)

    def learn(self, on: bool) -> None:
        """Freeze background and templates, or let them go on learning, without an audible change."""
        wanted = self._learns if any(self._learns.values()) else dict.fromkeys(self._learns, True)
        self._exchange({name: on and learns for name, learns in wanted.items()})
        self.say("learning" if on else "frozen: templates and background stay as they are")

    def keep_preset(self, stem: str, background: bool) -> None:
        """Save the adapted preset of `stem` (of the first stem for the residual), with or without the background."""
        path = self._keeper.keep(self.separator, self._index(stem), background)
        self.say(f"saved what {self.preset_of(stem)} has learnt in {path}")

    def record(self) -> None:
        """Begin a take, or end the one that is recorded."""
        if self.recorder is not None and self.recorder.recording:
            self.recorder.stop()
        else:
            self.next_take()

    def next_take(self) -> None:
        """Begin a take; if one is recorded, it ends there, and no sample is lost between them."""
        if self.recorder is None:
            raise RtsepError("nothing can be recorded here")
        self.recorder.start(self.separator.latency)

    def panic(self) -> None:
        """Release all notes on all channels, also those held by pedals."""
        for part in range(self._parts):
            self._silence(part, SOUND_OFF)
        self.say("panic: all notes off")

    @property
    def preset_name(self) -> str:
        """Names of the presets in use, or of a mosaic's source."""
        return ", ".join(dict.fromkeys(self.separator.plays))

    def preset_of(self, stem: str) -> str:
        """Name of a stem's preset; for the residual it is the first one."""
        return self.separator.plays[self._index(stem)]

    def _index(self, stem: str) -> int:
        return self.stem_names.index(stem) % len(self._instruments)

    def use_preset(self, name: str, stem: str | None = None) -> None:
        """Switch presets without a gap: for all stems, or for `stem` and those that shared its preset from the start."""
        if not isinstance(self.separator, Separator):
            raise RtsepError(f"a mosaic plays its source, {self.preset_name}, and no preset; start again with another --mosaic")
        preset = load_preset(find_preset(name))
        wanted = None if stem is None else self._instruments[self._index(stem)]
        presets = [preset if wanted in (None, instrument) else old
                   for instrument, old in zip(self._instruments, self.separator.presets, strict=True)]
        if not self.separator.exchange(presets):
            raise RtsepError(f"preset {name} wants another window or latency; start again with --preset {name}")
        self.lanes.play(self.separator.prepared, fade=False)
        self.say(f"preset {self.preset_name}")

    def _set_levels(self) -> None:
        for stem in self.stem_names:
            heard = stem not in self.muted and (not self.soloed or stem in self.soloed)
            self.separator.set(f"gain_db.{stem}", self._gains[stem] if heard else SILENT_DB)

    def change(self, params: Mapping[str, Value], presets: Sequence[Preset] | None) -> None:
        """Go on with other parameters, and with other presets unless None, all at once; nothing if they are what is played."""
        params, presets = differing(self.separator, params, presets)
        if params or presets is not None:
            self._exchange(params, presets)

    def _exchange(self, params: Mapping[str, Value], presets: Sequence[Preset] | None = None) -> None:
        recording = self.recorder is not None and self.recorder.recording
        before, self.separator = self.separator, exchange(self.separator, self.lanes, params, presets, recording)
        if self.separator is not before:
            self._press_again = True
            self.say(f"latency {self.separator.latency} samples")

    def counters(self) -> dict[str, int]:
        """All counters of callback and engine."""
        return {**self.lanes.counters(), **asdict(self.separator.counters)}

    def faders(self) -> Sequence[tuple[str, float, bool, bool]]:
        """Each stem: its name, gain in dB, whether it is muted, whether it is soloed."""
        return [(stem, self._gains[stem], stem in self.muted, stem in self.soloed) for stem in self.stem_names]
