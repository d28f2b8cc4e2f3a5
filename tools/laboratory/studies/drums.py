"""Drums: kick, snare and hi-hat of the grooves with several kits."""

from dataclasses import replace

from laboratory.drums import foreign_hits, own_hits, plain_kit, staged_kit
from laboratory.grid import measure, with_field
from laboratory.groove import groove
from laboratory.pieces import Piece, excerpt, load_piece
from laboratory.report import pivot
from laboratory.study import Given, Row, Settings, Table, need_file, study
from laboratory.systems import preset_named
from rtsep.notes.routing import by_drum
from rtsep.params import PARAMS
from rtsep.presets.preset import Preset

DRUMS = ("kick", "snare", "hihat")
WITH_BACKGROUND = f"background={PARAMS['background'].default}"
ALONE, BLIND = "gate=off", "gate=off,onsets=off"
VARIANTS = {"adapt=off": "adapt=off", "adapt_hold_s=0.01": "adapt_hold_s=0.01", "no triggers": ALONE,
            "no triggers, onsets=off": BLIND, "with the background": WITH_BACKGROUND}
PLAIN = {"live, 512 samples": "", "window 2048, live, 512 samples": "window_samples=2048"}
STAGED = {"live, 512 samples": "", "live, 128 samples": "latency_samples=128", "instant, 0 samples": "mode=instant",
          "quality": "mode=quality", **{f"{name}, live, 512 samples": text for name, text in VARIANTS.items()}}
SHIPPED = {"live, 512 samples": "", **VARIANTS, "instant, 0 samples": "mode=instant"}
OURS = {"": "", "adapt=off": "adapt=off", "no triggers": ALONE, "no triggers, onsets=off": BLIND}
ORACLES = {f"oracle mask, window {window}, live, {latency} samples": f"oracle,window_samples={window},latency_samples={latency}"
           for window, latency in ((4096, 512), (2048, 512), (2048, 128))}
KITS = ("drum-kit", "drum-stages")
LATE = {"10 ms early": "late_ms=-10", "as noted": "", **{f"{ms} ms late": f"late_ms={ms}" for ms in (5, 10, 15, 20)},
        "none (`gate=off`)": ALONE}


def grooves(given: Given) -> list[Piece]:
    """The sum of kick, snare and hi-hat: without the sounds that have no templates."""
    folder = need_file(given.shared / "drums")
    pieces = [load_piece(path.parent, "drums") for path in sorted(folder.glob("*/drums.mid"))]
    return [by_drums(excerpt(piece, given.seconds)) for piece in pieces if not given.pieces or piece.name in given.pieces]


def by_drums(piece: Piece) -> Piece:
    """The piece with a stem for each of DRUMS."""
    return replace(piece, truths={name: piece.truths[name] for name in DRUMS}, routing=by_drum(piece.score))


def of_kit(given: Given, pieces: list[Piece], name: str, preset: Preset, settings: Settings, fixed: str) -> list[Row]:
    """Rows of one kit; a line is called by the kit and the setting."""
    lines = {", ".join(filter(None, (name, label))): f"{fixed},{text}" for label, text in settings.items()}
    return measure(given, [replace(piece, preset=preset) for piece in pieces], lines)


@study("kits", page="docs/drums.md")
def kits(given: Given) -> list[Table]:
    """Drums by drum: kick, snare and hi-hat of the grooves with their own kit, another one and the shipped ones.

    The mix is the sum of kick, snare and hi-hat: only what has templates sounds, so the background is off where nothing else is
    said. The last groove is made here, of a third kit; it needs sonic-pi-samples. SDR in dB, means over the grooves.
    """
    pieces, off = grooves(given), "background=0"
    rows = measure(given, pieces, {"mix, nothing done": "mix"})
    hits = {"own": own_hits(given.shared), "foreign": foreign_hits(given.shared)}
    for kit, recorded in hits.items():
        plain, staged = plain_kit(recorded, "plain"), staged_kit(recorded, "staged")
        rows += of_kit(given, pieces, f"{kit} kit, attack and sustain", plain, given.chosen(PLAIN), off)
        rows += of_kit(given, pieces, f"{kit} kit, stages", staged, given.chosen(STAGED), off)
    for name in KITS:
        rows += of_kit(given, pieces, f"`{name}`", preset_named(name), given.chosen(SHIPPED), off)
    third = given.there(lambda make: by_drums(excerpt(make(), given.seconds)), [groove])
    rows += measure(given, third, {"our groove: mix, nothing done": "mix"})
    for kind, kit in (("attack and sustain", plain), ("stages", staged)):
        rows += of_kit(given, third, f"our groove: foreign kit, {kind}", kit, given.chosen(OURS), off)
    rows += measure(given, third, {"our groove: oracle mask, window 2048": "oracle,window_samples=2048"})
    rows += measure(given, pieces, ORACLES)
    return [Table("drums", pivot(rows, ["settings"], ["stem"], form=".1f"), rows)]


@study("late-triggers", page="docs/drums.md")
def late_triggers(given: Given) -> list[Table]:
    """Triggers that come late: kick / snare / hi-hat with the shipped kits and the background, means over the grooves."""
    pieces, rows = grooves(given), []
    for kit in KITS:
        found = of_kit(given, pieces, "", preset_named(kit), given.chosen(LATE), WITH_BACKGROUND)
        rows += with_field(found, "kit", lambda row, kit=kit: f"`{kit}`")
    return [Table("late", pivot(rows, ["settings"], ["kit"], form=".1f", joined="stem"), rows)]
