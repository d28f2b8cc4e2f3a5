"""Stage: the pitch of a voice, from what the told notes leave of the same frame.

Until a tracker is here, the voice has the pitch that is told (`told_hz` of stage `voice`).
"""

import numpy as np

from rtsep.kernels.fields import Part
from rtsep.kernels.marks import kernel

PLAN = Part("voice_pitch", (), sees=("common",))
STATE = Part("voice_pitch", ())


@kernel
def step(voice):
    """Fill `voice_hz`, 0 if the frame is unvoiced, from `voice_left` [bin] and `told_hz`."""
    voice.voice_hz = max(voice.told_hz, np.float32(0))
