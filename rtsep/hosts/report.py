"""The report of a run: report.json, its warnings, and the time that it took."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep import __version__
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.files.sound import SoundReader
from rtsep.fit.check import LEAST_ONSETS, check_fit
from rtsep.hosts.ranges import Excerpt
from rtsep.notes.moved import Timing
from rtsep.notes.programs import DRUMS
from rtsep.notes.routing import struck
from rtsep.notes.score import Score
from rtsep.presets.preset import Preset
from rtsep.reference.separator import ReferenceSeparator

RING_S = 5.0  # There is no warning if score and sound end at most this many seconds apart.
NOTE_ON = 0x90  # The status of a note-on message on channel 1.
SILENT_DB = -60.0  # A stem below this level, in dB relative to the sum of all stems, does not sound.
# Times of hops are counted in steps of this share, between these limits in seconds: hours of sound have millions of hops.
STEP, SHORTEST_S, LONGEST_S = 0.01, 1e-7, 100.0
RING_SHARE = 0.25  # In short sounds, the limit is this share of the sound, but at least 1 s.


class Clock:
    """The processing time of each hop. The host sets `total_s`, the time of the whole run with reading and writing."""

    def __init__(self, hop: int) -> None:
        self.total_s = 0.0
        self._hop = hop
        self._pending_s = self._longest_s = 0.0
        self._counts: npt.NDArray[np.int64] = np.zeros(round(math.log(LONGEST_S / SHORTEST_S) / STEP) + 2, np.int64)

    @contextmanager
    def block(self, position: int, samples: int) -> Iterator[None]:
        """Measure one call for `samples` samples from `position`. Short calls add up to hops; long ones count as several."""
        started = time.perf_counter()
        yield
        self._pending_s += time.perf_counter() - started
        hops = (position + samples) // self._hop - position // self._hop
        if hops:
            hop_s = self._pending_s / hops
            step = round(math.log(max(hop_s, SHORTEST_S) / SHORTEST_S) / STEP)
            self._counts[min(step, len(self._counts) - 1)] += 1
            self._longest_s, self._pending_s = max(self._longest_s, hop_s), 0.0

    def hop_us(self) -> dict[str, float]:
        """Median and 99th percentile, to half a percent, and worst time of a hop in microseconds."""
        upto = np.cumsum(self._counts)
        p50, p99 = (SHORTEST_S * math.exp(STEP * int(np.searchsorted(upto, share * upto[-1]))) for share in (0.5, 0.99))
        return {"p50": round(1e6 * min(p50, self._longest_s), 1), "p99": round(1e6 * min(p99, self._longest_s), 1),
                "max": round(1e6 * self._longest_s, 1)}


Described = Callable[[Mapping[str, Mapping[str, str]]], list[dict[str, Any]]]  # From the presets of the stems.


def make_report(engine: Engine, sound: Excerpt, clock: Clock, describe: Described) -> dict[str, Any]:
    """The fields of report.json that every run has; `describe` gives name and file of each stem."""
    framing, counters = engine.framing, engine.counters
    presets = {stem: {"preset": name} for stem, name in zip(engine.routing.names, engine.plays, strict=False)}
    seconds = sound.frames / sound.sample_rate
    return {
        "rtsep_version": __version__,
        "mode": engine.value("mode"),
        "preset": ", ".join(dict.fromkeys(engine.plays)),
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "start_s": round(sound.begin / sound.sample_rate, 6),
        "seconds": round(seconds, 3),
        "latency_samples": engine.latency,
        "latency_ms": round(1000 * engine.latency / sound.sample_rate, 3),
        "window_samples": framing.window_size,
        "hop_samples": framing.hop,
        "hop_us": clock.hop_us(),
        "realtime_factor": round(seconds / max(clock.total_s, 1e-9), 2),
        "stems": describe(presets),
        "bad_samples": counters.bad_samples,
        "notes_out_of_range": counters.unmatched_notes,
        "closed_rows": counters.closed_rows,
        "stolen_voices": counters.stolen_voices,
        **({} if engine.routing.hands is None else {"hands": {
            "notes": counters.hand_notes, "revised": counters.revised_notes, "uncertain": counters.uncertain_notes}}),
        **({} if not len(engine.routing.score.pitch) else {"score": {
            "notes": counters.followed_notes, "unmatched": counters.unmatched_in_score}}),
        **engine.details,
        "warnings": [],
    }


def add_levels(report: Mapping[str, Any], energies: npt.NDArray[np.float64], samples: int) -> None:
    """Enter each stem's level into the report: root mean square over all channels in dB of full scale, None for silence.

    `energies` of the stems: sums of squares over `samples` of all channels together.
    """
    for stem, energy in zip(report["stems"], energies.tolist(), strict=False):
        stem["level_db"] = round(10 * math.log10(energy / samples), 2) if energy > 0 else None


def collect_warnings(
    report: Mapping[str, Any], engine: Engine, sound: SoundReader, score: Score | None, timing: Timing
) -> list[str]:
    """Warnings for the user, most of them with a count. `timing`: how the notes of `score` were moved."""
    instruments = engine.instruments if isinstance(engine, Separator | ReferenceSeparator) else []
    ranges = ", ".join(f"{preset.name} {preset.pitches[0]} to {preset.pitches[-1]}" for preset in instruments)
    where = f"the preset ({ranges})" if instruments else "the notes of the source, in any octave,"
    found = [
        (report["bad_samples"], "{} samples were invalid (NaN, infinite or absurdly loud) and became silence"),
        (report["notes_out_of_range"], f"{{}} notes lie outside {where} and were ignored"),
        (report["closed_rows"], "{} templates closed early: more notes sounded than max_open_rows allows"),
        (report["stolen_voices"], "{} notes ended early: more than 256 sounded at once"),
        (report["clipped_samples"], "{} samples were louder than full scale and were clipped; use --format wav --bits float"),
        (sound.channels if sound.channels > 2 and instruments else 0, "{} channels: all of them share one mask"),
    ]
    warnings = [*sound.notes, *(text.format(count) for count, text in found if count)]
    if "loudness" in report and report["loudness"]["measured_lufs"] is None:
        warnings.append("the mixdown is silent or shorter than 0.4 s, so it has no loudness: its level was not changed")
    warnings += [f"preset {preset.name}: {note}" for preset in instruments for note in preset.notes]
    warnings += _fit_warnings(sound, score, instruments, timing) if score and instruments else []
    return warnings + _score_warnings(sound, score, "in the residual" if instruments else "silent in the mosaic")


def silent_warnings(engine: Engine, events: npt.NDArray[np.void], energies: npt.NDArray[np.float64]) -> list[str]:
    """A sentence for every stem that had notes and no sound. `energies`: the sum of squares of every stem."""
    struck_now = events[(events["status"] & 0xF0 == NOTE_ON) & (events["data2"] > 0)]
    routed = engine.routing.table[struck_now["part"], struck_now["status"] & 0x0F, struck_now["data1"]]
    stem_of = np.where(struck_now["stem"] > 0, struck_now["stem"].astype(np.int64) - 1, routed)
    least = energies.sum() * 10 ** (SILENT_DB / 10)
    unsaid = engine.routing.told_while_played
    return [f"no sound was found for the {count} notes of {name}: does this instrument play in the recording, and do its notes "
            "fit it?" for stem, name in enumerate(engine.routing.names)
            if stem not in unsaid and (count := int((stem_of == stem).sum())) and energies.sum() > 0 and energies[stem] < least]


def _fit_warnings(sound: SoundReader, score: Score, instruments: Sequence[Preset], timing: Timing) -> list[str]:
    """Warnings if the notes do not seem to fit the sound."""
    kits = [preset for preset in instruments if DRUMS in preset.programs or (preset.row_age_s != preset.row_age_s[0]).any()]
    notes = score.notes()
    fit = check_fit(sound, notes, kits[0] if len(kits) == len(instruments) else None)
    return [text for text in (fit.fault(timing), fit.doubt() if fit.onsets >= LEAST_ONSETS else "") if text]


def _score_warnings(sound: SoundReader, score: Score | None, unplayed: str) -> list[str]:
    """Warnings about the lengths of score and sound. `unplayed` says where sound without notes goes."""
    if score is None:
        return []
    if not score.note_count:
        return [f"the score has 0 notes: all of the sound is {unplayed}"]
    seconds = sound.frames / sound.sample_rate
    late = int((score.seconds[struck(score)] >= seconds).sum())
    tolerance_s = min(RING_S, max(RING_SHARE * seconds, 1.0))
    if late or score.duration_s > seconds + tolerance_s:
        return [f"the score is {score.duration_s - seconds:.1f} s longer than the sound; {late} notes were not used"]
    if score.duration_s < seconds - tolerance_s:
        return [f"the score ends {seconds - score.duration_s:.1f} s before the sound: the sound after it is {unplayed}"]
    return []
