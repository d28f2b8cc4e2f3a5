"""Live mosaics: every frame and every search of the kernels agrees with the plain NumPy twin."""

import numpy as np
import pytest
from conftest import band
from mosaics import UNGATED, melody, mosaic_of
from reference_grains import Remade, frames_of

from rtsep.grains import source as sources


def twin_of(mosaic):
    """The plain NumPy twin, with the numbers of the mosaic's plan."""
    record, plan = mosaic._grains.record[0], mosaic.prepared.plan.values
    arrays = mosaic._grains.heard.arrays
    level = arrays["level"].astype(float)
    loudness = np.where(level > 0, 1 / np.where(level > 0, level, 1), 0)
    return Remade(
        arrays["sound"][:, plan["overlap"] :].astype(float), arrays["W"][:, : plan["bins"]].astype(float), loudness,
        arrays["first_bin"], plan["window_size"], plan["overlap"], plan["hop"], int(record["spacing"]), int(record["parts"]),
        plan["iterations"], int(record["polyphony"]), int(record["candidates"]), float(record["continuity"]),
        int(record["repetition"]), np.ones(len(level), bool))


def copy_state(mosaic, twin):
    """Copy the kernels' state to the twin, so that roundings do not add up."""
    state = mosaic._grains.state
    heads, found = state["counts"][0], state["counts"][1]
    twin.heads = list(zip(state["place"][:heads].tolist(), state["share"][:heads].astype(float), strict=True))
    twin.found, twin.heard = state["found"][:found].tolist(), state["heard"].astype(np.int64)


@pytest.fixture(params=[{}, {"mosaic_polyphony": 3, "mosaic_continuity": 1},
                        {"mosaic_repetition_ms": 0, "mosaic_iterations": 5},
                        {"mosaic_candidates": 4, "latency_samples": 128}, {"mode": "quality", "latency_samples": 0}], ids=str)
def setting(request):
    return {**UNGATED, **request.param}


def walk(mosaic, twin, sound):
    """Yield (end, V, begin) for each frame. The kernels have played up to `begin`, where only the frame itself is missing."""
    size, done = mosaic.framing, 0
    for end, V in frames_of(sound, size.window_size, size.overlap, size.hop):
        begin = end - size.hop // 4
        output = mosaic.process(sound[:, done:begin]).stems[0].copy()
        copy_state(mosaic, twin)
        yield end, V, np.concatenate([output, mosaic.process(sound[:, begin:end]).stems[0]], axis=1)
        done = end


@pytest.mark.parametrize("channels, source_channels", [(1, 1), (2, 1), (2, 2)])
def test_every_frame_agrees_with_the_twin(rng, setting, channels, source_channels):
    mosaic = mosaic_of(melody(rng, channels=source_channels), setting, channels)
    sound, twin, size = band(rng, 6000, channels), twin_of(mosaic), mosaic.framing
    sound[:, 3000:4000] = 0
    sound[0, 100] = np.nan
    expected, heard = np.zeros((channels, 6000 + size.overlap)), []
    for end, V, output in walk(mosaic, twin, sound):
        twin.frame(V, end)
        state = mosaic._grains.state
        count = state["counts"][0]
        assert state["place"][:count].tolist() == [place for place, _ in twin.heads], end
        assert np.allclose(state["share"][:count], [share for _, share in twin.heads], rtol=2e-3, atol=1e-5)
        assert np.array_equal(state["heard"], twin.heard)
        expected[:, end : end + size.overlap] += twin.grains(V.sum(), channels)
        heard.append(output)
    heard = np.concatenate(heard, axis=1)
    assert np.abs(expected).max() > 0.05
    assert np.allclose(heard, expected[:, : heard.shape[1]], atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("most", [6144, 20])
def test_the_search_agrees_with_the_twin(rng, setting, most, monkeypatch):
    """Also in parts, as in long sources."""
    from rtsep.grains import design

    monkeypatch.setattr(design, "ROWS_MOST", most)
    mosaic = mosaic_of(melody(rng), setting)
    twin, expected, found = twin_of(mosaic), [], 0
    for end, V, _ in walk(mosaic, twin, band(rng, 4000)):
        assert twin.found == expected, end
        found += len(twin.found)
        copy_state(mosaic, twin)
        twin.search(V, end)
        expected = twin.found
    assert found > 50


def test_bands_hold_every_bin_once():
    for bins in (513, 2049, 4097):
        edges = sources.bands(bins)
        assert edges[0] == 0 and edges[-1] == bins and (np.diff(edges) > 0).all()
