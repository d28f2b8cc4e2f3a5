"""`--mode all`: the same sound in every mode for comparison, and a picture of one onset."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.files.pipes import seekable
from rtsep.files.results import Results
from rtsep.files.sound import open_sound
from rtsep.hosts.render import Job, render
from rtsep.notes.merged import read_scores
from rtsep.notes.moved import moved_score
from rtsep.params import PARAMS

BEFORE_S, AFTER_S = 0.02, 0.13  # The picture shows this many seconds before an onset, and this many after it.
QUIET_S = 0.5  # The picture shows the onset after the longest pause; longer pauses than this, in seconds, count as this.
Progress = Callable[[str, int, int], None]


def render_modes(job: Job, progress: Progress = lambda what, done, total: None) -> dict[str, Any]:
    """Render `job` in every mode, each into its own folder. Returns the report of all modes, which is written beside them.

    With MIDI there is also a picture, onset.png. `progress(mode, samples done, samples in all)`. RtsepError: anything that
    the user can correct; folders that are finished by then stay.
    """
    if {"mode", "latency_samples"} & job.params.keys():
        raise RtsepError("--mode all uses the latency of each mode: leave out --latency, or choose one mode")
    if job.mosaic is not None:
        raise RtsepError("--mode all does not go with --mosaic: choose live or quality")
    wish = job.delivery
    if wish.stdout is not None or wish.one_file or wish.rate is not None:
        raise RtsepError("--mode all writes one file for each stem, at the rate of MIX: leave out --stdout, --one-file and "
                         "--rate")
    with seekable(job.mix) as mix:
        return _render_modes(replace(job, mix=mix), progress)


def _render_modes(job: Job, progress: Progress) -> dict[str, Any]:
    modes = PARAMS["mode"].choices
    names = ["report.json"] if not job.midi else ["report.json", "onset.png"]
    results = Results(job.out, names, job.overwrite, [job.mix])
    try:
        reports = {mode: render(replace(job, out=job.out / mode, params={**job.params, "mode": mode}), partial(progress, mode))
                   for mode in modes}
        if job.midi:
            results.add("onset.png", _picture(job, reports))
        report = {"modes": reports, "warnings": sorted({text for one in reports.values() for text in one["warnings"]})}
        results.add("report.json", json.dumps(report, indent=2) + "\n")
        results.commit()
    finally:
        results.abort()
    return report


def lonely_onset(job: Job, seconds: float, rate: float) -> float:
    """Time in s of the note-on after the longest pause (the first one if several are equal).

    It lies in the rendered range, which is `seconds` long, and not too near to its end.
    """
    start_s = job.delivery.start_s or 0.0
    score = moved_score(read_scores(job.midi, rate), job.timing)
    strikes = ((score.messages[:, 1] & 0xF0) == 0x90) & (score.messages[:, 3] > 0)
    onsets = np.unique(score.seconds[strikes])
    onsets = onsets[(onsets >= start_s) & (onsets < start_s + seconds - AFTER_S)]
    if not len(onsets):
        return start_s
    pauses = np.minimum(np.diff(onsets, prepend=-QUIET_S), QUIET_S)
    return float(onsets[int(pauses.argmax())])


def _picture(job: Job, reports: Mapping[str, Any]) -> bytes:
    """A PNG of the mix and every stem around one onset, with a row for each mode. Needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    one = next(iter(reports.values()))
    onset = lonely_onset(job, one["seconds"], one["sample_rate"])
    figure = Figure(figsize=(10, 2.4 * len(reports)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    with open_sound(job.mix, cut=True) as sound:
        rate, begin = sound.sample_rate, round((job.delivery.start_s or 0.0) * sound.sample_rate)
        first, last = (min(max(round((onset + shift) * rate), begin), sound.frames) for shift in (-BEFORE_S, AFTER_S))
        mix = sound.read(first, last)
    time_ms = 1000 * (np.arange(first, last) / rate - onset)
    panels = figure.subplots(len(reports), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for panel, (mode, report) in zip(panels, reports.items(), strict=True):
        panel.plot(time_ms, mix[0], color="0.8", linewidth=2, label="mix")
        for stem in report["stems"]:
            with open_sound(job.out / mode / stem["file"]) as sound:
                panel.plot(time_ms, sound.read(first - begin, last - begin)[0], linewidth=1, label=stem["name"])
        panel.axvline(0, color="k", linewidth=0.5)
        panel.set_title(f"{mode}: heard {report['latency_ms']:.1f} ms later", fontsize=9)
    panels[0].legend(fontsize=7, loc="upper right")
    panels[-1].set_xlabel(f"time after the note-on at {onset:.2f} s, in ms, without the latency")
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
