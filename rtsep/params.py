"""All parameters, each declared once. The command line, presets and control surfaces read this table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rtsep.errors import RtsepError
from rtsep.methods.estimators import ESTIMATORS
from rtsep.methods.masks import MASKS

Value = float | int | bool | str


@dataclass(frozen=True)
class Param:
    """One parameter.

    `kind` is "choice", "switch", "int" or "float". A number lies between `low` and `high`, in `unit`, and is a multiple of
    `step` (0: any number). A `live` parameter changes during play without clicks; `prepare` reads all others.
    """

    name: str
    kind: str
    default: Value
    help: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    choices: tuple[str, ...] = ()
    live: bool = False

    def allowed(self) -> str:
        """The allowed values as text."""
        if self.kind == "choice":
            return ", ".join(self.choices)
        if self.kind == "switch":
            return "on, off"
        grid = f" in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{' ' + self.unit if self.unit else ''}{grid}"

    def parse(self, given: Value) -> Value:
        """`given` (text from the command line, or a value) as a checked value of this parameter. RtsepError: not allowed."""
        if self.kind == "choice":
            return self._choice(given)
        if self.kind == "switch":
            return self._switch(given)
        return self._number(given)

    def _refuse(self, given: Value) -> RtsepError:
        return RtsepError(f"{self.name} = {given!s}: allowed is {self.allowed()}")

    def _choice(self, given: Value) -> str:
        if given not in self.choices:
            raise self._refuse(given)
        return str(given)

    def _switch(self, given: Value) -> bool:
        word = str(given).strip().lower()
        if word in ("on", "true", "yes", "1"):
            return True
        if word in ("off", "false", "no", "0"):
            return False
        raise self._refuse(given)

    def _number(self, given: Value) -> float | int:
        try:
            number = float(given)
        except (ValueError, TypeError, OverflowError):
            raise self._refuse(given) from None
        inside = math.isfinite(number) and self.low <= number <= self.high
        if not inside or (self.step and not math.isclose(number / self.step, round(number / self.step))):
            raise self._refuse(given)
        if self.kind == "int":
            if number != int(number):
                raise self._refuse(given)
            return int(number)
        return number


PARAMS: dict[str, Param] = {
    param.name: param
    for param in (
        Param("mode", "choice", "live", "latency mode: instant = causal filters, no latency; live = short overlap-add, low "
              "latency; quality = symmetric windows, the best sound. If you do not set it, rtsep live takes instant if the "
              "computer is fast enough, else live; rtsep render takes quality", choices=("live", "quality", "instant")),
        Param("latency_samples", "int", 0, "latency from input to output; 0 = the default of the mode "
              "(instant: none, live: 512 at 44.1/48 kHz, quality: the window)", "samples", 0, 16384),
        Param("lookahead_ms", "float", 0.0, "delay of the sound against its notes, so that notes are known before their sound; "
              "it adds to the latency", "ms", 0, 1000),
        Param("early_ms", "float", 0.0, "about how much earlier than their sound the notes are told, as by a score follower: "
              "their templates open at once, and all else waits until a note is heard; 0 = they are told with their sound",
              "ms", 0, 500),
        Param("window_samples", "int", 0, "length of the analysis window; 0 = the power of two nearest to 93 ms",
              "samples", 0, 16384),
        Param("hop_samples", "int", 0, "step from one frame to the next, a power of two; 0 = 128, or less where the latency "
              "allows only less", "samples", 0, 2048),
        Param("estimator", "choice", "encoder+kl", "how the activations of the open templates are found: kl = "
              "Kullback-Leibler updates; encoder = one matrix product (and one update of the background); encoder+kl = "
              "updates that start from this product", choices=tuple(ESTIMATORS)),
        Param("encoder", "choice", "auto", "the matrix of this product: auto = the preset's own encoder if it has one, else "
              "nonnegative with updates and signed without them; signed = the regularised pseudo-inverse of the templates; "
              "nonnegative = the best matrix without negative numbers", choices=("auto", "signed", "nonnegative")),
        Param("iterations", "int", 5, "number of Kullback-Leibler updates of the activations in each frame", "", 1, 50),
        Param("relaxation", "float", 1.8, "exponent of these updates, except the last one in a frame: above 1, fewer updates "
              "are enough (six with 1.8 reach about as much as ten with 1)", "", 1, 2),
        Param("mask_power", "float", 2.0, "exponent of the stems' models in the soft masks: a higher one gives more of each "
              "bin to the loudest stem", "", 0.5, 4, step=0.5),
        Param("mask", "choice", "power", "how the stems share each bin: power = in proportion to their models, raised to "
              "mask_power", choices=tuple(MASKS)),
        Param("suppression", "float", 1.0, "weight of leakage into a stem against loss from it: above 1 = cleaner stems that "
              "lose more of their own sound; below 1 = fuller stems with more leakage", "", 0.1, 10),
        Param("filter_taps", "int", 0, "instant mode: length of the causal filters, at most half the window; 0 = half the "
              "window", "samples", 0, 8192),
        Param("filter_floor_db", "float", -50.0, "instant mode: the lowest level that the filters resolve, relative to the "
              "loudest bin of a frame", "dB", -100, 0),
        Param("onset_boost", "float", 4.0, "instant and live mode: the largest factor that raises a note which has just "
              "begun, since it fills only a part of the window; 1 = no raise", "", 1, 20),
        Param("gate", "switch", True, "open only the templates of the notes that sound; off = all templates are always open"),
        Param("onsets", "switch", True, "find drum strokes in the sound. With gates: drums open up to 15 ms before their "
              "triggers, since triggers can be late. Without gates: new strokes count more (by half of onset_boost, in dB), "
              "and each template learns only at its own time after a stroke"),
        Param("max_open_rows", "int", 64, "largest number of templates that are open at the same time; beyond it, the "
              "quietest old notes close first", "rows", 4, 1024),
        Param("release_min_ms", "float", 0.0, "shortest time that a gate stays open after note-off (beyond the window)",
              "ms", 0, 5000),
        Param("release_max_ms", "float", 1000.0, "longest time that a gate stays open after note-off (beyond the window)",
              "ms", 0, 5000),
        Param("decay_max_s", "float", 20.0, "longest time that the pedal alone keeps a gate open", "s", 0.1, 60),
        Param("tuning_cents", "float", 0.0, "how much higher the instrument is tuned than its preset: 7.85 for A4 at 442 Hz "
              "with a preset at 440 Hz", "cents", -100, 100),
        Param("background", "int", 32, "number of background templates: they are always open, learn during play what no open "
              "note explains, and make the residual; 0 = one flat row instead", "rows", 0, 256),
        Param("background_handicap", "float", 0.05, "sparsity weight of the background: how much better than the open notes "
              "it must explain a sound while an accompaniment plays, whose notes rtsep does not get; without accompaniment "
              "the weight is 1", "", 0, 1),
        Param("background_memory_s", "float", 3.0, "how long the background remembers", "s", 0.1, 60),
        Param("background_learns", "switch", True, "the background learns during play; off = it changes only during "
              "learn_background_s"),
        Param("learn_background_s", "float", 0.0, "length of a lead-in in which only the room or the band sounds: the "
              "background learns from it, and all gates stay closed", "s", 0, 600),
        Param("adapt", "switch", True, "open templates adapt to the sound, and the preset holds them near itself; off = they "
              "do not change"),
        Param("adapt_hold_s", "float", 0.3, "how many seconds of sound count as much as the preset's template: few for "
              "another instrument, many for the preset's own", "s", 0.01, 100),
        Param("adapt_memory_s", "float", 12.0, "how long a template remembers what it heard before it returns to the preset",
              "s", 0.1, 600),
        Param("prediction", "float", 1.0, "weight of the expected levels (by velocity and age of the notes) against the "
              "sound; only for presets that hold the envelopes of their notes; 0 = none", "", 0, 10),
        Param("velocity_curve", "float", 1.0, "how much a note's velocity changes its expected level: 1 = as on the preset's "
              "instrument; 0 = not at all, for a keyboard without velocity", "", 0, 2),
        Param("late_midi", "switch", False, "for notes that arrive 10 ms or more after their sound (wireless keyboard, busy "
              "computer): the background takes back what it learnt of such a note before; rtsep then recovers less well from "
              "wrong notes"),
        Param("panning", "switch", True, "stereo: learn where each stem lies between left and right, "
              "and use it for the separation; off = one mask for both channels"),
        Param("voice_low", "int", 36, "lowest MIDI note at which the pitch of a voice is sought, unless a melody is told",
              "", 33, 96),
        Param("voice_high", "int", 84, "highest MIDI note at which the pitch of a voice is sought, unless a melody is told",
              "", 33, 96),
        Param("mosaic_polyphony", "int", 10, "mosaic: number of source frames that sound at the same time", "", 1, 32),
        Param("mosaic_continuity", "float", 1.5, "mosaic: weight of frames that follow, in the source, on those that have "
              "just sounded; 0 = none", "", 0, 20),
        Param("mosaic_repetition_ms", "float", 70.0, "mosaic: after a source frame was heard, it does not begin again for "
              "this time", "ms", 0, 10000),
        Param("mosaic_candidates", "int", 32, "mosaic: number of new source frames that each hop tries", "", 1, 128),
        Param("mosaic_iterations", "int", 10, "mosaic: number of Kullback-Leibler updates of the activations",
              "", 1, 50),
        Param("gain_db", "float", 0.0, "level of a stem in the mixdown; -120 is silence. Each stem has its own: "
              "gain_db.STEM", "dB", -120, 24, live=True),
        Param("wet", "float", 1.0, "mixdown: 0 = the input, 1 = the sum of the stems at their gains", "", 0, 1,
              live=True),
        Param("bypass", "switch", False, "mixdown: play the input, delayed by the latency, instead of the stems",
              live=True),
    )
}


def param_of(name: str) -> Param:
    """The parameter called `name`; `gain_db.left_hand` is the `gain_db` of stem `left_hand`."""
    base, dot, stem = name.partition(".")
    if base not in PARAMS or bool(dot and stem) != (base == "gain_db"):
        names = ", ".join("gain_db.STEM" if known == "gain_db" else known for known in PARAMS)
        raise RtsepError(f"no parameter is called {name!r}; the parameters are: {names}")
    return PARAMS[base]


def parse_params(given: Mapping[str, Value]) -> dict[str, Value]:
    """Check the names and values in `given`. Parameters that are not given get no entry."""
    return {name: param_of(name).parse(value) for name, value in given.items()}


def defaults() -> dict[str, Value]:
    """The default of every parameter (`gain_db` once, for all stems)."""
    return {param.name: param.default for param in PARAMS.values()}
