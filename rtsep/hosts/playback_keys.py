"""The keys of a recording that plays."""

from __future__ import annotations

from rtsep.hosts.asked import FASTEST, SLOWEST
from rtsep.hosts.playback import Playback

SEEK_S = 5.0  # A press of a key moves by so many seconds.
SPEED_STEP = 0.1  # A press of a key changes the speed by this much.
STEP_DB = 1.0  # A press of a key changes a level by this many decibels.
LEVELS = {"v": ("recording", -STEP_DB), "V": ("recording", STEP_DB),
          "u": ("microphone", -STEP_DB), "U": ("microphone", STEP_DB)}
PLAYBACK_KEYS = frozenset("\r\n,.a<>") | LEVELS.keys()
FILE_HELP = "Enter pause   , . back, on   a loop   < > speed   v/V level of the recording, u/U of the microphone"


def press(key: str, playback: Playback) -> None:
    """Do what `key` asks for."""
    if key in "\r\n":
        playback.pause()
    elif key in ",.":
        playback.seek(playback.seconds + (SEEK_S if key == "." else -SEEK_S))
    elif key == "a":
        playback.set_loop()
    elif key in "<>":
        speed = round(playback.speed + (SPEED_STEP if key == ">" else -SPEED_STEP), 3)
        playback.set_speed(min(max(speed, SLOWEST), FASTEST))
    elif key in LEVELS:
        which, db = LEVELS[key]
        playback.set_level(which, playback.levels_db[which] + db)
