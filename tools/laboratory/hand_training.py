"""Trains the network of stage `hand_tracker` with performances: its inputs for every note, and gradient descent in NumPy.

The network's inputs contain its own answers about earlier notes. So it learns from its own answers, round by round: in every
round it goes through all pieces again, varied, and learns from the inputs that result (Ross et al., "A reduction of imitation
learning and structured prediction to no-regret online learning", AISTATS 2011).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np

from laboratory.hand_pieces import HandPiece, varied
from rtsep.kernels.marks import redeem
from rtsep.notes.messages import NOTE_OFF
from rtsep.stages import hand_features, hand_tracker
from rtsep.stages.hand_features import INPUTS, NOTE, RECENT
from rtsep.stages.hand_tracker import SECOND_UNITS, UNITS, Net
from rtsep.stages.hands import LOOKS_BACK, MOST_ASKED, REVISE_S
from rtsep.stages.polyphony import FREE, KEY_DOWN

redeem()
tell, answer = hand_features.tell, hand_tracker.answer

CLOCK = 1e5
"""Samples per second, the unit of the times of notes."""
OFTEN = 0.6
"""The share of the first questions about notes from which it learns."""
SELDOM = 0.15
"""The share of the later questions from which it learns; there are seven times as many of them."""


@numba.njit
def follow(played, guesses, net, learning, chances, X, Y):
    """Ask about every note of PLAYED [message], as stage `hands` does.

    guesses [note]: answers that replace the network's; -1: none. learning: the inputs of a question are written to the next row
    of X, and whether the right hand plays the note to Y, if the next of `chances` is below OFTEN or SELDOM. It gives the number
    of written rows, and the answers [note] at once, after 50 ms, and at last.
    """
    recent, count, rows, chance, note_number, pedal = np.zeros(RECENT, NOTE), 0, 0, 0, 0, False
    x, units, second = np.zeros(INPUTS, np.float32), np.zeros(UNITS, np.float32), np.zeros(SECOND_UNITS, np.float32)
    numbers, truth = np.zeros(RECENT, np.int64), np.zeros(RECENT, np.int64)
    at_once, after, at_last = np.zeros(len(guesses)), np.zeros(len(guesses)), np.zeros(len(guesses))
    sample_s = np.float32(1 / CLOCK)
    for m in range(len(played)):
        message = played[m]
        pitch = message.data1
        if message.right < 0:
            pedal = message.data2 >= 64
            continue
        for i in range(count):
            if recent[i].pitch == pitch:
                recent[i].status = FREE
        if message.status == NOTE_OFF or message.data2 == 0:
            continue
        if count == RECENT:
            for i in range(RECENT - 1):
                recent[i] = recent[i + 1]
                numbers[i], truth[i] = numbers[i + 1], truth[i + 1]
            count -= 1
        recent[count].sample, recent[count].pitch = np.int64(message.seconds * CLOCK), pitch
        recent[count].velocity, recent[count].status = message.data2, KEY_DOWN
        numbers[count], truth[count] = note_number, message.right
        count += 1
        young = max(count - 1 - MOST_ASKED, 0)
        while (recent[count - 1].sample - recent[young].sample) * sample_s > np.float32(REVISE_S):
            young += 1
        for question in range(-1, len(LOOKS_BACK) + MOST_ASKED):
            if question < 0:
                i = count - 1
            elif question < len(LOOKS_BACK):
                i = count - 1 - LOOKS_BACK[question]
                if i < 0 or i >= young:
                    continue
            else:
                i = count - 1 - MOST_ASKED + question - len(LOOKS_BACK)
                if i < young:
                    continue
            tell(x, recent, count, i, question >= 0, pedal, sample_s)
            if learning:
                if chances[chance % len(chances)] < (OFTEN if question < 0 else SELDOM) and rows < len(X):
                    X[rows] = x
                    Y[rows] = truth[i]
                    rows += 1
                chance += 1
            n = numbers[i]
            right = answer(x, net[0], net[1], net[2], units, second) if guesses[n] < 0 else guesses[n]
            recent[i].right = right
            at_last[n] = right
            if i >= young:
                after[n] = right
            if question < 0:
                at_once[n] = right
        note_number += 1
    return rows, at_once, after, at_last


NO_ROWS = (np.zeros((0, INPUTS), np.float32), np.zeros(0, np.float32))


def answers(played: np.ndarray, notes: int, net: Net) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probability that the right hand plays each of the `notes`: at once, after 50 ms, and at last."""
    return follow(played, np.full(notes, -1.0), net, False, np.ones(1), *NO_ROWS)[1:]


def shares(pieces: Sequence[HandPiece], net: Net) -> np.ndarray:
    """The share of notes whose hand is found, for each piece: [piece, (at once, after 50 ms, at last)]."""
    return np.array([[np.mean((found > 0.5) == piece.right) for found in answers(piece.played, len(piece.right), net)]
                     for piece in pieces])


# --- learning ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """How the network learns. dropped, deaf: the shares of units, and of inputs, that are left out at random."""

    rounds: int = 60
    steps: int = 80  # per round
    rate: float = 3e-3
    dropped: float = 0.25
    deaf: float = 0.1
    decay: float = 0.3
    mirrored: float = 0.1


def new_net(rng: np.random.Generator) -> Net:
    """An untrained network."""
    def layer(inputs: int, units: int) -> np.ndarray:
        return np.r_[rng.normal(0, np.sqrt(2 / inputs), (inputs, units)), np.zeros((1, units))].astype(np.float32)
    return layer(INPUTS, UNITS), layer(UNITS, SECOND_UNITS), layer(SECOND_UNITS, 1)[:, 0] * np.float32(0.1)


def material(pieces: Sequence[HandPiece], net: Net | None, settings: Settings,
             rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the network for notes in new performances of the pieces, X [question, INPUTS], and the right answers Y.

    Without a network, most answers about earlier notes in the inputs are right ones.
    """
    made = []
    for piece in pieces:
        played = varied(piece.played, rng, settings.mirrored)
        right = HandPiece("", "", played).right
        guesses = np.full(len(right), -1.0) if net else np.where(rng.random(len(right)) < 0.85, right, rng.random(len(right)))
        room = int(len(right) * (OFTEN + 8 * SELDOM)) + 64
        X, Y = np.zeros((room, INPUTS), np.float32), np.zeros(room, np.float32)
        rows = follow(played, guesses, net or new_net(rng), True, rng.random(4 * room), X, Y)[0]
        if net is None:
            X[:, -1] = 0  # there are no earlier answers
        made.append((X[:rows], Y[:rows]))
    return np.concatenate([X for X, _ in made]), np.concatenate([Y for _, Y in made])


def gradients(net: Net, X: np.ndarray, Y: np.ndarray, settings: Settings,
              rng: np.random.Generator) -> tuple[float, list[np.ndarray]]:
    """The mean cross entropy of a batch, with units left out at random, and its gradients."""
    def kept(shape: tuple[int, ...], share: float) -> np.ndarray:
        return (rng.random(shape, np.float32) >= share).astype(np.float32) / np.float32(1 - share)

    first, second, output = net
    told = X * kept((1, X.shape[1]), settings.deaf) if settings.deaf else X
    units = np.maximum(told @ first[:-1] + first[-1], 0)
    drop = kept(units.shape, settings.dropped)
    units *= drop
    more = np.maximum(units @ second[:-1] + second[-1], 0)
    odds = more @ output[:-1] + output[-1]
    right = 1 / (1 + np.exp(-odds))
    loss = float(np.mean(np.logaddexp(0, odds) - Y * odds))
    error = ((right - Y) / len(Y)).astype(np.float32)
    back = np.outer(error, output[:-1]) * (more > 0)
    behind = back @ second[:-1].T * drop * (units > 0)
    return loss, [np.r_[told.T @ behind, behind.sum(0)[None]], np.r_[units.T @ back, back.sum(0)[None]],
                  np.r_[more.T @ error, error.sum()]]


def learn(pieces: Sequence[HandPiece], settings: Settings, seed: int = 0) -> Iterator[tuple[float, Net]]:
    """Loss and network after every round: the running mean of Adam with decoupled decay (Loshchilov & Hutter, ICLR 2019)."""
    rng = np.random.default_rng(seed)
    net, mean = new_net(rng), None
    moments, squares = [np.zeros_like(each) for each in net], [np.zeros_like(each) for each in net]
    step, last = 0, settings.rounds * settings.steps
    for number in range(settings.rounds):
        X, Y = material(pieces, net if number else None, settings, rng)
        losses = []
        for batch in np.array_split(rng.permutation(len(X)), settings.steps):
            loss, slopes = gradients(net, X[batch], Y[batch], settings, rng)
            losses.append(loss)
            step += 1
            done = step / last
            rate = settings.rate * (min(done / 0.2, 1) if done < 0.2 else 0.5 * (1 + np.cos(np.pi * (done - 0.2) / 0.8)))
            for each, slope, moment, square in zip(net, slopes, moments, squares, strict=True):
                moment += 0.1 * (slope - moment)
                square += 0.001 * (slope**2 - square)
                each *= 1 - rate * settings.decay
                each -= rate * (moment / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            mean = [each.copy() for each in net] if mean is None else mean
            for each, now in zip(mean, net, strict=True):
                each += 0.01 * (now - each)
        yield float(np.mean(losses)), tuple(each.copy() for each in mean)
