"""Pictures of who plays a note: the hands at one keyboard, and a score that is followed."""

import numpy as np
from matplotlib.colors import to_rgba

from pictures.clip import clip, notes
from pictures.style import LEFT, RIGHT, picture
from rtsep import by_track
from rtsep.notes.followed import followed_score
from rtsep.reference import ScoreFollower
from rtsep.reference.hand_tracker import Struck, probability


@picture(size=(7.2, 3.0))
def hands(figure):
    """The hand that the tracker gives to every note as it begins, and the true hand."""
    ax, recent, right = figure.subplots(), [], []
    heard = notes(24.0)
    for note in heard:
        struck = Struck(round(note["onset_s"] * 44100), int(note["pitch"]), int(note["velocity"]))
        recent = [*recent[-63:], struck]
        for each in recent:
            each.down = each is struck or (note["onset_s"] - each.sample / 44100) < 0.25
        struck.right = probability(recent, struck, False, False, 44100)
        right.append(struck.right)
    sure = 0.35 + 0.65 * np.abs(2 * np.array(right) - 1)
    fill = [to_rgba((LEFT, RIGHT)[p >= 0.5], alpha) for p, alpha in zip(right, sure, strict=True)]
    edge = np.array((LEFT, RIGHT))[heard["part"]]
    ax.scatter(heard["onset_s"], heard["pitch"], s=26, color=fill, edgecolor=edge, linewidth=1.4)
    ax.set(xlabel="s", ylabel="MIDI pitch",
           title="filled: the tracker's hand as the note begins (faint: unsure); edge: the true hand")


@picture("png", size=(7.2, 2.9))
def score(figure):
    """The follower's probability for each place in the score; the player goes back once."""
    ax, told = figure.subplots(), clip().score
    followed = followed_score(told, by_track(told).table)
    follower = ScoreFollower(followed, 2, 44100.0)
    heard = told.notes()
    jump_s, back_s = 10.0, 5.0
    first = heard[heard["onset_s"] < jump_s]
    again = heard[(heard["onset_s"] >= jump_s - back_s) & (heard["onset_s"] < 16)].copy()
    again["onset_s"] += back_s
    played = np.concatenate([first, again])
    p = []
    for note in played:
        follower.step(round(note["onset_s"] * 44100), int(note["pitch"]))
        p.append(follower.p)
    picture_of = np.log10(np.maximum(np.array(p).T, 1e-6))
    ax.imshow(picture_of, origin="lower", aspect="auto", cmap="magma", extent=(0, len(played), 0, len(followed.onset_s)),
              interpolation="nearest")
    ax.set(xlabel="played notes", ylabel="chord of the score",
           title="probability of each place (bright: sure); after 10 s the player goes back by 5 s")
