"""How a set-up and the options of `rtsep live` go together: an option overrules the entry of the same name in the file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rtsep.commands.live_checks import NOT_WITH_JACK
from rtsep.hosts.setups import Settings, Setup
from rtsep.params import Value, param_of

LISTS = ("midi", "route", "keyboard_part")  # Options that can be given several times, and then replace those of the file.
# Entries that belong to the value of another entry; they are left out if an option changes that value.
FOLLOWERS: Mapping[str, Sequence[str]] = {"by": ("split", "drum_map"), "jack": tuple(NOT_WITH_JACK),
                                             "play": ("play_midi", "speed", "loop"),
                                             "listen": ("line", "line_range")}


def with_setup(parser: argparse.ArgumentParser, given: argparse.Namespace, setup: Setup) -> argparse.Namespace:
    """The options of the command line; those that it does not give come from the set-up."""
    told = _parse(parser, given.words, setup.options)
    left_out = {follower for name, followers in FOLLOWERS.items() for follower in followers
                if getattr(told, name) != setup.options.get(name, parser.get_default(name))}
    return _parse(parser, given.words, {name: value for name, value in setup.options.items() if name not in left_out})


def _parse(parser: argparse.ArgumentParser, words: list[str], options: Mapping[str, Any]) -> argparse.Namespace:
    """The words of a command line, with `options` for what they leave out."""
    usual = {name: parser.get_default(name) for name in options}
    parser.set_defaults(**{name: value for name, value in options.items() if name not in LISTS})
    told = parser.parse_args(words[words.index("live") + 1 :], argparse.Namespace(words=words))
    parser.set_defaults(**usual)
    for name in LISTS:
        setattr(told, name, getattr(told, name) or list(options.get(name, ())))
    return told


def scenes_of(setup: Setup | None, presets: Sequence[str], params: Mapping[str, str]) -> tuple[Settings, ...]:
    """All scenes, with `presets` and `params` of the command line; without a set list there is one scene."""
    given = {name: param_of(name).parse(value) for name, value in params.items()}
    base = Settings() if setup is None else setup.base
    scenes = [base] if setup is None else [scene.over(base) for scene in setup.scenes] or [base]
    return tuple(_overruled(scene, tuple(presets), given) for scene in scenes)


def _overruled(scene: Settings, presets: tuple[str, ...], given: Mapping[str, Value]) -> Settings:
    params = {**scene.params, **given}
    gains = {name.partition(".")[2]: float(value) for name, value in params.items() if name.startswith("gain_db.")}
    return replace(scene, presets=presets or scene.presets, params=params, gains={**scene.gains, **gains})


def renames_stems(arguments: argparse.Namespace, setup: Setup | None) -> bool:
    """Whether the stems have other names by the command line than by the set-up."""
    if setup is None:
        return False
    file = {"by": "port", "midi": (), "channels": "", "score": None, **setup.options}
    return bool(arguments.presets) or any(
        (tuple(value) if isinstance(value := getattr(arguments, name), list) else value) != file[name]
        for name in ("by", "midi", "channels", "score"))
