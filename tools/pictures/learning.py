"""Pictures of what is learnt while playing (background, levels and colour), and of training."""

import numpy as np

from pictures.clip import SECONDS, clip, notes, played
from pictures.style import FAINT, LEFT, RIGHT, picture
from rtsep.stages.colour import BANDS, HIGHEST_HZ, LOWEST_HZ
from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.groups import spectra
from rtsep.training.initial import harmonic_templates, onset_templates, random_start
from rtsep.training.nmf import factorise


@picture(size=(7.2, 2.6))
def background(figure):
    """Certainty that others play: with all notes told, and with only one hand's notes told."""
    ax = figure.subplots()
    for told, colour, label in (((0, 1), LEFT, "both hands are told"), ((0,), RIGHT, "only the left hand is told")):
        heard = played("piano", told)
        ax.plot([each.time_s for each in heard][::8], [each.others for each in heard][::8], color=colour, label=label)
    ax.set(xlim=(0, SECONDS), ylim=(0, 1.02), xlabel="s",
           title="certainty that others play (instruments whose notes are not told)")
    ax.legend()


@picture(size=(7.2, 2.6))
def levels(figure):
    """The gain that is learnt for each hand."""
    ax = figure.subplots()
    for preset, style in (("piano", "-"), ("gm-piano", ":")):
        heard = played(preset)
        for stem, (name, colour) in enumerate((("left", LEFT), ("right", RIGHT))):
            known = [(each.time_s, each.gain[stem] * 20 / np.log(10)) for each in heard if each.gain[stem]]
            ax.plot(*np.array(known)[::8].T, color=colour, ls=style, label=f"{name} hand, {preset}")
    ax.set(xlim=(0, SECONDS), xlabel="s", ylabel="gain, dB", title="gain of the recording against the preset's envelopes")
    ax.legend(ncols=2)


@picture(size=(7.2, 2.6))
def colour(figure):
    """The colour that is learnt for the clip's piano: with a preset that knows it, and with one that does not."""
    ax = figure.subplots()
    hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS)
    for preset, shade in (("piano", LEFT), ("gm-piano", RIGHT)):
        gain = played(preset)[-1].colour
        ax.semilogx(hz, gain * 20 / np.log(10), "o-", ms=3, color=shade, label=f"{preset}, after {SECONDS:g} s")
    ax.axhline(0, color=FAINT, zorder=0)
    ax.set(xlabel="Hz", ylabel="gain, dB", title="one smooth gain for all templates of an instrument")
    ax.set_xticks((100, 300, 1000, 3000, 10000), ("100", "300", "1000", "3000", "10 000"))
    ax.minorticks_off()
    ax.legend()


@picture("png", size=(7.2, 5.4))
def factorisation(figure):
    """W and H of the beginning of the clip: started from random numbers, and with the constraints of the score."""
    axes = figure.subplots(2, 2, width_ratios=(1, 1.4))
    hop, size, seconds = 1024, 4096, 4.5
    V = np.abs(spectra(clip().mix[: int(seconds * 44100)], size, hop)).astype(np.float32)
    heard = notes(seconds)
    pitches, times_s = np.unique(heard["pitch"]), np.arange(len(V)) * hop / 44100
    W, H = random_start(*V.shape, len(pitches))
    free = factorise(V, W.astype(np.float32), H.astype(np.float32), max_iter=60, tolerance=0)
    W = np.concatenate([harmonic_templates(pitches, V.shape[1], 44100 / size), onset_templates(len(pitches), V.shape[1])])
    G = np.concatenate([note_gates(heard, pitches, times_s, 0.05, 0.2), onset_gates(heard, pitches, times_s, 0.1, 0.2)], axis=1)
    told = factorise(V, W.astype(np.float32), G.astype(np.float32), max_iter=20, tolerance=0)
    for (left, right), found, name in zip(axes, (free, told), ("random start", "score-informed"), strict=True):
        rows = slice(0, len(pitches))
        left.imshow(_db(found.W[rows, :240].T), origin="lower", aspect="auto", cmap="magma", vmin=-60, vmax=0,
                    extent=(0, len(pitches), 0, 240 * 44100 / size / 1000))
        right.imshow(_db(found.H[:, rows].T), origin="lower", aspect="auto", cmap="magma", vmin=-50, vmax=0,
                     extent=(0, seconds, 0, len(pitches)))
        left.set(title=f"{name}: templates W", ylabel="kHz", xlabel="template")
        right.set(title="activations H", ylabel="template", xlabel="s")


def _db(x):
    return 20 * np.log10(np.maximum(x / x.max(), 1e-5))



