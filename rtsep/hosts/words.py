"""The status as text, in longer and shorter forms, with correct plurals."""

from __future__ import annotations

from rtsep.hosts.status import Status
from rtsep.notes.bars import Bars

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def note_name(pitch: int) -> str:
    """The name of a MIDI pitch: C4 for 60."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def bar_text(bars: Bars, seconds: float) -> str:
    """A time of a score as bar and beat; as minutes and seconds if it has no bars."""
    if not len(bars):
        return f"{max(seconds, 0) // 60:.0f}:{max(seconds, 0) % 60:04.1f}"
    bar, beat = bars.at(seconds)
    return f"bar {bar}, beat {beat}"


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 late block, 2 late blocks."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def latency_texts(status: Status) -> tuple[str, ...]:
    """The latency from microphone to loudspeaker, and where it is known from; the longest text comes first."""
    engine_ms = 1000 * status.latency_samples / status.sample_rate
    mode = f"mode {status.mode}"
    own = f"{engine_ms:.1f} ms ({status.latency_samples} samples)"
    if status.device_latency_ms is None:
        told = (f"{mode}, latency {own} + that of the device, which is unknown",
                f"{mode}, latency {engine_ms:.1f} ms + unknown", f"{status.mode}, {engine_ms:.1f} ms + unknown")
    else:
        total, device_ms = engine_ms + status.device_latency_ms, status.device_latency_ms
        told = (f"{mode}, latency {own} + {device_ms:.1f} ms ({status.device_latency_source}) = {total:.1f} ms",
                f"{mode}, latency {total:.1f} ms: {engine_ms:.1f} + {device_ms:.1f} ({status.device_latency_source})",
                f"{status.mode}, latency {total:.1f} ms")
    return (f"{told[0]}; {mode} because {status.mode_chosen}", *told) if status.mode_chosen else told


def _late(status: Status) -> str:
    """The number of late blocks, and how many of them waited for a processor because of other programs."""
    waited = 0 if status.late_by_work is None else status.late_blocks - status.late_by_work
    return counted(status.late_blocks, "late block") + (f" ({waited} waited for other programs)" if waited > 0 else "")


def losses_texts(status: Status) -> tuple[str, ...]:
    """The load, and the counted problems; the longest text comes first."""
    others = [counted(count, *names) for count, *names in (
        (status.underflows, "underflow"), (status.overflows, "overflow"), (status.xruns, "xrun"),
        (status.bad_samples, "bad sample"), (status.dropped_notes, "note dropped", "notes dropped"),
        (status.clipped_samples, "clipped sample")) if count]
    told = ", ".join([_late(status)] * (status.late_blocks > 0) + others) or "no dropouts"
    load, worst, ever = (f"{100 * share:.0f}" for share in (status.load, status.peak_load, status.worst_load))
    late = f"{status.late_blocks} late"
    short = ", ".join([late, *others])
    return (f"load {load} % (worst {worst} % in 10 s, {ever} % since the start), blocks of {status.block_samples}, {told}",
            f"load {load} % (worst {worst}, {ever} %), blocks of {status.block_samples}, {told}",
            f"load {load}/{worst}/{ever} %, {told}", f"load {load}/{worst} %, {short}", f"load {load}/{worst} %, {late}")


def recording_text(status: Status) -> str:
    """The state of the recording, or ""."""
    if not status.recording:
        return ""
    return f"RECORDING {status.recording}" if not status.recording.startswith("ended") else f"recording {status.recording}"
