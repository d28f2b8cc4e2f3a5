"""The presets that the command line names. This module loads nothing, so that typing errors are reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rtsep.errors import RtsepError
from rtsep.presets.library import find_preset

DEFAULT = "piano"


@dataclass(frozen=True)
class Wish:
    """The presets of the command line: the one for all stems, if any, and those of single stems, by selector."""

    plain: str | None
    by_stem: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the preset for all stems, for a stem without another name."""
        return find_preset(self.plain or DEFAULT).stem


def parse_wish(texts: Iterable[str]) -> Wish:
    """Parse the values of --preset, each NAME or NAME@STEM. RtsepError if two of them contradict each other."""
    plain, by_stem = None, dict[str, str]()
    for text in texts:
        name, at, stem = text.rpartition("@")
        if not at or stem.endswith(".npz"):  # The @ is part of a path.
            if plain is not None:
                raise RtsepError(f"--preset {plain} and --preset {text}: say which stem each plays, such as --preset {text}@2")
            plain = text
        elif not name or not stem.strip():
            raise RtsepError(f"--preset {text}: give NAME or NAME@STEM, such as piano@left or cello@2")
        elif by_stem.setdefault(stem.strip(), name) != name:
            raise RtsepError(f"--preset {text}: {stem} already plays {by_stem[stem.strip()]}; give one preset for each stem")
    return Wish(plain, by_stem)
