"""Company whose notes are not told: recordings, bands and drums beside a piece, as loud as it. Its truth is the residual.

Reporting pieces have other recordings beside them than tuning pieces. A room is added after the company, so that both are in
it.
"""

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from laboratory import mixes
from laboratory.pieces import Piece, beside, with_background
from laboratory.songs import REPORTING
from laboratory.study import SHARED, need_file

FOLDERS = {True: "backgrounds", False: "backgrounds_more"}
"""The recordings beside reporting pieces (True), and beside others."""


def rng_of(piece: Piece, purpose: str) -> np.random.Generator:
    """Random numbers that are the same for this piece and purpose in every run."""
    return np.random.default_rng(zlib.crc32(f"{piece.name}: {purpose}".encode()))


def recording(piece: Piece, shared: Path = SHARED) -> Piece:
    """The piece beside a recording for its role, which is repeated. MissingError if the recordings are missing."""
    files = sorted(need_file(shared / FOLDERS[piece.role == REPORTING]).glob("*.flac"))
    return with_background(piece, files[int(rng_of(piece, "recording").integers(len(files)))])


def lines(piece: Piece, count: int = 2, drums: bool = False) -> Piece:
    """The piece beside `count` random lines of instruments that it does not have, by FluidR3, with or without drums."""
    rng = rng_of(piece, f"{count} lines, drums {drums}")
    others = [program for program in mixes.LINES if program not in piece.score.programs.values()]
    programs = rng.choice(others, count, replace=False)
    tracks = [mixes.random_line(rng, channel, int(program)) for channel, program in enumerate(programs)]
    sound = mixes.played([*tracks, mixes.random_drums(rng)] if drums else tracks)
    return beside(piece, sound[None].astype(np.float32))


def company(shared: Path = SHARED) -> dict[str, Callable[[Piece], Piece]]:
    """The kinds of company of a piece, each at 0 dB."""
    return {"beside a recording": partial(recording, shared=shared), "beside two lines": lines,
            "beside a band": partial(lines, drums=True), "beside drums": partial(lines, count=0, drums=True)}
