"""Reads SFZ instruments: the recorded notes that sound when a key is struck, each with the key that plays it as recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.files.root_note import root_note
from rtsep.training.agreement import octaves_apart
from rtsep.training.samples import Sample, Samples, hear
from rtsep.training.sfz_regions import CENTRE, KEYS, Region, read_region
from rtsep.training.sfz_text import find_file, regions

MOST_HEARD = 24  # The pitches of about this many samples are measured and compared with the keys.
MOST_NAMED = 3  # At most this many missing files are named in a warning.


def sfz_samples(path: Path) -> Samples:
    """The recorded notes of an SFZ instrument: those that its regions play at their original pitch.

    It reads #include, #define; <control> default_path, note_offset, octave_offset, set_ccN; in <global>, <master>, <group>,
    <region>: sample, key, lokey, hikey, pitch_keycenter, pitch_keytrack, transpose, tune, lovel, hivel, trigger, offset, end,
    ampeg_release, loccN, hiccN, on_loccN, on_hiccN, sw_last, sw_lolast, sw_hilast, sw_default, sw_label, sw_down; all other
    opcodes are ignored. It leaves out regions that sound when a key is released or a controller moves, other articulations than
    the default one, and missing samples. RtsepError: unreadable, broken, nothing to learn from, all files are missing.
    """
    read = [read_region(path, opcodes) for opcodes in regions(path)]
    if not any(each.sample and not each.sample.startswith("*") for each in read):
        raise RtsepError(f"{path} has no <region> with a sample: give an SFZ instrument")
    struck = [each for each in read if each.is_struck]
    if not struck:
        raise RtsepError(f"{path} has no <region> that sounds when a key is struck: give another SFZ instrument")
    chosen, warnings = _default_articulation(path, struck)
    found, missing = _found(path, chosen)
    if missing and not found:
        raise RtsepError(f"{path} names {_listed(missing)}, which is missing: get the complete instrument")
    if missing:
        warnings.append(f"{path.name} names {_listed(missing)}, which is missing: left out")
    if not found:
        raise RtsepError(f"{path} plays no sample as it was recorded on a key from 0 to 127: give another SFZ instrument")
    ordered = sorted(set(found), key=lambda sample: (sample.pitch, sample.velocity, str(sample.path)))
    return Samples(tuple(ordered), (*warnings, *_doubt(path, ordered)))


def _doubt(path: Path, samples: Sequence[Sample]) -> list[str]:
    """A message if the samples sound octaves away from the keys that play them; this can be intended."""
    some = samples[:: max(len(samples) // MOST_HEARD, 1)]
    heard = [hear(each.path, each.skip) for each in some]
    octaves = octaves_apart([each.pitch for each in some], [each.pitch if each else None for each in heard])
    if not octaves:
        return []
    apart = f"{abs(octaves)} octave{'s' if abs(octaves) > 1 else ''} {'higher' if octaves > 0 else 'lower'}"
    return [f"{path.name}: its samples sound {apart} than the keys that play them; they are learnt as the keys say "
            f"(to change that, write <control> octave_offset={octaves} at the beginning of the file)"]


def _found(path: Path, chosen: Iterable[Region]) -> tuple[list[Sample], list[str]]:
    """The samples of the regions, and the names of missing files."""
    found, missing = list[Sample](), dict[str, None]()
    for each in chosen:
        name = (each.default_path + each.sample).replace("\\", "/")
        file = find_file(path.parent, name)
        if file is None:
            missing[name] = None
        else:
            found += _samples(each, file)
    return found, [*missing]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _default_articulation(path: Path, struck: Sequence[Region]) -> tuple[list[Region], list[str]]:
    """The regions that sound before a key-switch is pressed, and a message about the others."""
    switches = [each.switch[0] for each in struck if each.switch]
    if not switches:
        return [*struck], []
    first = next((each.switched_first for each in struck if each.switched_first is not None), switches[0])
    chosen = [each for each in struck if each.switch is None or each.switch[0] <= first <= each.switch[1]]
    if not any(each.switch for each in chosen):  # The default is a key without an articulation.
        first = switches[0]
        chosen = [each for each in struck if each.switch is None or each.switch[0] <= first <= each.switch[1]]
    label = next((each.label for each in chosen if each.switch and each.label), "")
    named = f"{first} ({label})" if label else f"{first}"
    if len(chosen) == len(struck):
        return chosen, []
    return chosen, [f"{path.name} has several articulations: that of key-switch {named} is learnt, and "
                        f"{len(struck) - len(chosen)} regions of others are left out"]


def _samples(region: Region, file: Path) -> list[Sample]:
    """One sample; or one per key if its pitch does not follow the keys (drums)."""
    centre = region.centre
    if centre is None:
        centre = root_note(file)
        if centre is None:
            heard = hear(file, max(int(region.skip), 0))
            centre = round(heard.pitch) if heard else region.low if region.low == region.high else CENTRE
    if region.keytrack == 0:
        pitches = [*range(max(region.low, 0), min(region.high, KEYS - 1) + 1)]
    else:
        pitches = [region.original_key(centre)]
    velocity = min(max(round((region.lovel + region.hivel) / 2), 1), 127)
    return [Sample(file, pitch, velocity, max(region.release_s, 0.0), max(int(region.skip), 0))
            for pitch in pitches if 0 <= pitch < KEYS]
