"""A separator during play: actions of player, keyboard and knobs become notes, levels and plans for the callback.

The MIDI thread calls `receive` and `midi_lost`. Everything else belongs to the control thread, which calls `tick` about twenty
times per second. The audio callback calls nothing here: it reads the lanes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.hosts.bendwatch import BendWatch
from rtsep.hosts.controls import Controls
from rtsep.hosts.hearing import ScoreListener
from rtsep.hosts.instruments import Instruments
from rtsep.hosts.keep import Keeper
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.levels import Holds
from rtsep.hosts.mixer import Mixer
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.plans import Plans, Split
from rtsep.hosts.playback import Playback
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.said import Said
from rtsep.hosts.setlist import SetList
from rtsep.hosts.words import counted, note_name
from rtsep.notes.messages import CONTROL, NOTE_ON, NOTES_OFF, PROGRAM, RESET, SOUND_OFF, Message, is_kept
from rtsep.notes.programs import CHANNELS
from rtsep.notes.routing import Routing
from rtsep.params import Value, param_of
from rtsep.presets.families import neighbour
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset


class Player:
    """One separator or mosaic on one device.

    `parts` is the number of MIDI ports. If `set`, `use_preset` or a similar call is not possible, it raises RtsepError and
    changes nothing.
    """

    def __init__(
        self, separator: Engine, lanes: Lanes, controls: Controls, watch: NoteWatch, parts: int,
        keeper: Keeper | None = None, said: Said | None = None,
    ) -> None:
        self.stem_names = separator.stem_names
        self.lanes: Lanes = lanes
        self.controls, self.watch = controls, watch
        self._plans = Plans(separator, lanes)
        self._mixer: Mixer = Mixer(lambda: self.separator)
        self.gain: Callable[[str, float], None] = self._mixer.gain
        self.mute: Callable[[str, bool], None] = self._mixer.mute
        self.solo: Callable[[str, bool], None] = self._mixer.solo
        self.muted: set[str] = self._mixer.muted
        self.soloed: set[str] = self._mixer.soloed
        self._instruments = Instruments(separator)
        self.said = said or Said()
        self.holds: Holds = Holds()
        self._learns = {name: bool(separator.value(name)) for name in ("adapt", "background_learns")}  # When not frozen.
        self._keeper = keeper or Keeper(separator, (), False, False, "")
        self.recorder: Recorder | None = None
        self.split: Split | None = None
        self._parts, self._press_again = max(parts, 1), False
        self._knobs: deque[Message] = deque(maxlen=1024)
        self._bends = BendWatch()
        self.setlist: SetList = SetList((), (), {})
        self.playback: Playback | None = None
        self.listener: ScoreListener | None = None
        self.save_setup: Callable[[], object] = lambda: None  # Writes the present settings.
        self.add_scene: Callable[[], object] = lambda: None  # Writes them as another scene.

    @property
    def separator(self) -> Engine:
        """The engine that plays now."""
        return self._plans.engine

    # --- the MIDI thread ---

    def receive(self, part: int, time_ns: int, message: Message, played: bool = False) -> None:
        """Take a message of `part` that came at `time_ns`. Notes and pedals go to the callback at once, knobs to `tick`.

        `played`: the callback has the message already, since it came through the device.
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
            for controller in (RESET, how):  # Pedals come first; otherwise they would hold released keys.
                self.lanes.send(time.monotonic_ns(), part, (CONTROL | channel, controller, 0))

    # --- the control thread ---

    def say(self, text: str) -> None:
        """Show a message for some seconds."""
        self.said.say(text)

    def tick(self) -> None:
        """Apply the changes by knobs since the last tick. After a change of state, press held keys again."""
        for time_ns, part, message in self.lanes.heard():
            self.receive(part, time_ns, message, played=True)
        if told := self._bends.news():
            self.say(told)
        self._turn([self._knobs.popleft() for _ in range(len(self._knobs))])
        self.attempt(partial(self._keeper.keep_now_and_then, self.separator))
        if self._press_again and self.lanes.arrived:
            self._press_again = False
            for part, channel, pitch, velocity in self.watch.pressed():
                self.lanes.send(time.monotonic_ns(), part, (NOTE_ON | channel, pitch, velocity))

    def _turn(self, messages: Sequence[Message]) -> None:
        """Do what program changes ask for, then what controllers ask for: keyboards send them in this order."""
        for status, program, _ in messages:
            if status & 0xF0 == PROGRAM:
                self.attempt(partial(self.setlist.program, self, program + 1))
        self.controls.turn(self, [message for message in messages if message[0] & 0xF0 == CONTROL])

    def attempt(self, act: Callable[[], object]) -> None:
        """Call `act`. If it fails, show the reason as a message; the music goes on."""
        try:
            act()
        except (RtsepError, OSError) as error:
            self.say(str(error))

    def value(self, name: str) -> Value:
        """The value of parameter `name`. A muted stem still has the gain of its fader."""
        base, _, stem = name.partition(".")
        if base == "gain_db" and stem in self._mixer.gains:
            return self._mixer.gains[stem]
        return self.separator.value(name)

    def set(self, name: str, value: Value) -> None:
        """Change any parameter. Those of the mixer glide; others apply from the next frame; a new latency fades out and in."""
        base, _, stem = name.partition(".")
        if base == "gain_db" and stem in self._mixer.gains:
            self._mixer.fade(stem, value)
        elif param_of(name).live:
            self.separator.set(name, value)
        else:
            self._exchange({name: value})

    @property
    def frozen(self) -> bool:
        """Whether background and templates are kept from learning."""
        return isinstance(self.separator, Separator) and not any(self.value(name) for name in self._learns)

    def freeze(self, on: bool) -> None:
        """Stop background and templates from learning, or let them learn again, without an audible change."""
        wanted = self._learns if any(self._learns.values()) else dict.fromkeys(self._learns, True)
        self._exchange({name: learns and not on for name, learns in wanted.items()})

    def keep_preset(self, stem: str, background: bool) -> None:
        """Save the adapted preset of `stem` (for the residual, that of the first stem), with or without the background."""
        path = self._keeper.keep(self.separator, self._instruments.index(stem), background)
        self.say(f"saved the adapted preset {self.preset_of(stem)} in {path}")

    def record(self) -> None:
        """Begin a take, or end the take that is being recorded."""
        if self.recorder is not None and self.recorder.recording:
            self.recorder.stop()
        else:
            self.next_take()

    def next_take(self) -> None:
        """Begin a take. If one is being recorded, it ends there, and no sample is lost between them."""
        if self.recorder is None:
            raise RtsepError("nothing can be recorded here")
        self.recorder.start(self.separator.latency)

    def panic(self) -> None:
        """Release all notes on all channels, including those held by pedals."""
        for part in range(self._parts):
            self._silence(part, SOUND_OFF)
        self.say("panic: all notes off")

    @property
    def preset_name(self) -> str:
        """Names of the presets in use, or of the source of a mosaic."""
        return ", ".join(dict.fromkeys(self.separator.plays))

    def preset_of(self, stem: str) -> str:
        """Name of the preset of a stem; for the residual and for "", the first preset."""
        return self.separator.plays[self._instruments.index(stem)]

    @property
    def shown_names(self) -> tuple[str, ...]:
        """The names of the stems now: a stem that has the name of its preset changes its name with the preset."""
        return self._instruments.shown_names(self.separator)

    def use_preset(self, name: str, stem: str | None = None) -> None:
        """Switch presets, without a gap if windows fit: for all stems, or for `stem` and those that shared its preset."""
        if not isinstance(self.separator, Separator):
            raise RtsepError(f"a mosaic plays its source, {self.preset_name}, and uses no preset; start again with another "
                             "--mosaic")
        self._exchange({}, self._instruments.with_preset(self.separator.presets, load_preset(find_preset(name)), stem))
        self.say(f"preset {self.preset_name}")

    def step_preset(self, step: int, stem: str) -> None:
        """Go to the next preset by family (1), or to the one before (-1), for `stem` and those that share its preset."""
        self.use_preset(neighbour(self.preset_of(stem), step), stem)

    def move_split(self, pitch: int) -> None:
        """Let the stem `high` begin at `pitch`. Held keys stay in their stem."""
        if self.split is None:
            raise RtsepError("the stems are not split by pitch; start again with --by split")
        self._exchange({}, routing=self.split.route(pitch))
        self.split.pitch = pitch
        self.say(f"split at {note_name(pitch)}")

    def change(self, params: Mapping[str, Value], presets: Sequence[Preset] | None) -> None:
        """Change to other parameters, and to other presets unless None, all at once; if all are played already, do nothing."""
        params, presets = self._plans.differing(params, presets)
        if params or presets is not None:
            self._exchange(params, presets)

    def _exchange(
        self, params: Mapping[str, Value], presets: Sequence[Preset] | None = None, routing: Routing | None = None
    ) -> None:
        """Change to another plan: at once if windows and latency stay, else the sound fades out and in."""
        recording = self.recorder is not None and self.recorder.recording
        if self._plans.change(params, presets, routing, recording):
            self._press_again = True
            latency = counted(self.separator.latency, "sample")
            self.say(f"mode {self.value('mode')}, latency {latency}: the engine starts to learn again")
        if self.recorder is not None:
            self.recorder.change_form(self.shown_names, self.separator.routing.table, str(self.value("mode")))

    def faders(self) -> list[tuple[str, float, bool, bool]]:
        """For each stem: its name now, its gain in dB, whether it is muted, whether it is soloed."""
        return self._mixer.faders(self.shown_names)

    def counters(self) -> dict[str, int]:
        """All counters of callback and engine."""
        return {**self.lanes.counters(), **self._plans.counters()}
