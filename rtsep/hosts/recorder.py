"""Recording a session: a thread writes the content of the callback's rings to files.

Files are aligned: the engine's latency is removed from the stems, so that input = sum of all stems, sample by sample. Samples
that the rings could not hold become silence of the same length in every file, and are counted.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import numpy.typing as npt

from rtsep import __version__
from rtsep.errors import RtsepError
from rtsep.files.results import Results
from rtsep.files.sound import StemWriter
from rtsep.hosts.lanes import Lanes

LOOK_S = 0.05  # The rings are emptied at intervals of this many seconds.
RING_S = 10.0  # The ring holds this many seconds of sound, for times when the disk is busy.
LONGEST_S = 3 * 3600  # Files end after this many seconds.
TICKS, TEMPO_US = 32767, 500_000  # Ticks and microseconds per quarter note: a tick is 15 us, less than a sample at 48 kHz.

Floats = npt.NDArray[np.float32]


EXTRAS = ("session.mid", "report.json")


def check_folder(folder: Path, stem_names: Sequence[str], overwrite: bool) -> None:
    """Before anything is played: RtsepError if a recording cannot be written to `folder`."""
    Results(folder, [*(f"{name}.wav" for name in ("input", *stem_names)), *EXTRAS], overwrite, ()).abort()


class Recorder:
    """Writes `input`, one file per stem, session.mid and report.json (with `about`) into `folder`; all appear at `stop`.

    RtsepError at once if the folder cannot be used. A full disk ends the recording, which `told` reports, while the music goes
    on. Thread: control; a separate thread writes the files.
    """

    def __init__(
        self, lanes: Lanes, folder: Path, stem_names: Sequence[str], sample_rate: float, latency: int, overwrite: bool,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self._lanes, self.folder, self._latency = lanes, folder, latency
        self._rate, self._about = sample_rate, dict(about or {})
        self._names = ("input", *stem_names)
        self._writer = StemWriter(folder, self._names, round(sample_rate), lanes.channels, "wav", None, overwrite, (),
                                  EXTRAS, round(LONGEST_S * sample_rate))
        self._input = np.zeros((lanes.channels, 0), np.float32)  # Input that still waits for its stems.
        self._expected = 0  # Sample at which the next piece should begin.
        self.seconds = 0.0
        self.dropped_pieces = 0
        self._trouble = ""
        self._events: list[tuple[int, int, tuple[int, int, int]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._report: dict[str, Any] | None = None

    def start(self) -> None:
        """Record from the next block on."""
        self._lanes.record_start(RING_S)
        self._thread.start()

    def told(self) -> str:
        """The state of the recording in a few words."""
        if self._trouble:
            return f"recording ended: {self._trouble}"
        drops = f", {self.dropped_pieces} gaps" if self.dropped_pieces else ""
        return f"{self.folder.name}: {self.seconds:.0f} s{drops}"

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while (piece := self._lanes.read_record()) is not None:
            if not self._trouble:
                self._keep(*piece)
        for event in self._lanes.read_events():
            self._events.append((int(event["sample"]), int(event["part"]),
                                 (int(event["status"]), int(event["data1"]), int(event["data2"]))))

    def _keep(self, start: int, planes: Floats) -> None:
        try:
            if start > self._expected:
                self.dropped_pieces += 1
                self._write(np.zeros((planes.shape[0], start - self._expected), np.float32))
            self._write(planes)
        except (RtsepError, OSError) as error:
            self._trouble = str(error)
        if self.seconds > LONGEST_S:
            self._trouble = "three hours are full; what was recorded is kept"
        self._expected = start + planes.shape[1]
        self.seconds = self._expected / self._rate

    def _write(self, planes: Floats) -> None:
        """Append to every file: stems without their first `latency` samples, and the input up to the stems' end."""
        channels = self._lanes.channels
        skip = min(self._latency, planes.shape[1])
        self._latency -= skip
        self._input = np.concatenate([self._input, planes[:channels]], axis=1)
        count = planes.shape[1] - skip
        if count:
            self._writer.write(0, self._input[:, :count])
            self._input = self._input[:, count:]
            for number in range(1, len(self._names)):
                self._writer.write(number, planes[number * channels : (number + 1) * channels, skip:])

    def stop(self) -> dict[str, Any]:
        """End the recording, give every file its name, and give the report, again at later calls. RtsepError if that fails."""
        if self._report is not None:
            return self._report
        self._lanes.record_stop()
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._report = {
            "rtsep_version": __version__, **self._about, "sample_rate": self._rate, "channels": self._lanes.channels,
            "seconds": round(self.seconds, 3), "events": len(self._events), "gaps": self.dropped_pieces,
            "warnings": [self._trouble] if self._trouble else [],
            "stems": [{"name": name, "file": file} for name, file in zip(self._names, self._writer.files, strict=True)],
        }
        with self._writer:
            if self.seconds:
                self._writer.add_file("session.mid", midi_bytes(self._events, self._rate))
                self._writer.add_file("report.json", json.dumps(self._report, indent=2) + "\n")
                self._writer.commit()
        return self._report


def midi_bytes(events: Sequence[tuple[int, int, tuple[int, int, int]]], sample_rate: float) -> bytes:
    """A MIDI file of (sample, part, message), with one track per part, exact to a sample at 48 kHz."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    per_second = TICKS * 1e6 / TEMPO_US
    for part in sorted({part for _sample, part, _message in events}) or [0]:
        track = file.add_track(f"port {part + 1}")
        track.append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
        now = 0
        for sample, of, message in events:
            if of == part:
                tick = round(sample / sample_rate * per_second)
                track.append(mido.Message.from_bytes(message, time=tick - now))
                now = tick
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()
