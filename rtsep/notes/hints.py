"""Hints for the user about how notes became stems."""

from __future__ import annotations

from pathlib import Path

from rtsep.notes.drum_maps import read_drum_map, stand_ins
from rtsep.notes.hands import hands, is_drums
from rtsep.notes.routing import MAX_STEMS, count_stems, drum_keyboards, keyboards, struck
from rtsep.notes.score import Score


def routing_hints(score: Score, by: str) -> tuple[str, ...]:
    """Hints about the value `by` of `--by`: what can be separated further, what is left out, which limit was reached."""
    played = keyboards(score)
    if by in ("track", "channel") and (stems := count_stems(score, by)) > MAX_STEMS:
        return (f"{stems} {by}s have notes, but at most {MAX_STEMS} stems are possible, so each General MIDI family is a stem "
                "(--by family); --group NAME=track:NAME makes a stem of one track",)
    if by in ("split", "hands") and (drums := set(played) - set(hands(played, score.programs))):
        count = sum((part, status & 0x0F) in drums for part, status in score.messages[struck(score), :2].tolist())
        return (f"drums on channel 10 (notes: {count}) belong to no hand and are in the residual; "
                "--group drums=channel:10 makes a stem of them",)
    if by == "track" and len(score.track_names) == 1 and len(score.channels) > 1 and not (_is_mpe(score) or any(score.stems)):
        told = ", ".join(str(channel + 1) for channel in score.channels)
        return (f"the only track with notes plays on {len(score.channels)} channels ({told}) and is one stem; "
                "--by channel makes a stem of each channel",)
    return ()


def drum_keys(score: Score, by: str, drum_map: Path | None) -> dict[int, int]:
    """The keys of drums in `score` that are not General MIDI's, each with the General MIDI key that sounds like it."""
    there = set(drum_keyboards(score))
    if by != "drum":
        there = {keyboard for keyboard in there if is_drums(keyboard, score.programs)}
    played = {pitch for part, status, pitch in score.messages[struck(score), :3].tolist() if (part, status & 0x0F) in there}
    instead = stand_ins(played, read_drum_map(drum_map))
    return {pitch: instead[pitch] for pitch in sorted(played & set(instead))}


def _is_mpe(score: Score) -> bool:
    """Whether all channels belong to an MPE zone, so that together they play one instrument."""
    return bool(score.zoned) and all(keyboard in score.zoned for keyboard in keyboards(score))
