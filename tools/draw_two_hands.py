"""Draws docs/pictures/two-hands.png: one recording of a piano, and the two hands that rtsep separates from it.

    python tools/draw_two_hands.py
"""

import io
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # No window is opened.

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from laboratory.study import ROOT
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from rtsep.hosts.demo import demo

PICTURE = ROOT / "docs" / "pictures" / "two-hands.png"
CLIP = ROOT / "presets" / "demo" / "mix.flac"
SECONDS = (0.0, 9.0)  # The part of the clip that is drawn, in s.
LOWEST_HZ, HIGHEST_HZ = 75.0, 2600.0  # The part of the spectrum that is drawn, in Hz.
RANGE_DB = 52.0  # Levels that are this many dB below the loudest one are white.
BINS, WINDOW, HOP = 150, 8192, 512  # Rows of the picture; samples of a frame; samples from frame to frame.
ROWS = (("One recording", "#20262c"), ("Left hand", "#0b62a8"), ("Right hand", "#c24a06"))


def sounds() -> tuple[list[np.ndarray], int]:
    """The clip, and its left and right hand as `rtsep demo` writes them; and the sample rate."""
    with tempfile.TemporaryDirectory() as folder:
        demo(Path(folder), True, lambda *_: None)
        read = [soundfile.read(path) for path in (CLIP, Path(folder) / "left_hand.wav", Path(folder) / "right_hand.wav")]
    return [sound for sound, _ in read], read[0][1]


def levels_db(sound: np.ndarray, rate: int) -> np.ndarray:
    """Levels in dB, [bin, frame], on a logarithmic axis of frequency."""
    first, last = (round(second * rate) for second in SECONDS)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, WINDOW // 2), WINDOW)[first:last:HOP]
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(WINDOW)))
    wanted = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BINS) * WINDOW / rate
    drawn = [np.interp(wanted, np.arange(magnitudes.shape[1]), frame) for frame in magnitudes]
    return 20 * np.log10(np.maximum(drawn, 1e-9)).T


def draw() -> None:
    """Write the picture, in few colours so that the file is small."""
    heard, rate = sounds()
    levels = [levels_db(sound, rate) for sound in heard]
    top = levels[0].max()
    figure, axes = plt.subplots(3, 1, figsize=(6.4, 6.0), dpi=150, gridspec_kw={"hspace": 0.42})
    for axis, (name, colour), level in zip(axes, ROWS, levels, strict=True):
        colours = LinearSegmentedColormap.from_list(name, ["#ffffff", colour])
        axis.imshow(level, origin="lower", aspect="auto", cmap=colours, vmin=top - RANGE_DB, vmax=top - 6)
        axis.set_title(name, loc="left", color=colour, fontsize=17, fontweight="bold", pad=5)
        axis.set_xticks([])
        axis.set_yticks([])
        for side in axis.spines.values():
            side.set_color("#c9ced3")
    stored = io.BytesIO()
    figure.savefig(stored, format="png", bbox_inches="tight", pad_inches=0.08, facecolor="white")
    Image.open(stored).convert("RGB").quantize(64).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    draw()
