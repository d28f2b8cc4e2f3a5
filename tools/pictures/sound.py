"""Pictures of the way from masks to sound: overlap-add, causal filters, places in stereo, and the order of the work."""

import numpy as np

from pictures.clip import clip, played
from pictures.style import FAINT, LEFT, MIX, RESIDUAL, RIGHT, picture
from rtsep import Separator, by_track, find_preset, load_preset
from rtsep.reference import causal_filter, expected_power
from rtsep.reference.place import Places
from rtsep.windows import choose_framing, window_pair


@picture(size=(7.2, 2.6))
def overlap_add(figure):
    """The products of analysis and synthesis window at every hop, which add up to 1."""
    ax, framing = figure.subplots(), choose_framing("live", 44100)
    analysis, synthesis = window_pair(framing)
    product = analysis[-framing.overlap :] * synthesis
    total = np.zeros(framing.overlap + 12 * framing.hop)
    for number in range(13):
        total[number * framing.hop :][: framing.overlap] += product
        time_ms = (np.arange(framing.overlap) + number * framing.hop) / 44.1
        ax.plot(time_ms[::8], product[::8], color=RIGHT if number == 6 else FAINT)
    ax.plot(np.arange(len(total))[::8] / 44.1, total[::8], color=MIX, label="sum")
    ax.set(xlabel="ms", title="live: one frame (red) sounds for 11.6 ms; all together weigh 1")
    ax.legend(loc="center right")


@picture(size=(7.2, 2.9))
def filters(figure):
    """The causal filter of the left hand in one frame, for three latencies, and its gain."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    heard = next(each.passed for each in played(mode="instant", seconds=4.0) if each.time_s > 3.3
                 and len(each.passed.opened.playing) == 2)
    power, mask = expected_power(heard.masks.models, 1e-5), heard.masks.M[0]
    hz = np.arange(len(mask)) * 44100 / 4096
    some = hz < 900
    right.fill_between(hz[some], mask[some], color="#e7e7e7", lw=0, label="mask")
    for delay, colour in ((0, RIGHT), (256, LEFT), (1024, MIX)):
        taps = causal_filter(mask, power, delay, 2048)
        left.plot(np.arange(-delay, 1200)[:: 4] / 44.1, np.append(taps, np.zeros(4096))[: 1200 + delay : 4], color=colour, lw=1)
        gain = np.abs(np.fft.rfft(taps, 4096))
        right.plot(hz[some], gain[some], color=colour, lw=1, label=f"{delay / 44.1:.1f} ms")
    left.set(xlabel="ms after the wanted sample", title="impulse responses", xlim=(-24, 25))
    right.set(xlabel="Hz", title="gain of the left hand's filter", ylim=(0, 1.6))
    right.legend(ncols=2)


@picture(size=(7.2, 2.9))
def panning(figure):
    """The spatial covariances that are learnt for both hands, panned 6 dB apart."""
    axes = figure.subplots(1, 2)
    near = 10 ** (-6 / 20) / np.hypot(1, 10 ** (-6 / 20))
    places = np.array([[np.sqrt(1 - near**2), near], [near, np.sqrt(1 - near**2)]])
    hands = np.stack([clip().left, clip().right])[:, : 6 * 44100]
    mix = places.T @ hands
    window, _ = window_pair(choose_framing("live", 44100))
    learnt, X = Places(128 / 44100, 3), np.zeros((2, 2049))
    for each in played():
        end = round(each.time_s * 44100)
        if end < 4096 or end > mix.shape[1] or not each.passed.masks.playing:
            continue
        X = np.fft.rfft(mix[:, end - 4096 : end] * window, axis=1)
        learnt.learn(X, each.passed.masks.M, each.passed.masks.playing)
    angle = np.linspace(0, 2 * np.pi, 200)
    for stem, (name, colour) in enumerate((("left hand", LEFT), ("right hand", RIGHT), ("residual", RESIDUAL))):
        half = np.linalg.cholesky(learnt.covariances()[stem] + 1e-9 * np.eye(2))
        axes[0].plot(*(half @ np.stack([np.cos(angle), np.sin(angle)])), color=colour, label=name)
    for place, colour in zip(places, (LEFT, RIGHT), strict=True):
        axes[0].plot(*np.outer(place * np.sqrt(2), (-1, 1)), color=colour, ls=":", lw=1)
    axes[0].set(aspect="equal", xlabel="left channel", ylabel="right channel", title="learnt (lines) and true (dots) places")
    axes[0].legend(loc="lower left", bbox_to_anchor=(1.0, 0.3))
    _bars(axes[1], mix, places, hands)


def _bars(ax, mix, places, hands):
    """SDR of both hands over both channels: with one mask for both, and with places."""
    from rtsep.measure import sdr_db

    score = clip().score
    events = score.events(44100)
    events = events[events["sample"] < mix.shape[1]]
    for number, panning in enumerate(("off", "on")):
        separator = Separator(load_preset(find_preset("piano")), by_track(score), {"mode": "live", "panning": panning})
        separator.prepare(44100, 2, mix.shape[1])
        stems = separator.process(mix.astype(np.float32), events).stems[:, :, separator.latency :]
        for stem, colour in ((0, LEFT), (1, RIGHT)):
            truth = places[stem][:, None] * hands[stem]
            db = sdr_db(stems[stem], truth[:, : stems.shape[2]])
            bar = ax.bar(number + 0.3 * stem, db, 0.28, color=colour)
            ax.bar_label(bar, fmt="%.1f")
    ax.set(xticks=(0.15, 1.15), xticklabels=("one mask for both channels", "places"), ylabel="SDR, dB",
           title="first 6 s of the clip, live")





@picture(size=(7.2, 2.5))
def slots(figure):
    """The order of a frame's computations, between the end of one frame and the end of the next."""
    ax = figure.subplots()
    work = (("the frame: analysis, gate, activations, masks; overlap-add", 0, 0.7, MIX),
            ("spectral factor; filters of stems 1, 4, ...; a third of what rows learn", 1, 0.55, LEFT),
            ("filters of stems 2, 5, ...; another third", 2, 0.45, LEFT),
            ("filters of stems 3, 6, ...; the last third", 3, 0.45, LEFT),
            ("the next frame", 4, 0.7, MIX))
    for number, (name, begin, length, colour) in enumerate(work):
        ax.broken_barh([(begin, length)], (-number, 0.7), color=colour)
        ax.text(begin + length + 0.05, -number + 0.32, name, va="center", fontsize=8.5)
    for slot in range(5):
        ax.axvline(slot, color=FAINT, zorder=0)
    ax.set(xlim=(0, 5.8), ylim=(-4.4, 1), yticks=(), xticks=range(5), xticklabels=(0, 32, 64, 96, 128),
           xlabel="samples after a frame's end (lengths of work: not to scale)")
    ax.spines["left"].set_visible(False)
