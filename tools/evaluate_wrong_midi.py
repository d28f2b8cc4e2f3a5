"""What five minutes of wrong MIDI leave behind, and what adaptation gives from the tenth second on: SDR in dB, live mode.

    python tools/evaluate_wrong_midi.py                 as it ships
    python tools/evaluate_wrong_midi.py adapt=off       other parameters

Every piece of two_hands is played after five minutes of the next piece in a loop, with the MIDI of the one after that, and a
pause of three seconds; both hands, mean. moved: Kullback-Leibler divergence of the templates from their preset, mean of the
rows that were open, after the five minutes. fresh: the piece without these five minutes. The second table is of fresh pieces,
from 10 s on.
"""

import argparse
from collections.abc import Mapping

import numpy as np
from evaluate_calibration import alone
from evaluate_data import SHARED, Piece, find_pieces
from evaluate_systems import BLOCK, hear, params_of, preset_named

from rtsep.engine.separator import Separator
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track
from rtsep.params import Value

WRONG_S, PAUSE_S, LATER_S = 300.0, 3.0, 10.0


def moved(separator: Separator) -> float:
    """How far the rows that changed are from the preset's."""
    plan = separator.prepared.plan.values
    before, now = (W[: plan["rows"], : plan["bins"]].astype(float) for W in (plan["W"], separator.prepared.state["W"]))
    changed = (before != now).any(axis=1)
    return float((now * np.log((now + 1e-9) / (before + 1e-9)))[changed].sum(axis=1).mean()) if changed.any() else 0.0


def both_hands(separator: Separator, piece: Piece, from_s: float = 0.0) -> float:
    """Mean SDR of both hands of the piece, from `from_s` on."""
    sound = np.pad(alone(piece), ((0, 0), (0, separator.latency)))
    stems, first = hear(separator, sound, piece.score.events(piece.sample_rate)), round(from_s * piece.sample_rate)
    named = dict(zip(separator.stem_names, stems[:, :, separator.latency :], strict=True))
    return float(np.mean([sdr_db(named[name][:, first:], truth[:, first:]) for name, truth in piece.truths.items()
                          if name != "residual"]))


def ready(piece: Piece, preset: str, params: Mapping[str, Value]) -> Separator:
    """A separator for the piece."""
    separator = Separator(preset_named(preset), by_track(piece.score), params)
    separator.prepare(piece.sample_rate, 1, BLOCK)
    return separator


def mistreat(separator: Separator, sounding: Piece, told: Piece) -> None:
    """WRONG_S of one piece in a loop with the notes of another; then every note is off, and there is a pause."""
    sound, events = alone(sounding), told.score.events(told.sample_rate)
    events["part"] %= 2
    for _ in range(max(1, round(WRONG_S * sounding.sample_rate / sound.shape[1]))):
        hear(separator, sound, events)
    silence = np.zeros((32, 1), events.dtype).ravel()
    silence["part"], silence["status"] = np.repeat((0, 1), 16), np.tile(0xB0 | np.arange(16), 2)
    silence["data1"] = 120
    hear(separator, np.zeros((1, round(PAUSE_S * sounding.sample_rate)), np.float32), silence)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="parameters that differ from the defaults")
    params = params_of(",".join(parser.parse_args().settings))
    pieces = [piece for piece in find_pieces(SHARED, []) if piece.group == "two_hands"]
    print("| piece | preset | moved | fresh | after wrong MIDI | cost |\n| --- | --- | --: | --: | --: | --: |")
    for preset in ("grand-piano", "gm-piano"):
        for number, piece in enumerate(pieces):
            separator = ready(piece, preset, params)
            mistreat(separator, pieces[(number + 1) % 4], pieces[(number + 2) % 4])
            far, after = moved(separator), both_hands(separator, piece)
            fresh = both_hands(ready(piece, preset, params), piece)
            print(f"| {piece.name} | {preset} | {far:.3f} | {fresh:.2f} | {after:.2f} | {fresh - after:.2f} |", flush=True)
    print("\n| from 10 s on | adaptation | without |\n| --- | --: | --: |")
    for preset in ("grand-piano", "gm-piano"):
        means = [np.mean([both_hands(ready(piece, preset, {**params, "adapt": on}), piece, LATER_S) for piece in pieces])
                 for on in (True, False)]
        print(f"| {preset} | {means[0]:.2f} | {means[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
