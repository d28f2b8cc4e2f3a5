"""How a stem's notes fade otherwise than the preset's: a bowed string does not follow the envelopes of a piano.

What was heard of a stem over what was expected, in natural logarithms, is taken for a straight line over the logarithm of the
age. Sums that forget and a prior of 0 give it (ridge regression). A line that explains little is left to chance: recordings of
the preset's kind of instrument keep its envelopes as they are. So do wrong notes, whose levels scatter about any line.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import AGES, AGES_2, AGES_ERRORS, ENVELOPE_S, ERRORS, ERRORS_2, FOREIGN, NOTED_S, OFFSET, SLOPE
from rtsep.kernels.native import OPTIONS

MIDDLE = 2.5  # log2 of an age of 0.2 s over ENVELOPE_S
OLDEST_S = 3.0  # from which age on the line is flat
MEMORY_S = 4.0
OFFSET_PRIOR_S, SLOPE_PRIOR_S = 0.4, 0.3  # of notes without any error, which the line is held to 0 by
MOST_ERROR = 2.5
CHANCE, SURELY = 0.3, 0.5  # root mean square of the line: up to which it is not used, from which on in full
SCATTER, WRONG = 0.55, 0.7  # of what it leaves: up to which it is used, from which on notes are wrong


@njit(**OPTIONS)
def log_age(age_s):
    """Place of an age on a logarithmic axis, in doublings; 0 at 0.2 s."""
    age_s = min(max(age_s, np.float32(0)), np.float32(OLDEST_S))
    return np.log2(np.float32(1) + age_s / np.float32(ENVELOPE_S)) - np.float32(MIDDLE)


@njit(**OPTIONS)
def otherwise(manner, age_s):
    """What is to be added to the expected level of a note."""
    return manner[OFFSET] + manner[SLOPE] * log_age(age_s)


@njit(**OPTIONS)
def note_error(manner, age_s, error, weight_s):
    """Take in that a note was heard `error` louder than expected, the line included."""
    x = log_age(age_s)
    error = max(min(error, np.float32(MOST_ERROR)), np.float32(-MOST_ERROR)) + otherwise(manner, age_s)
    keep = np.float32(MEMORY_S) / (np.float32(MEMORY_S) + weight_s)
    manner[NOTED_S] = keep * (manner[NOTED_S] + weight_s)
    manner[AGES] = keep * (manner[AGES] + weight_s * x)
    manner[AGES_2] = keep * (manner[AGES_2] + weight_s * x * x)
    manner[ERRORS] = keep * (manner[ERRORS] + weight_s * error)
    manner[ERRORS_2] = keep * (manner[ERRORS_2] + weight_s * error * error)
    manner[AGES_ERRORS] = keep * (manner[AGES_ERRORS] + weight_s * x * error)


@njit(**OPTIONS)
def draw_line(manner):
    """OFFSET, SLOPE and FOREIGN follow the sums."""
    a, b, c = manner[NOTED_S] + np.float32(OFFSET_PRIOR_S), manner[AGES], manner[AGES_2] + np.float32(SLOPE_PRIOR_S)
    determinant = a * c - b * b
    offset = (c * manner[ERRORS] - b * manner[AGES_ERRORS]) / determinant
    slope = (a * manner[AGES_ERRORS] - b * manner[ERRORS]) / determinant
    explained = max(offset * manner[ERRORS] + slope * manner[AGES_ERRORS], np.float32(0))
    line = np.sqrt(explained / max(manner[NOTED_S], np.float32(1e-6)))
    scatter = np.sqrt(max(manner[ERRORS_2] - explained, np.float32(0)) / max(manner[NOTED_S], np.float32(1e-6)))
    foreign = min(max((line - np.float32(CHANCE)) / np.float32(SURELY - CHANCE), np.float32(0)), np.float32(1))
    foreign *= min(max((np.float32(WRONG) - scatter) / np.float32(WRONG - SCATTER), np.float32(0)), np.float32(1))
    manner[OFFSET], manner[SLOPE], manner[FOREIGN] = offset * foreign, slope * foreign, foreign
