"""Aligns scores with the timing of a recording, by means of synctoolbox (an extra)."""

from __future__ import annotations

import importlib.util
import io
from contextlib import redirect_stdout

import numpy as np

from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.training.inputs import Take
from rtsep.training.isolated import Floats
from rtsep.training.scores import NoteArray

FEATURE_HZ = 50  # Number of features of sound and score per second.
STEP_WEIGHTS = np.array([1.5, 1.5, 2.0])  # Weights of the steps of time warping: those of synctoolbox's own examples.
SHORTEST_S = 0.02  # A note lasts at least this many seconds after warping.


def check_installed() -> None:
    """Raise RtsepError, which says how to install synctoolbox, if it is missing."""
    if importlib.util.find_spec("synctoolbox") is None:
        raise RtsepError("--sync needs synctoolbox: pip install 'rtsep[sync]'")


def synchronised(take: Take) -> NoteArray:
    """The notes of `take` at the times at which they sound, by a path of least cost between chroma and onset features of both.

    Müller, Özer, Krause, Prätzlich, Driedger, "Sync Toolbox", JOSS 6(64), 2021: memory-restricted multiscale dynamic time
    warping on chroma and decaying locally adaptive normalised chroma onsets (DLNCO), 50 frames a second.
    """
    check_installed()
    from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
    from synctoolbox.dtw.utils import make_path_strictly_monotonic

    with redirect_stdout(io.StringIO()):  # It prints dots.
        of_sound, of_score = _sound_features(take), _score_features(take.notes)
    path = sync_via_mrmsdtw(
        f_chroma1=of_sound[0], f_onset1=of_sound[1], f_chroma2=of_score[0], f_onset2=of_score[1],
        input_feature_rate=FEATURE_HZ, step_weights=STEP_WEIGHTS, threshold_rec=10_000, verbose=False)
    heard_s, written_s = make_path_strictly_monotonic(path) / FEATURE_HZ
    notes: NoteArray = take.notes.copy()
    begin_s = float(take.notes["onset_s"].min())
    for name in ("onset_s", "offset_s"):
        notes[name] = np.interp(take.notes[name] - begin_s, written_s, heard_s)
    notes["offset_s"] = np.maximum(notes["offset_s"], notes["onset_s"] + SHORTEST_S)
    return notes


def _sound_features(take: Take) -> tuple[Floats, Floats]:
    """Quantised chroma and DLNCO [12, step] of the recording."""
    import librosa
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO
    from synctoolbox.feature.pitch import audio_to_pitch_features
    from synctoolbox.feature.pitch_onset import audio_to_pitch_onset_features

    sound, rate = read_sound(take.path, cut=True)
    mono = librosa.resample(sound.mean(axis=0), orig_sr=rate, target_sr=22050)
    pitches = audio_to_pitch_features(f_audio=mono, Fs=22050, feature_rate=FEATURE_HZ, verbose=False)
    chroma = quantize_chroma(f_chroma=pitch_to_chroma(f_pitch=pitches))
    onsets = audio_to_pitch_onset_features(f_audio=mono, Fs=22050, verbose=False)
    return chroma, pitch_onset_features_to_DLNCO(
        f_peaks=onsets, feature_rate=FEATURE_HZ, feature_sequence_length=chroma.shape[1])


def _score_features(notes: NoteArray) -> tuple[Floats, Floats]:
    """Quantised chroma and DLNCO [12, step] of the score, from its first note on."""
    import pandas
    from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma
    from synctoolbox.feature.csv_tools import df_to_pitch_features, df_to_pitch_onset_features
    from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO

    begin_s = notes["onset_s"].min()
    notes = notes[(notes["pitch"] >= 21) & (notes["pitch"] <= 108)]  # The range that synctoolbox supports.
    table = pandas.DataFrame({
        "start": notes["onset_s"] - begin_s, "duration": notes["offset_s"] - notes["onset_s"],
        "pitch": notes["pitch"].astype(int), "velocity": notes["velocity"] / 127, "instrument": "piano"})
    chroma = quantize_chroma(f_chroma=pitch_to_chroma(f_pitch=df_to_pitch_features(table, feature_rate=FEATURE_HZ)))
    onsets = df_to_pitch_onset_features(table)
    return chroma, pitch_onset_features_to_DLNCO(
        f_peaks=onsets, feature_rate=FEATURE_HZ, feature_sequence_length=chroma.shape[1])
