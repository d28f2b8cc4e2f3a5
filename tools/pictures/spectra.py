"""Pictures of windows, gates, expectation, activations and masks."""

import numpy as np

from pictures.clip import FIRST_BIN_HZ, SECONDS, clip, notes, played
from pictures.style import FAINT, LEFT, MIX, RESIDUAL, RIGHT, picture
from rtsep import find_preset, load_preset
from rtsep.reference import activations, divergence, with_flat
from rtsep.stages.encoders import nonnegative_encoder
from rtsep.windows import Framing, choose_framing, window_pair

HANDS = LEFT, RIGHT


@picture(size=(7.2, 2.4))
def windows(figure):
    """Analysis and synthesis windows of the three modes."""
    axes = figure.subplots(1, 3, sharey=True)
    for ax, mode in zip(axes, ("quality", "live", "instant"), strict=True):
        framing = choose_framing(mode, 44100)
        analysis, synthesis = window_pair(framing)
        time_ms = (np.arange(len(analysis)) - len(analysis)) / 44.1
        step = 16
        ax.plot(time_ms[::step], analysis[::step], color=MIX, label="analysis")
        if len(synthesis):
            whole = synthesis / synthesis.max()
            ax.fill_between(time_ms[-len(synthesis) :: step], whole[::step], color=FAINT, label="synthesis")
        ax.set(title=f"{mode}: latency {framing.latency / 44.1:.1f} ms", xlabel="ms before the frame's end")
    axes[2].legend(*axes[1].get_legend_handles_labels(), loc="upper left")


@picture(size=(7.2, 3.0))
def gate(figure):
    """Notes, and the times in which their templates are open."""
    ax, last = figure.subplots(), 4.5
    spans: dict[tuple[int, int], list[float]] = {}
    for heard in played():
        for group in heard.passed.opened.groups:
            spans.setdefault((group.stem, group.pitch), []).append(heard.time_s)
    for (stem, pitch), times in spans.items():
        edges = np.split(np.array(times), np.flatnonzero(np.diff(times) > 0.01) + 1)
        spans_s = [(part[0], part[-1] - part[0]) for part in edges]
        ax.broken_barh(spans_s, (pitch - 0.45, 0.9), color=HANDS[stem], alpha=0.25, lw=0)
    keys = clip().score.messages, clip().score.seconds
    for note in notes(last):
        ax.broken_barh([(note["onset_s"], _key_s(*keys, note))], (note["pitch"] - 0.2, 0.4), color=HANDS[note["part"]], lw=0)
    ax.set(xlim=(0, last), xlabel="s", ylabel="MIDI pitch", title="dark: the key is down; light: its templates are open")


def _key_s(messages, seconds, note):
    """The time for which the key of a note is down, in s, without the pedal."""
    same = (messages[:, 0] == note["part"]) & (messages[:, 2] == note["pitch"]) & (seconds > note["onset_s"])
    ends = same & (((messages[:, 1] & 0xF0) == 0x80) | (((messages[:, 1] & 0xF0) == 0x90) & (messages[:, 3] == 0)))
    return seconds[ends].min() - note["onset_s"]


@picture(size=(7.2, 2.8))
def expectation(figure):
    """The level that the preset expects of a note, and the level that is heard in the clip."""
    left, right = figure.subplots(1, 2)
    envelope = load_preset(find_preset("piano")).envelope_db[64]
    ages_s = 0.04 * (2 ** (np.arange(envelope.shape[1]) / 4) - 1)
    for velocity, shade in ((40, 0.4), (64, 0.7), (100, 1.0)):
        left.plot(ages_s, envelope[0] + (velocity - 64) * envelope[1], color=MIX, alpha=shade, label=f"velocity {velocity}")
    left.set(xlim=(0, 2), xlabel="age, s", ylabel="level, dB", title="the preset's envelope of E4")
    left.set_ylim(bottom=envelope[0].max() - 40)
    left.legend()
    group_of = {"expected": [], "heard": []}
    onset = next(note["onset_s"] for note in notes() if note["pitch"] == 69 and note["part"] == 1)
    for heard in played():
        for i, group in enumerate(heard.passed.opened.groups):
            share = heard.passed.expected.share[i] if heard.passed.expected.share else None
            if (group.stem, group.pitch) == (1, 69) and share is not None and onset < heard.time_s < onset + 0.5:
                for name, value in (("expected", share), ("heard", heard.passed.estimate.group_h[i])):
                    group_of[name].append((heard.time_s - onset, 20 * np.log10(value * heard.passed.frame.total)))
    for name, colour in (("expected", RIGHT), ("heard", MIX)):
        right.plot(*np.array(group_of[name]).T, color=colour, label=name)
    right.set(xlabel="age, s", title="the first A4 of the clip")
    right.legend()


def _frame():
    """A frame of the clip in which both hands play and levels are known."""
    return next(heard.passed for heard in played() if heard.time_s > 3.3 and len(heard.passed.opened.playing) == 2)


@picture(size=(7.2, 2.9))
def updates(figure):
    """How fast the updates converge in one frame of the clip."""
    ax, frame = figure.subplots(), _frame()
    V, W = frame.frame.V, frame.estimate.W[: frame.opened.count]
    rows, share = with_flat(W), 1 / (len(W) + 1)
    least = divergence(V, activations(V, W, 2000) @ rows)
    E = nonnegative_encoder(W.astype(np.float32))
    begun = np.append(share + 0.3 * np.maximum(E @ V, 0), share)
    for label, start, relaxation, colour in (
        ("plain, equal start", None, 1, RESIDUAL), ("exponent 1.8", None, 1.8, LEFT),
            ("exponent 1.8, encoder's start (as it ships)", begun, 1.8, RIGHT)):
        ways = [_relaxed(V, W, n, start, relaxation) for n in range(1, 21)]
        ax.semilogy(range(1, 21), [divergence(V, h @ rows) - least for h in ways], "o-", ms=3, color=colour, label=label)
    ax.set(xlabel="updates", ylabel="divergence above the least", xticks=(1, 5, 10, 15, 20))
    ax.axvline(5, color=FAINT, zorder=0)
    ax.legend()


def _relaxed(V, W, count, start, relaxation):
    """`count` updates, of which the last one is plain (exponent 1)."""
    before = activations(V, W, count - 1, start, relaxation=relaxation)
    return activations(V, W, 1, before)


@picture(size=(7.2, 3.4))
def masks(figure):
    """The models of the stems in one frame, and their masks."""
    above, below = figure.subplots(2, 1, sharex=True)
    frame = _frame()
    hz = np.arange(len(frame.frame.V)) * FIRST_BIN_HZ
    some = hz < 1600
    above.fill_between(hz[some], _db(frame.frame.V[some]), -90, color="#e7e7e7", label="the frame", lw=0)
    for stem, (name, colour) in enumerate((("left hand", LEFT), ("right hand", RIGHT), ("residual", RESIDUAL))):
        above.plot(hz[some], _db(frame.masks.models[stem][some]), color=colour, lw=1)
        below.plot(hz[some], frame.masks.M[stem][some], color=colour, lw=1, label=name)
    above.set(ylim=(-80, -10), ylabel="models, dB")
    below.set(xlabel="Hz", ylabel="masks", ylim=(-0.02, 1.02))
    below.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1))


def _db(x):
    return 20 * np.log10(np.maximum(x, 1e-9))


@picture("png", size=(7.2, 4.2))
def mask_spectrogram(figure):
    """The mix, and the mask of the right hand."""
    above, below = figure.subplots(2, 1, sharex=True)
    heard = [each.passed for each in played()][::4]
    V = np.array([each.frame.magnitudes for each in heard]).T[:280]
    M = np.array([each.masks.M[1] for each in heard]).T[:280]
    extent = 0, SECONDS, 0, 280 * FIRST_BIN_HZ / 1000
    above.imshow(20 * np.log10(V + 1e-3), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-30, vmax=45)
    above.set(title="the mix", ylabel="kHz")
    below.imshow(M, origin="lower", aspect="auto", extent=extent, cmap="Oranges", vmin=0, vmax=1)
    below.set(title="mask of the right hand: 0 (white) to 1", ylabel="kHz", xlabel="s")


@picture(size=(7.2, 2.6))
def boost(figure):
    """The part of a window that a young note fills, and the factor on its model."""
    left, right = figure.subplots(1, 2, sharex=True)
    for mode, colour in (("live", LEFT), ("instant", RIGHT)):
        framing: Framing = choose_framing(mode, 44100)
        window, _ = window_pair(framing)
        part = np.cumsum(window[::-1]) / window.sum()
        ages_ms = np.arange(1, len(part) + 1) / 44.1
        left.plot(ages_ms[::16], part[::16], color=colour, label=mode)
        right.plot(ages_ms[::16], np.minimum(1 / part, 4)[::16], color=colour)
    left.set(xlabel="age of the note, ms", title="part of the window that holds it")
    right.set(xlabel="age of the note, ms", title="factor of its model", ylim=(0.8, 4.2))
    left.legend()
