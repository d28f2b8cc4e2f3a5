"""`Plan`, `State` and the buffers of a `Call` as compiled code sees them: at the addresses that records hold (memory.py)."""

import numpy as np
from numba import carray, njit

from rtsep.kernels.memory import (
    CHANNELS,
    CHUNK,
    COUNTERS,
    ENVELOPE_POINTS,
    EVENT,
    FADE_FIELDS,
    FIT,
    INPUTS,
    LEARNT,
    LEVELS,
    MANNER,
    PARTS,
    PENDING,
    PITCHES,
    PLACE,
    PLAN,
    POSITIONS,
    SEEN,
    SLOW,
    STATE,
    UNITS,
    VOICE_FIELDS,
    VOICES,
    Plan,
    State,
)
from rtsep.kernels.native import INNER, OPTIONS, floats, integers, octets, pointer, spectra


@njit(**OPTIONS)
def plan_at(address):
    """The `Plan` whose record lies at `address`."""
    r = carray(pointer(address), 1, PLAN)[0]
    notes, encoded = (r.stems, PITCHES), r.rows if r.estimator else 0
    return Plan(
        r.window_size, r.overlap, r.hop, r.bins, r.stride, r.channels, r.stems, r.rows, r.background, r.open_limit,
        r.gated, r.estimator, r.iterations, r.power_halves, r.latency, r.lead, r.taps, r.slot, r.background_learns, r.take,
        r.early, r.undoes, r.panning, np.float32(r.mixer_smoothing), np.float32(r.suppression), np.float32(r.filter_floor),
        np.float32(r.hop_s), np.float32(r.relaxation), np.float32(r.handicap), np.float32(r.background_keep),
        np.float32(r.background_least), np.float32(r.adapt_keep), np.float32(r.adapt_hold),
        np.float32(r.prediction), np.float32(r.envelope_later_s), np.float32(r.sample_s),
        floats(r.analysis_window, (r.window_size,)), floats(r.synthesis_window, (r.overlap,)),
        floats(r.boost, (r.window_size,)), floats(r.W, (r.rows + r.background, r.stride)),
        integers(r.first_row, notes), integers(r.row_count, notes), integers(r.release, notes), integers(r.decay, notes),
        octets(r.route, (PARTS, CHANNELS, PITCHES)), octets(r.reach, notes), integers(r.row_age, (r.rows, 2)),
        integers(r.choke, notes), floats(r.envelope, (r.stems, PITCHES, 2, ENVELOPE_POINTS)), integers(r.has_envelope, notes),
        integers(r.instrument, (r.stems,)), integers(r.drums, (r.stems,)), floats(r.E, (encoded, r.stride)),
        floats(r.rest_net, (INPUTS + 3, UNITS)), integers(r.axes, (1,)),
    )


@njit(**INNER)
def state_at(address, plan):
    """The `State` whose record lies at `address`, in the sizes of `plan`."""
    r = carray(pointer(address), 1, STATE)[0]
    limit, rows = plan.open_limit + plan.background, plan.rows + plan.background
    return State(
        r.ring_size, floats(r.ring, (plan.channels, r.ring_size)),
        floats(r.overlap_add, (plan.stems - 1, plan.channels, plan.overlap)), floats(r.frame, (plan.window_size,)),
        spectra(r.X, (plan.channels, plan.bins)), spectra(r.Y, (plan.bins,)),
        floats(r.V, (plan.stride,)), floats(r.Q, (plan.stride,)), floats(r.M, (plan.stems, plan.stride)),
        floats(r.H, (plan.stems, plan.rows)), integers(r.open_row, (limit,)), integers(r.open_stem, (limit,)),
        integers(r.open_onset, (limit,)), floats(r.h, (limit + 1,)), floats(r.before, (limit + 1,)),
        floats(r.gradient, (limit + 1,)), floats(r.ratio, (plan.stride,)), floats(r.evidence, (limit,)),
        integers(r.pending, (PENDING,)),
        floats(r.background_h, (plan.background,)), floats(r.W, (rows, plan.stride)), floats(r.weight, (rows,)),
        floats(r.slow, (SLOW,)), integers(r.voices, (VOICES, VOICE_FIELDS)), integers(r.pedals, (PARTS, CHANNELS, 2)),
        integers(r.marks, (plan.stems, PITCHES)), integers(r.youngest, (plan.stems, PITCHES)),
        floats(r.mixer, (2 + plan.stems,)), integers(r.counters, (COUNTERS,)), integers(r.position, (POSITIONS,)),
        floats(r.S, (plan.stride,)), spectra(r.B, (plan.bins,)), floats(r.impulse, (plan.window_size,)),
        floats(r.filters, (plan.stems - 1, 2, plan.taps)), integers(r.fades, (plan.stems, FADE_FIELDS)),
        integers(r.group_first, (limit + 1,)), integers(r.group_at, (plan.stems, PITCHES)), floats(r.expected, (limit,)),
        floats(r.foreseen, (limit,)), floats(r.heard, (limit,)), floats(r.predicted, (limit,)),
        floats(r.P, (plan.stems, plan.stride)), floats(r.shares, (plan.stems, plan.stride)),
        floats(r.gain, (plan.stems, LEARNT)), floats(r.manner, (plan.stems, MANNER)), floats(r.fit, (FIT,)),
        floats(r.ahead, (limit,)), floats(r.rising, (limit,)), floats(r.levels, (plan.stems, LEVELS)),
        floats(r.peak, (plan.stems,)), integers(r.found, (plan.stems,)), floats(r.previous, (plan.stride,)),
        floats(r.heard_places, (plan.stems, PLACE)), floats(r.places, (plan.stems, PLACE)),
        floats(r.sums, (PLACE, plan.stride)), spectra(r.Z, (plan.channels, plan.bins)), floats(r.hidden, (UNITS + SEEN, CHUNK)),
        floats(r.kept_rows, (plan.background, plan.stride)), floats(r.kept_weight, (plan.background,)),
    )


@njit(**INNER)
def buffers_at(call, plan):
    """What a `Call` record brings and asks for: block [channel, capacity], events, targets, stems and mix."""
    return (
        floats(call.input, (plan.channels, call.capacity)), carray(pointer(call.events), (call.event_count,), EVENT),
        floats(call.targets, (2 + plan.stems,)), floats(call.stems, (plan.stems, plan.channels, call.capacity)),
        floats(call.mix, (plan.channels, call.capacity)),
    )
