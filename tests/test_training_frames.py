"""Training: frames of long recordings are computed when they are needed."""

import numpy as np
from instruments import RATE, write_sound

from rtsep.training.frames import open_spectrogram
from rtsep.training.inputs import Take
from rtsep.windows import choose_framing, magnitudes, window_pair


def test_frames_are_the_same_however_they_are_asked_for(tmp_path):
    rng = np.random.default_rng(1)
    window, _ = window_pair(choose_framing("live", RATE))
    sounds = [rng.standard_normal((2, n)).astype(np.float32) for n in (5000, 3000)]
    takes = [Take(write_sound(tmp_path / f"{i}.wav", sound), RATE, sound.shape[1], np.zeros(0))
             for i, sound in enumerate(sounds)]
    want = np.concatenate([magnitudes(sound, (np.arange(sound.shape[1] // 256) + 1) * 256, window) for sound in sounds])
    with open_spectrogram(takes, window, 256) as V:
        assert V.shape == want.shape == (19 + 11, 513)
        for begin, end in ((0, 30), (0, 1), (18, 20), (25, 99), (7, 7)):
            np.testing.assert_allclose(V[begin:end], want[begin:end], rtol=1e-6)
        assert (V.of(1), V.ends_s(1)[0]) == (slice(19, 30), 256 / RATE)
