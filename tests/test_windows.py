"""Window sizes, latencies and hops; the window functions; templates on other bins."""

import numpy as np
import pytest

from rtsep import reference
from rtsep.errors import RtsepError
from rtsep.windows import Framing, choose_framing, map_templates, window_pair

RATES = (8000, 11025, 16000, 22050, 32000, 37800, 44100, 48000, 88200, 96000, 176400, 192000)


def allowed_framings():
    """Every combination of mode, window, latency and hop that two rates allow."""
    for rate in (44100, 96000):
        for window in (1024, 2048, 4096, 8192):
            for mode, latencies in (("quality", (0,)), ("live", (128, 256, 512, 1024, 2048))):
                for latency in latencies:
                    for hop in (0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096):
                        try:
                            yield choose_framing(mode, rate, window, latency, hop)
                        except RtsepError:
                            continue


FRAMINGS = sorted(set(allowed_framings()), key=lambda framing: (framing.window_size, framing.overlap, framing.hop))


# --- windows ----------------------------------------------------------------------------------------------------------


def test_there_are_framings_of_all_kinds():
    assert len(FRAMINGS) > 80
    assert {framing.window_size for framing in FRAMINGS} == {1024, 2048, 4096, 8192}
    assert {framing.overlap for framing in FRAMINGS} >= {128, 256, 512, 1024, 4096, 8192}


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda f: f"{f.window_size}-{f.overlap}-{f.hop}")
def test_pair_reconstructs_exactly(framing):
    """The copies of analysis * synthesis at every hop add up to 1."""
    analysis, synthesis = window_pair(framing)
    assert analysis.shape == (framing.window_size,) and synthesis.shape == (framing.overlap,)
    product = analysis[-framing.overlap :] * synthesis
    total = product.reshape(-1, framing.hop).sum(axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-12)


@pytest.mark.parametrize("framing", [Framing(1024, 128, 64), Framing(4096, 512, 128), Framing(1024, 1024, 128)])
def test_pair_is_the_formula(framing):
    analysis, synthesis = window_pair(framing)
    expected_analysis, expected_synthesis = reference.windows(framing.window_size, framing.overlap, framing.hop)
    np.testing.assert_allclose(analysis, expected_analysis, atol=1e-12)
    np.testing.assert_allclose(synthesis, expected_synthesis, atol=1e-12)


def test_symmetric_pair_is_sine_windows():
    """With overlap = window, both are sine windows, up to a factor from the hop."""
    analysis, synthesis = window_pair(Framing(2048, 2048, 128))
    sine = np.sin(np.pi * (np.arange(2048) + 0.5) / 2048)
    np.testing.assert_allclose(analysis, sine, atol=1e-12)
    np.testing.assert_allclose(synthesis, sine * 2 * 128 / 2048, atol=1e-12)


def test_analysis_window_peaks_half_an_overlap_before_its_end():
    analysis, _ = window_pair(Framing(4096, 512, 128))
    assert abs(int(np.argmax(analysis)) - (4096 - 256)) <= 1
    assert analysis.min() > 0 and analysis.max() <= 1


# --- choices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate, window, latency", [
    (8000, 1024, 128), (16000, 2048, 256), (22050, 2048, 256), (32000, 4096, 512), (37800, 4096, 512),
    (44100, 4096, 512), (48000, 4096, 512), (88200, 8192, 1024), (96000, 8192, 1024), (192000, 16384, 2048),
])
def test_usual_sizes(rate, window, latency):
    live, quality = choose_framing("live", rate), choose_framing("quality", rate)
    assert (live.window_size, live.overlap) == (window, latency)
    assert (quality.window_size, quality.overlap, quality.hop) == (window, window, 128)
    assert live.hop == min(128, latency // 2)


@pytest.mark.parametrize("rate", RATES)
def test_usual_window_is_nearest_to_93_ms(rate):
    window = choose_framing("live", rate).window_size
    octaves = abs(np.log2(window / rate / (4096 / 44100)))
    assert octaves <= 0.5 and window & (window - 1) == 0


@pytest.mark.parametrize("latency, hop", [(128, 64), (256, 128), (512, 128), (1024, 128)])
def test_latencies_of_the_live_mode(latency, hop):
    assert choose_framing("live", 48000, 0, latency) == Framing(4096, latency, hop)
    assert choose_framing("live", 96000, 0, 2 * latency) == Framing(8192, 2 * latency, 128)


@pytest.mark.parametrize("rate", RATES)
def test_every_listed_latency_works(rate):
    """The error message lists the allowed latencies, and all of them work."""
    with pytest.raises(RtsepError) as caught:
        choose_framing("live", rate, 0, 100)
    listed = [int(word) for word in str(caught.value).rpartition("are ")[2].split(", ")]
    assert len(listed) == 4
    for latency in listed:
        assert choose_framing("live", rate, 0, latency).overlap == latency


@pytest.mark.parametrize("mode, rate, window, latency, hop", [
    ("live", 44100, 1000, 0, 0), ("live", 44100, 512, 0, 0), ("live", 44100, 16384, 0, 0), ("live", 44100, -4096, 0, 0),
    ("live", 44100, 0, 64, 0), ("live", 44100, 0, 2048, 0), ("live", 44100, 0, 300, 0), ("live", 44100, 0, -256, 0),
    ("live", 44100, 1024, 1024, 0), ("quality", 44100, 0, 512, 0), ("quality", 44100, 4096, 2048, 0),
    ("live", 44100, 0, 512, 100), ("live", 44100, 0, 512, 512), ("live", 44100, 0, 512, 8),
    ("live", 44100, 0, 512, -64), ("live", 7999, 0, 0, 0), ("live", 192001, 0, 0, 0), ("live", 0, 0, 0, 0),
    ("live", -44100, 0, 0, 0),
    ("live", float("nan"), 0, 0, 0), ("live", float("inf"), 0, 0, 0),
])
def test_sizes_that_do_not_fit_are_refused_in_one_line(mode, rate, window, latency, hop):
    with pytest.raises(RtsepError) as caught:
        choose_framing(mode, rate, window, latency, hop)
    message = str(caught.value)
    assert "\n" not in message
    assert ("in quality mode the latency is the window" if mode == "quality" else "allowed") in message


# --- templates on other bins ------------------------------------------------------------------------------------------


@pytest.fixture
def W(rng):
    rows = rng.random((5, 2049)) ** 6
    rows[:, 1500:] = 0
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


def test_same_bins_are_the_same_templates(W):
    assert np.array_equal(map_templates(W, 44100, 4096, 44100, 4096), W)


@pytest.mark.parametrize("rate, window", [
    (48000, 4096), (44100, 8192), (44100, 2048), (44100, 1024), (96000, 8192), (88200, 8192), (22050, 2048),
    (37800, 4096), (32000, 4096), (192000, 16384),
])
def test_rows_sum_to_one_and_nothing_is_negative(W, rate, window):
    mapped = map_templates(W, 44100, 4096, rate, window)
    assert mapped.shape == (5, window // 2 + 1) and mapped.dtype == np.float32
    np.testing.assert_allclose(mapped.sum(axis=1, dtype=float), 1, atol=1e-5)
    assert mapped.min() >= 0


@pytest.mark.parametrize("window", [1024, 2048])
def test_mass_stays_where_it_is_on_coarser_bins(W, window):
    """Each row keeps its mass between edges that old and new bins share."""
    mapped = map_templates(W, 44100, 4096, 44100, window)
    ratio = 4096 // window
    for first, last in ((3, 10), (20, 21), (100, 300)):
        # new bin n covers old bins (n - 1/2) * ratio to (n + 1/2) * ratio, with half old bins at the ends
        old = np.arange(2049)
        left, right = (first - 0.5) * ratio, (last - 0.5) * ratio
        share = np.clip(np.minimum(old + 0.5, right) - np.maximum(old - 0.5, left), 0, 1)
        np.testing.assert_allclose(mapped[:, first:last].sum(axis=1), W @ share, atol=1e-5)


def test_mass_stays_where_it_is_at_another_rate(W):
    mapped = map_templates(W, 44100, 4096, 48000, 4096)
    centres = np.arange(2049) * 44100 / 4096, np.arange(2049) * 48000 / 4096
    np.testing.assert_allclose(mapped @ centres[1], W @ centres[0], rtol=1e-4)  # the centre of gravity in Hz


def test_finer_bins_share_what_the_coarse_one_has():
    W = np.zeros((1, 513), np.float32)
    W[0, 10] = 1
    mapped = map_templates(W, 44100, 1024, 44100, 2048)[0]
    assert np.flatnonzero(mapped).tolist() == [19, 20, 21]
    np.testing.assert_allclose(mapped[19:22], [0.25, 0.5, 0.25], atol=1e-6)


def test_there_and_back_keeps_the_peak():
    W = np.zeros((3, 2049), np.float32)
    for row, peak in enumerate((5, 100, 1400)):
        W[row, peak - 1 : peak + 2] = 0.25, 0.5, 0.25
    mapped = map_templates(map_templates(W, 44100, 4096, 48000, 4096), 48000, 4096, 44100, 4096)
    assert np.argmax(mapped, axis=1).tolist() == [5, 100, 1400]


@pytest.mark.parametrize("from_window, to_window, fits", [(2048, 4096, True), (1024, 4096, False), (4096, 1024, True)])
def test_templates_cannot_be_sharpened_more_than_twice(from_window, to_window, fits):
    W = np.full((2, from_window // 2 + 1), 1, np.float32) / (from_window // 2 + 1)
    if fits:
        assert map_templates(W, 44100, from_window, 44100, to_window).shape == (2, to_window // 2 + 1)
    else:
        with pytest.raises(RtsepError, match=r"wide.*smaller window or another preset"):
            map_templates(W, 44100, from_window, 44100, to_window)


def test_exactly_twice_is_allowed_at_odd_rates():
    W = np.full((1, 1025), 1 / 1025, np.float32)
    for rate in (22050.0, 44100.0, 37800.0, 11025.7):
        map_templates(W, rate, 2048, rate, 4096)
        map_templates(W, 2 * rate, 2048, rate, 2048)
        with pytest.raises(RtsepError):
            map_templates(W, 2.001 * rate, 2048, rate, 2048)


def test_rows_above_the_new_nyquist_are_dropped_and_all_of_them_refused():
    W = np.zeros((2, 2049), np.float32)
    W[0, 100:110] = 0.1
    W[1, 1500:1510] = 0.1  # its Nyquist frequency is 16 kHz
    mapped = map_templates(W, 44100, 4096, 22050, 2048)
    np.testing.assert_allclose(mapped.sum(axis=1), [1, 0], atol=1e-6)
    with pytest.raises(RtsepError, match="11025 Hz"):
        map_templates(W[1:], 44100, 4096, 22050, 2048)
