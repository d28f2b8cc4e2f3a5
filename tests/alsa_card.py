"""A sound card that is none: ALSA's `file` device plays a file in and writes what comes out, bit for bit."""

from __future__ import annotations

import os
from pathlib import Path


def card(folder: Path) -> dict[str, str]:
    """An environment with two ALSA devices: rtcap reads in.raw in `folder`, rtplay writes out.raw there, both float32."""
    (folder / "rc").write_text(
        f'pcm.rtcap {{ type file\n slave.pcm null\n file /dev/null\n infile "{folder}/in.raw"\n format raw }}\n'
        f'pcm.rtplay {{ type file\n slave.pcm null\n file "{folder}/out.raw"\n format raw }}\n')
    (folder / "alsa.conf").write_text(f"</usr/share/alsa/alsa.conf>\n<{folder}/rc>\n")
    return {**os.environ, "ALSA_CONFIG_PATH": str(folder / "alsa.conf"), "PYTHONPATH": str(Path(__file__).parent)}
