"""The studies, by subject; importing this enters all of them."""

from laboratory.studies import (  # noqa: F401
    ablation,
    autoencoders,
    calibration,
    cost,
    drums,
    examples,
    factorisation,
    following,
    instruments,
    latency,
    live,
    live_mosaics,
    mosaics,
    parameters,
    quality,
    start,
    training,
    transforms,
    unheard,
    wrong_midi,
)
