"""The studies, by subject; importing this enters all of them."""

from laboratory.studies import (  # noqa: F401
    autoencoders,
    calibration,
    cost,
    drums,
    factorisation,
    instruments,
    latency,
    live,
    live_mosaics,
    mosaics,
    parameters,
    quality,
    training,
    transforms,
    wrong_midi,
)
