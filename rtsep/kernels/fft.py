"""Real FFTs in float32 of 32, 64, 128 ... 16384 samples; errors are below 2e-7 of the whole spectrum.

The signal is treated as 8 interleaved signals, one for each lane of a SIMD register. Each is transformed as M = n / 16 complex
points: its even samples are the real parts, and its odd samples the imaginary parts. In memory the signal is already in blocks
of 8 real and 8 imaginary parts, so the FFTs of all lanes (`lanes_fft`: Stockham's, radix 4) need no shuffles. `untangle` makes
the lanes' spectra, M + 1 bins each, and `combine` joins them into one spectrum (radix 8). `spread` and `tangle` are the
inverses.

LLVM turns all of this into SIMD code: indices are unsigned (so they need no check for negative values), the arrays of a
`distinct` function do not overlap, and loops over 8 lanes become single instructions. Sources: Stockham's autosort as in Van
Loan, "Computational Frameworks for the Fast Fourier Transform", SIAM 1992, sections 1.7 and 2.4; real from complex: section
4.3.
"""

import numpy as np
from numba import types

from rtsep.kernels.marks import distinct, inlined, numeric
from rtsep.kernels.views import floats_at

# Python's integers are signed, and would make the indices signed.
U = np.uint64
U0, U1, U2, U3, U4, U5, U6, U7, U8, U14, U16, U24 = map(U, (0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 16, 24))
BOUND = U(0x1FFFFF)  # No row has more elements than this.
HALF = np.float32(0.5)  # Constants are float32, so that products stay float32.
ROOT = np.float32(np.sqrt(0.5))


@inlined
def butterfly4(ar, ai, br, bi, cr, ci, dr, di):
    """FFT of 4 points."""
    er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
    gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
    return er + gr, ei + gi, fr + hi, fi - hr, er - gr, ei - gi, fr - hi, fi + hr


@inlined
def butterfly8(ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi):
    """FFT of 8 points."""
    ar, ai, cr, ci, er, ei, gr, gi = butterfly4(ar, ai, cr, ci, er, ei, gr, gi)
    br, bi, dr, di, fr, fi, hr, hi = butterfly4(br, bi, dr, di, fr, fi, hr, hi)
    dr, di = (dr + di) * ROOT, (di - dr) * ROOT
    fr, fi = fi, -fr
    hr, hi = (hi - hr) * ROOT, (hr + hi) * -ROOT
    return ar + br, ai + bi, cr + dr, ci + di, er + fr, ei + fi, gr + hr, gi + hi, \
        ar - br, ai - bi, cr - dr, ci - di, er - fr, ei - fi, gr - hr, gi - hi


@inlined
def product(ar, ai, br, bi):
    """a * b"""
    return ar * br - ai * bi, ar * bi + ai * br


@distinct
def radix2(x, y, half):
    """The first pass if M is not a power of 4: FFTs of 2 points."""
    for i in range(half):
        y[i], y[half + i] = x[i] + x[half + i], x[i] - x[half + i]


@distinct
def radix4(x, y, w, M, L):
    """Join every four FFTs of L points into one FFT of 4 L points."""
    step = U4 * M // L
    row = max(U16, (U4 * M) & BOUND)  # These bounds tell LLVM that rows of y do not overlap.
    for k in range(L):
        h = U6 * k
        ur, ui, vr, vi, wr, wi = w[h], w[h + U1], w[h + U2], w[h + U3], w[h + U4], w[h + U5]
        for j in range(M // (U4 * L)):
            for i in range(U8):
                a = U4 * step * k + U16 * j + i
                b, c, d = a + step, a + U2 * step, a + U3 * step
                br, bi = product(x[b], x[b + U8], ur, ui)
                cr, ci = product(x[c], x[c + U8], vr, vi)
                dr, di = product(x[d], x[d + U8], wr, wi)
                e = step * k + U16 * j + i
                f, g, h = e + row, e + U2 * row, e + U3 * row
                (y[e], y[e + U8], y[f], y[f + U8], y[g], y[g + U8], y[h], y[h + U8]) = butterfly4(
                    x[a], x[a + U8], br, bi, cr, ci, dr, di)


@numeric
def lanes_fft(x, y, scratch, twiddles, M):
    """Eight FFTs of M points, from x to y."""
    passes, size = U0, M
    while size > U1:
        size //= U4
        passes += U1
    L = U1
    if size == U0:
        out = y if passes & U1 else scratch
        radix2(x, out, U8 * M)
        x = out
        passes -= U1
        L = U2
    while L < M:
        out = y if passes & U1 else scratch
        radix4(x, out, twiddles, M, L)
        x = out
        passes -= U1
        twiddles = twiddles[U6 * L :]
        L *= U4


@distinct
def untangle(z, low_r, low_i, high_r, high_i, w, M, lanes):
    """The spectra of 8 real signals [bin, lane], from FFTs z of their even samples + i times their odd ones."""
    lanes &= U24  # A multiple of 8; if LLVM knew that it is 8, it would unroll the loop instead of making SIMD code.
    for i in range(lanes):
        low_r[i], low_i[i] = z[i] + z[U8 + i], 0
        high_r[U8 * M + i], high_i[U8 * M + i] = z[i] - z[U8 + i], 0
    for k in range(U1, M // U2 + U1):
        h = M - k
        wr, wi = w[U2 * k], w[U2 * k + U1]
        for i in range(lanes):
            ar, ai, br, bi = z[U16 * k + i], z[U16 * k + U8 + i], z[U16 * h + i], z[U16 * h + U8 + i]
            er, ei = (ar + br) * HALF, (ai - bi) * HALF
            dr, di = product(ai + bi, br - ar, wr, wi)
            low_r[U8 * k + i], low_i[U8 * k + i] = er + dr, ei + di
            high_r[U8 * h + i], high_i[U8 * h + i] = er - dr, di - ei


@distinct
def tangle(x_r, x_i, low, high, w, M, scale, lanes):
    """The inverse of `untangle`, times 2 * scale, in reversed order: this turns the FFTs that follow into inverse FFTs."""
    lanes &= U24
    for i in range(lanes):
        ar, br = x_r[i] * scale, x_r[U8 * M + i] * scale
        low[i], low[U8 + i] = ar + br, ar - br
    for k in range(U1, M // U2 + U1):
        h = M - k
        wr, wi = w[U2 * k] * (scale + scale), w[U2 * k + U1] * (scale + scale)
        for i in range(lanes):
            ar, ai, br, bi = x_r[U8 * k + i], x_i[U8 * k + i], x_r[U8 * h + i], x_i[U8 * h + i]
            er, ei = (ar + br) * scale, (ai - bi) * scale
            dr, di = product(ar - br, ai + bi, wr, -wi)
            high[U16 * h + i], high[U16 * h + U8 + i] = er - di, ei + dr
            low[U16 * k + i], low[U16 * k + U8 + i] = er + di, dr - ei


@distinct
def combine(xr, xi, z0, z1, z2, z3, z4, z5, z6, z7, w, M):
    """Join the spectra of the 8 lanes into eighths of one spectrum; the last four eighths run backwards."""
    T = M + U1
    for k in range(T):
        p = U8 * k
        br, bi = product(xr[p + U1], xi[p + U1], w[k], w[k + T])
        cr, ci = product(xr[p + U2], xi[p + U2], w[k + U2 * T], w[k + U3 * T])
        dr, di = product(xr[p + U3], xi[p + U3], w[k + U4 * T], w[k + U5 * T])
        er, ei = product(xr[p + U4], xi[p + U4], w[k + U6 * T], w[k + U7 * T])
        h = k + U8 * T
        fr, fi = product(xr[p + U5], xi[p + U5], w[h], w[h + T])
        gr, gi = product(xr[p + U6], xi[p + U6], w[h + U2 * T], w[h + U3 * T])
        hr, hi = product(xr[p + U7], xi[p + U7], w[h + U4 * T], w[h + U5 * T])
        ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi = butterfly8(
            xr[p], xi[p], br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi)
        a = U2 * k
        z0[a], z0[a + U1] = ar, ai
        z1[a], z1[a + U1] = br, bi
        z2[a], z2[a + U1] = cr, ci
        z3[a], z3[a + U1] = dr, di
        a = U4 * M - a
        z4[a], z4[a + U1] = er, -ei
        z5[a], z5[a + U1] = fr, -fi
        z6[a], z6[a + U1] = gr, -gi
        z7[a], z7[a + U1] = hr, -hi


@distinct
def spread(z, yr, yi, w, M):
    """The inverse of `combine`, times 8."""
    T = M + U1
    row = U4 * M
    for k in range(T):
        b = U2 * k
        c, d, e = b + row, b + U2 * row, b + U3 * row
        f = row - b
        g, h, p = f + row, f + U2 * row, f + U3 * row
        ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi = butterfly8(
            z[b], z[b + U1], z[f], -z[f + U1], z[g], -z[g + U1], z[h], -z[h + U1],
            z[p], -z[p + U1], z[e], z[e + U1], z[d], z[d + U1], z[c], z[c + U1])
        p = U8 * k
        yr[p], yi[p] = ar, ai
        yr[p + U1], yi[p + U1] = product(br, bi, w[k], -w[k + T])
        yr[p + U2], yi[p + U2] = product(cr, ci, w[k + U2 * T], -w[k + U3 * T])
        yr[p + U3], yi[p + U3] = product(dr, di, w[k + U4 * T], -w[k + U5 * T])
        yr[p + U4], yi[p + U4] = product(er, ei, w[k + U6 * T], -w[k + U7 * T])
        h = k + U8 * T
        yr[p + U5], yi[p + U5] = product(fr, fi, w[h], -w[h + T])
        yr[p + U6], yi[p + U6] = product(gr, gi, w[h + U2 * T], -w[h + U3 * T])
        yr[p + U7], yi[p + U7] = product(hr, hi, w[h + U4 * T], -w[h + U5 * T])


def forward(frame, spectrum, size, twiddles, scratch):
    """Fill complex64 [size / 2 + 1] at the address `spectrum` with the FFT of float32 [size] at `frame`.

    twiddles, scratch: addresses of the arrays that twiddles.py makes for this size. The four must not overlap. It raises no
    errors.
    """
    M = U(size) // U16
    x, X = floats_at(frame, (size,)), floats_at(spectrum, (size + 2,))
    w, room = floats_at(twiddles, (2 * size,)), floats_at(scratch, (2 * size + 16,))  # The real length of w is smaller.
    own = w[U14 * (M + U1) :]
    z, imaginary = room[U16 * M + U16 :], room[U8 * M + U8 :]
    lanes_fft(x, z, room, own[U2 * M + U2 :], M)
    untangle(z, room, imaginary, room, imaginary, own, M, U8)
    X1, X2, X3 = X[U4 * M :], X[U8 * M :], X[U3 * U4 * M :]
    combine(room, imaginary, X, X1, X2, X3, X3, X2, X1, X, w, M)


def backward(spectrum, frame, size, twiddles, scratch):
    """Fill float32 [size] at the address `frame` with the inverse FFT of complex64 [size / 2 + 1] at `spectrum`.

    The imaginary parts of the first and the last bin count as 0. All else is as in `forward`.
    """
    M = U(size) // U16
    X, x = floats_at(spectrum, (size + 2,)), floats_at(frame, (size,))
    w, room = floats_at(twiddles, (2 * size,)), floats_at(scratch, (2 * size + 16,))  # The real length of w is smaller.
    own = w[U14 * (M + U1) :]
    z, imaginary = room[U16 * M + U16 :], room[U8 * M + U8 :]
    spread(X, room, imaginary, w, M)
    tangle(room, imaginary, z, z, own, M, np.float32(1) / np.float32(size), U8)
    lanes_fft(z, x, room, own[U2 * M + U2 :], M)


_I = types.int64
EXPORTS = {"fft": {name: (function, types.void(_I, _I, _I, _I, _I))
                   for name, function in (("forward", forward), ("backward", backward))}}
