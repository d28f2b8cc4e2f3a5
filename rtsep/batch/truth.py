"""SDR of separated stems against true ones, read block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import SoundReader, open_sound

READ_SAMPLES = 65536  # Sounds are compared in portions of this many samples.


def stem_sdr_db(
    folder: Path, report: Mapping[str, Any], truths: Mapping[str, Path]
) -> tuple[dict[str, float | None], list[str]]:
    """SDR in dB of each true stem, None where it is infinite, and warnings about those that cannot be compared.

    folder: of the results that `report` tells of. A true stem belongs to the result of the same name, upper or lower case.
    """
    stems = {name.casefold(): stem for stem in report["stems"] for name in (stem.get("stem", stem["name"]), stem["name"])}
    found, warnings = dict[str, float | None](), list[str]()
    for name, truth in truths.items():
        stem = stems.get(name.casefold())
        if stem is None:
            names = ", ".join(each["name"] for each in report["stems"])
            warnings.append(f"the true stem {name} has no SDR: the stems are {names}")
            continue
        try:
            found[stem["name"]] = _sdr_db(folder / stem["file"], stem.get("channels"), truth, report["start_s"])
        except RtsepError as error:
            warnings.append(f"the true stem {name} has no SDR: {error}")
    return found, warnings


def _sdr_db(file: Path, channels: list[int] | None, truth: Path, begin_s: float) -> float | None:
    """As `rtsep.measure.sdr_db`, in bounded memory; where the true stem has ended it is silent."""
    energy = error = 0.0
    with open_sound(file) as estimate, open_sound(truth, cut=True) as true:
        mine = slice(None) if channels is None else slice(channels[0] - 1, channels[-1])
        count = len(range(estimate.channels)[mine])
        if (true.sample_rate, true.channels) != (estimate.sample_rate, count):
            raise RtsepError(f"it has {true.sample_rate} Hz and {true.channels} channels, the stem has "
                             f"{estimate.sample_rate} Hz and {count}")
        right = _from(true, round(begin_s * true.sample_rate))
        for heard, told in zip(estimate.blocks(READ_SAMPLES), right, strict=False):
            wanted = told[:, : heard.shape[1]].astype(np.float64)
            wanted = np.pad(wanted, ((0, 0), (0, heard.shape[1] - wanted.shape[1])))
            energy += float(np.square(wanted).sum())
            error += float(np.square(heard[mine] - wanted).sum())
    return round(float(10 * np.log10(energy / error)), 3) if energy and error else None


def _from(sound: SoundReader, begin: int) -> Iterator[npt.NDArray[np.float32]]:
    """The sound from a sample on, in portions, and then silence without end."""
    if begin < sound.frames:
        yield from sound.blocks(READ_SAMPLES, begin)
    while True:
        yield np.zeros((sound.channels, READ_SAMPLES), np.float32)
