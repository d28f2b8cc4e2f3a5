"""Tries an estimator of your own in the reference: activations by the squared error instead of the divergence."""

from rtsep import by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.reference import ReferenceSeparator, with_flat


def euclidean(problem):
    """Multiplicative updates of |V - h W|^2 (Lee & Seung, NIPS 2000, equation 4); the contract is in `reference.estimator`."""
    rows, h = with_flat(problem.W), problem.start
    for _ in range(20):
        before, h = h, h * (rows @ problem.V) / (rows @ (h @ rows)) * problem.favour
    return before, h


sound, rate = read_sound(clip_folder() / "mix.flac")
sound = sound[:, : 3 * rate]  # The reference is slow.
score = read_midi(clip_folder() / "demo.mid")
events = score.events(rate)[score.events(rate)["sample"] < sound.shape[1]]
for estimator in (None, euclidean):
    separator = ReferenceSeparator(load_preset(find_preset("piano")), by_track(score), {"mode": "live"}, estimator=estimator)
    separator.prepare(rate, channels=1, max_block=sound.shape[1])
    stems, late = separator.process(sound, events).stems, separator.latency
    truth = read_sound(clip_folder() / "right_hand.flac")[0][:, : sound.shape[1] - late]
    print(f"{estimator.__name__ if estimator else 'as it ships'}: {sdr_db(stems[1, :, late:], truth):.1f} dB")
