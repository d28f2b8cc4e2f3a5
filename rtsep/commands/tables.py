"""Tables for people, on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from rtsep.errors import RtsepError
from rtsep.notes.programs import describe
from rtsep.params import PARAMS
from rtsep.presets.library import bundled_presets, user_folder, user_presets
from rtsep.presets.preset import Preset, load_preset

if TYPE_CHECKING:  # Tables of other things need no sound library.
    from rtsep.hosts.found_takes import FoundTake


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(*things: Table | str) -> None:
    console = Console(highlight=False, markup=False)  # Text from files is not markup.
    for thing in things:
        if isinstance(thing, Table):
            console.print(thing)
        else:
            print(thing)  # It is not wrapped, so that users can copy paths.


def show_takes(takes: Sequence[FoundTake], folder: Path) -> None:
    """Print the takes in `folder`."""
    if not takes:
        _print(f"no takes in {folder}: rtsep live --record NAME records one")
        return
    table = _table("take", "length", "size", "stems", "state")
    for take in takes:
        length = "-" if take.seconds is None else f"{take.seconds // 60:.0f}:{take.seconds % 60:04.1f}"
        table.add_row(take.name, length, f"{take.bytes / 1e6:.1f} MB", ", ".join(take.stems), take.state)
    _print(table)


def show_params() -> None:
    """Print every parameter: name, default, unit and range, and what it does."""
    table = _table("parameter", "default", "allowed", "what it does")
    for param in PARAMS.values():
        default = ("on" if param.default else "off") if param.kind == "switch" else str(param.default)
        name = f"{param.name}.STEM" if param.name == "gain_db" else param.name
        table.add_row(name, default, param.allowed(), param.help)
    _print(table)


def show_addresses() -> None:
    """Print every address of OSC: what it takes, and what it is."""
    from rtsep.remote.tree import listing

    table = _table("address", "takes", "what it is")
    for row in listing():
        table.add_row(*row)
    _print(table)


def _spans(numbers: Any) -> str:
    """Ascending numbers as text: "44, 48 to 51"."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else []
    return ", ".join(f"{part[0]}" if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts)


def _preset_row(path: Path) -> tuple[str, str, str, str, str]:
    """Name, title, General MIDI programs, range and rows. A file that cannot be read gets a row that says so."""
    try:
        preset = load_preset(path)
    except RtsepError:
        return path.stem, "cannot be read", "-", "-", "-"
    programs, reach = _spans(np.array(preset.programs, int)), f"{preset.pitches[0]} to {preset.pitches[-1]}"
    return path.stem, preset.title, programs or "-", reach, str(len(preset.W))


def show_presets() -> None:
    """Print the bundled and the user's own presets."""
    table = _table("preset", "title", "programs", "notes", "rows", "where")
    for path in bundled_presets():
        table.add_row(*_preset_row(path), "bundled")
    for path in user_presets():
        table.add_row(*_preset_row(path), "yours")
    _print(table, f"\nYour own presets belong in {user_folder()}. rtsep presets check FILE checks a preset file")


def show_preset(preset: Preset) -> None:
    """Print the content of one preset."""
    pitches = preset.pitches
    table = _table("", "")
    table.add_row("title", preset.title)
    table.add_row("notes", f"{pitches[0]} to {pitches[-1]} ({len(pitches)} pitches)")
    table.add_row("programs", describe(preset.programs) or "none: it is used only with --preset")
    if preset.filled.any():
        names = _spans(np.flatnonzero(preset.filled))
        table.add_row("filled", f"{preset.filled.sum()} pitches without a recording, made from their neighbours: {names}")
    table.add_row("templates", f"{len(preset.W)}: {', '.join(sorted(set(preset.row_role)))}")
    if preset.encoder is not None:
        table.add_row("encoder", f"for {preset.encoder.any(axis=1).sum()} templates")
    table.add_row("made for", f"{preset.sample_rate:g} Hz, window of {preset.window_size} samples")
    table.add_row("release", f"{1000 * np.median(preset.release_s[pitches]):.0f} ms (median over the notes)")
    table.add_row("decay", f"{np.median(preset.decay_s[pitches]):.1f} s (median over the notes)")
    for name, value in preset.defaults.items():
        table.add_row("parameter", f"{name} = {value}")
    for name, text in preset.provenance.items():
        table.add_row(name, text)
    for note in preset.notes:
        table.add_row("note", note)
    _print(f"{preset.name}", table)


def _show_cost(report: dict[str, Any]) -> str:
    hop = report["hop_us"]
    budget = 1e6 * report["hop_samples"] / report["sample_rate"]
    return (f"Latency {report['latency_samples']} samples = {report['latency_ms']:.1f} ms ({report['mode']} mode); "
            f"{report['realtime_factor']:.1f} times real time. A hop lasts {budget:.0f} µs and takes {hop['p50']:.0f} µs of "
            f"work; 99 % of them take at most {hop['p99']:.0f} µs.")


def _show_grains(report: dict[str, Any]) -> str:
    """A sentence about a mosaic, or ""."""
    if "mosaic" not in report:
        return ""
    made = report["mosaic"]
    return (f"Made from {made['source']} ({made['source_seconds']:.1f} s): {made['polyphony']:g} of its frames at a time, "
            f"{made['run_ms']:.0f} ms in its own order, {100 * made['repetitions']:.0f} % repeated soon.")


def show_render(report: dict[str, Any], out: Path) -> None:
    """Print what `render` wrote."""
    names = ", ".join(dict.fromkeys(stem["file"] for stem in report["stems"]))
    played = ", ".join(f"{stem['name']} with {stem['preset']}" for stem in report["stems"] if "preset" in stem)
    _print(f"{out}: {names}, report.json", _show_grains(report) or f"Presets: {played or report['preset']}.",
           *_show_hands(report), _show_cost(report))


def _show_hands(report: dict[str, Any]) -> list[str]:
    """If notes were given to hands: how many, and how many of them are uncertain."""
    if "hands" not in report:
        return []
    notes, revised, uncertain = (report["hands"][name] for name in ("notes", "revised", "uncertain"))
    return [f"Hands: {notes} notes; {revised} changed hands within 50 ms, {uncertain} are uncertain."]


def show_demo(report: dict[str, Any], out: Path) -> None:
    """Print how well the demo clip was separated."""
    systems = report["sdr_db"]
    stems = list(next(iter(systems.values())))
    table = _table("SDR in dB", *(stem.replace("_", " ") for stem in stems))
    for system, row in systems.items():
        table.add_row(system, *(f"{row[stem]:.1f}" for stem in stems))
    names = ", ".join(stem["file"] for stem in report["stems"])
    _print("Beethoven, Für Elise: both hands in one recording, separated with the notes of a MIDI file.\n", table, "",
           _show_cost(report), f"Listen to the files in {out}: {names}. picture.png shows them; report.json has the figures.")


def show_devices(
    devices: Sequence[Any], no_sound: str, ports: Sequence[str], no_midi: str, jack: Mapping[str, Any]
) -> None:
    """Print sound devices and MIDI ports, with the numbers for `rtsep live`, and the JACK server; or why there are none."""
    table = _table("number", "sound device", "inputs", "outputs", "Hz", "latency in/out ms")
    for device in devices:
        table.add_row(str(device.number), device.label, str(device.inputs), str(device.outputs), f"{device.sample_rate:g}",
                      f"{device.input_latency_ms:.1f} / {device.output_latency_ms:.1f}")
    midi = _table("number", "MIDI port")
    for number, port in enumerate(ports):
        midi.add_row(str(number), port)
    _print(table if devices else f"no sound device: {no_sound or 'none is connected'}", "",
           midi if ports else f"no MIDI port: {no_midi or 'none is connected'}", "",
           f"a JACK server is running at {jack['sample_rate']:g} Hz, in blocks of {jack['block']} samples: use rtsep live "
           "--jack"
           if jack["running"] else str(jack["why"]))


def _fit(each: dict[str, Any]) -> str:
    """How well the score of a recording fits, as text."""
    fit = each.get("alignment")
    if not fit:
        return ""
    return f"; the score fits with a strength of {fit['strength']:.1f}, and is off by {1000 * fit['offset_s']:.0f} ms"


def show_training(report: dict[str, Any], target: Path, name: str) -> None:
    """Print what `train` learnt, and how to use it."""
    table = _table("", "")
    for each in report["inputs"]:
        table.add_row(each["name"], f"{each['kind']}: {each['notes']} notes, {each['seconds']:.1f} s{_fit(each)}")
    trained, losses = report["pitches_trained"], report["losses"]
    table.add_row("pitches", f"{len(trained)} trained ({trained[0]} to {trained[-1]}), {len(report['pitches_filled'])} filled")
    table.add_row("templates", str(report["rows"]))
    table.add_row("frames", str(report["frames"]))
    table.add_row("loss", f"{losses[0]:.4g} to {losses[-1]:.4g} in {report['updates']} updates ({report['reason']})")
    table.add_row("time", f"{report['seconds']:.1f} s")
    _print(table, f"Wrote {target}; use it with --preset {name if name == target.stem else target}")


def show_mosaic(report: Mapping[str, Any], path: Path) -> None:
    """Print where a mosaic is, and what it is made of."""
    _print(f"{path}: {report['seconds']:g} s made in {report['took_s']:g} s. Source frames at a time: {report['polyphony']:g}; "
           f"in the source's own order: {report['run_length']:g} on average; repeated soon: "
           f"{100 * report['repetitions']:.0f} %.")
