"""The studies, by subject; importing this enters all of them."""

from laboratory.studies import (  # noqa: F401
    autoencoders,
    band,
    calibration,
    cost,
    deconvolution,
    drums,
    estimators,
    factorisation,
    instruments,
    latency,
    live,
    live_mosaics,
    mosaics,
    presets,
    quality,
    stems,
    stereo,
    training,
    transforms,
    wrong_midi,
)
