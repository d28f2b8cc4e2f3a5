"""Drums by drum: kick, snare and hi-hat of the grooves, with their own kit and another; writes docs/drums.md's table.

    python tools/evaluate_kits.py [--shared ../shared/data] [--late]

The mix is the sum of kick, snare and hi-hat: only what has templates sounds. Plain SDR, means over both grooves. A second table
has the shipped kits with triggers that come late; --late makes it alone.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from evaluate_data import SHARED, Piece, load_piece
from evaluate_drums import PROVENANCE, preset_from, recorded_hits
from evaluate_report import fill_page
from evaluate_systems import play
from groove import groove
from sources import ROOT

from rtsep.measure import oracle_stems, sdr_db
from rtsep.notes.routing import Routing, by_drum
from rtsep.params import PARAMS, Value
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset
from rtsep.training.drums import choke_groups, train_drums
from rtsep.training.isolated import Notes
from rtsep.training.learn import DRUMS_HANDICAP, DRUMS_HOLD_S
from rtsep.windows import choose_framing

DRUMS = ("kick", "snare", "hihat")
FOREIGN = ("kick", "snare", "hihat_closed", "hihat_open")
MODES = {"live, 512 samples": {}, "live, 128 samples": {"latency_samples": 128}, "instant, 0 samples": {"mode": "instant"},
         "quality": {"mode": "quality"}}
SHIPPED = ("drum-kit", "drum-stages")
BACKGROUND = {"background": PARAMS["background"].default}
FIXED, BOLD = {"adapt": False}, {"adapt_hold_s": 0.01}
ALONE, BLIND = {"gate": False}, {"gate": False, "onsets": False}
SHIPPED_MODES = {
    "live, 512 samples": {}, "adapt=off": FIXED, "adapt_hold_s=0.01": BOLD, "with the background": BACKGROUND,
    "no triggers": ALONE, "no triggers, onsets=off": BLIND, "instant, 0 samples": {"mode": "instant"},
}
LATE_MS = {"10 ms early": -10, "as noted": 0, "5 ms late": 5, "10 ms late": 10, "15 ms late": 15, "20 ms late": 20}


def staged_from(hits: Notes, name: str) -> Preset:
    """The preset that `rtsep train --drums` makes."""
    learnt = train_drums(hits)
    return Preset(name, name, hits.sample_rate, learnt.framing.window_size, learnt.framing.overlap, learnt.W, learnt.row_pitch,
                  learnt.row_role, learnt.release_s, learnt.decay_s, PROVENANCE, row_age_s=learnt.row_age_s,
                  defaults={"window_samples": learnt.framing.window_size, "max_open_rows": 128,
                            "background_handicap": DRUMS_HANDICAP, "adapt_hold_s": DRUMS_HOLD_S}, choke=choke_groups())


def grooves(shared: Path) -> list[Piece]:
    """Without the sounds that have no templates."""
    pieces = [load_piece(path.parent, "drums") for path in sorted((shared / "drums").glob("*/drums.mid"))]
    return [replace(piece, truths={name: piece.truths[name] for name in DRUMS}) for piece in pieces]


def separated(
    piece: Piece, preset: Preset, routing: Routing, params: Mapping[str, Value], late_s: float = 0.0
) -> list[float]:
    """SDR of kick, snare and hi-hat in dB, with triggers that are `late_s` behind the sound."""
    known = {"background": 0, **params}  # all that sounds is known
    stems = play(piece.mix, piece.sample_rate, piece.score, preset, routing, known, late_s)
    return [sdr_db(stems[name], piece.truths[name]) for name in DRUMS]


def oracle(piece: Piece, window: int, latency: int) -> list[float]:
    """The same of masks made from the true sounds."""
    truths = np.stack([piece.truths[name][0] for name in DRUMS])
    found = oracle_stems(truths, choose_framing("live", piece.sample_rate, window, latency))
    return [sdr_db(sound, truth) for sound, truth in zip(found, truths, strict=True)]


def row(name: str, figures: list[list[float]]) -> str:
    """A line of the table: means over the grooves."""
    line = f"| {name} | {' | '.join(f'{value:.1f}' for value in np.mean(figures, axis=0))} |"
    print(line, flush=True)
    return line


def rows(shared: Path) -> list[str]:
    """The table."""
    pieces = grooves(shared)
    own = recorded_hits(sorted((shared / "drums" / "train_hits").glob("*.flac")))
    foreign = recorded_hits([shared / "other_notes" / f"drums_fluidr3_{name}.flac" for name in FOREIGN])
    found = [row("mix, nothing done", [[sdr_db(p.mix, p.truths[name]) for name in DRUMS] for p in pieces])]

    def measured(name: str, preset: Preset, params: Mapping[str, Value]) -> None:
        found.append(row(name, [separated(piece, preset, by_drum(piece.score), params) for piece in pieces]))

    for kit, hits in (("own", own), ("foreign", foreign)):
        plain, staged = preset_from(hits, "plain"), staged_from(hits, "staged")
        measured(f"{kit} kit, attack and sustain, live, 512 samples", plain, {})
        measured(f"{kit} kit, attack and sustain, window 2048, live, 512 samples", plain, {"window_samples": 2048})
        for mode, params in MODES.items():
            measured(f"{kit} kit, stages, {mode}", staged, params)
        for more, params in (("adapt=off", FIXED), ("adapt_hold_s=0.01", BOLD), ("no triggers", ALONE),
                             ("no triggers, onsets=off", BLIND), ("with the background", BACKGROUND)):
            measured(f"{kit} kit, stages, {more}, live, 512 samples", staged, params)
    for name in SHIPPED:
        for mode, params in SHIPPED_MODES.items():
            measured(f"`{name}`, {mode}", load_preset(find_preset(name)), params)
    found += rows_of_our_groove(groove(), foreign)
    for window, latency in ((4096, 512), (2048, 512), (2048, 128)):
        name = f"oracle mask, window {window}, live, {latency} samples"
        found.append(row(name, [oracle(piece, window, latency) for piece in pieces]))
    return found


def rows_of_our_groove(piece: Piece, foreign: Notes) -> list[str]:
    """The groove of another kit, with the foreign kit's templates."""
    found = [row("our groove: mix, nothing done", [[sdr_db(piece.mix, piece.truths[name]) for name in DRUMS]])]
    for kind, preset in (("attack and sustain", preset_from(foreign, "plain")), ("stages", staged_from(foreign, "staged"))):
        for more, params in (("", {}), (", adapt=off", FIXED), (", no triggers", ALONE), (", no triggers, onsets=off", BLIND)):
            figures = separated(piece, preset, by_drum(piece.score), params)
            found.append(row(f"our groove: foreign kit, {kind}{more}", [figures]))
    return [*found, row("our groove: oracle mask, window 2048", [oracle(piece, 2048, 512)])]


def late_rows(shared: Path) -> list[str]:
    """The table of late triggers: with the background, as the kits ship."""
    pieces, kits = grooves(shared), [load_preset(find_preset(name)) for name in SHIPPED]

    def cells(params: Mapping[str, Value], late_s: float) -> str:
        means = (np.mean([separated(piece, kit, by_drum(piece.score), {**BACKGROUND, **params}, late_s) for piece in pieces],
                         axis=0) for kit in kits)
        return " | ".join(" / ".join(f"{value:.1f}" for value in mean) for mean in means)

    found = []
    for name, params, late_s in (*((name, {}, late / 1000) for name, late in LATE_MS.items()), ("none (`gate=off`)", ALONE, 0)):
        found.append(f"| {name} | {cells(params, late_s)} |")
        print(found[-1], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=SHARED, help="where the recordings are")
    parser.add_argument("--late", action="store_true", help="the table of late triggers alone")
    given, page = parser.parse_args(), ROOT / "docs" / "drums.md"
    if not given.late:
        table = ["| SDR in dB | kick | snare | hi-hat |", "| --- | --: | --: | --: |", *rows(given.shared)]
        fill_page(page, {"drums": "\n".join(table)})
    names = " | ".join(f"`{name}`" for name in SHIPPED)
    fill_page(page, {"late": "\n".join([f"| triggers | {names} |", "| --- | --- | --- |", *late_rows(given.shared)])})


if __name__ == "__main__":
    main()
