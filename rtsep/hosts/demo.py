"""`rtsep demo`: separate the bundled piano clip with its notes, and compare the result with the true stems."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.files.sound import atomic_write, read_sound
from rtsep.hosts.render import Job, render
from rtsep.measure import oracle_stems, sdr_db
from rtsep.notes.routing import by_track
from rtsep.notes.score import read_midi
from rtsep.windows import choose_framing

PRESETS = {"piano": "knows this instrument", "gm-piano": "has never heard it"}
MODES = {"quality": "from a file", "instant": "as live, no latency"}  # The mode of the written files, and of live playing.
Floats = npt.NDArray[np.float32]


def clip_folder() -> Path:
    """Folder of the bundled clip: mix.flac, a FLAC for each true stem, demo.mid, stems.json (file -> track)."""
    return Path(str(resources.files("rtsep_presets"))) / "demo"


def _truths(folder: Path) -> dict[str, Floats]:
    """The true stems, float32 [sample], by their names in a rendering."""
    score = read_midi(folder / "demo.mid")
    names = dict(zip(score.track_names, by_track(score).names, strict=True))
    stems = json.loads((folder / "stems.json").read_text())
    return {names[track]: read_sound(folder / f"{file}.flac")[0][0] for file, track in stems.items()}


def _score(folder: Path, report: dict[str, Any], truths: dict[str, Floats]) -> dict[str, float]:
    """SDR in dB of the written files, by stem."""
    files = {stem["name"]: stem["file"] for stem in report["stems"]}
    return {name: sdr_db(read_sound(folder / files[name])[0][0], truth) for name, truth in truths.items()}


def demo(out: Path, overwrite: bool, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Render the clip into `out` with the first preset in the first mode.

    Returns the report, with `sdr_db` of this and of all other presets and modes, which are rendered into temporary folders.
    """
    clip = clip_folder()
    truths = _truths(clip)
    mix, rate = read_sound(clip / "mix.flac")
    job = Job(clip / "mix.flac", out, (str(clip / "demo.mid"),), overwrite=overwrite, picture=True)
    ways = [(preset, mode) for preset in PRESETS for mode in MODES]
    results = {"mix (nothing done)": {name: sdr_db(mix[0], truth) for name, truth in truths.items()}}
    results |= {_told(*way): {} for way in ways}
    for preset, mode in [*ways[1:], ways[0]]:  # The result that stays comes last, so an interrupt leaves nothing half done.
        what, kept = f"{preset}, {mode}", (preset, mode) == ways[0]
        with tempfile.TemporaryDirectory() as aside:
            one = dataclasses.replace(job, presets=(preset,), params={"mode": mode}, out=out if kept else Path(aside) / "stems",
                                      picture=kept, overwrite=overwrite if kept else False)
            report = render(one, lambda done, total, what=what: progress(what, done, total))  # type: ignore[misc]
            results[_told(preset, mode)] = _score(one.out, report, truths)
    oracle = oracle_stems(np.stack(list(truths.values())), choose_framing("live", rate))
    results["oracle mask (best possible)"] = {
        name: sdr_db(stem, truth) for (name, truth), stem in zip(truths.items(), oracle, strict=True)
    }
    report["sdr_db"] = {system: {stem: round(db, 2) for stem, db in row.items()} for system, row in results.items()}
    atomic_write(out / "report.json", (json.dumps(report, indent=2) + "\n").encode())
    return report


def _told(preset: str, mode: str) -> str:
    return f"{preset} ({PRESETS[preset]}), {MODES[mode]}"
