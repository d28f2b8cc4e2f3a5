/* The text that says what is in a bundle, made by rtsep/plugin/bundle.py. */
#pragma once
#include "plugin.h"
#include <stdatomic.h>

enum { MOST_PATH = 4096 };
enum { KNOB_GAIN, KNOB_WET, KNOB_BYPASS, KNOB_PLAN, KNOB_SPLIT, KNOB_PROGRAM };

typedef struct {
    char folder[MOST_PATH], name[MOST_NAME], id[MOST_NAME], release[MOST_NAME];
    int channels, stem_count, program_count, rate_count, knob_count;
    char stems[MOST_STEMS][MOST_NAME], programs[MOST_PROGRAMS][MOST_NAME];
    int rates[MOST_RATES];
    Knob knobs[MOST_KNOBS];
    int kinds[MOST_KNOBS], stem_of[MOST_KNOBS];
} Bundle;

typedef struct {
    _Atomic double value[MOST_KNOBS];
    atomic_uint changes;
} Values;

/* Read it; 0: it cannot be read, `trouble` [MOST_TROUBLE] says why, and the bundle has stereo sound and no stem. */
int bundle_read(Bundle *bundle, const char *folder, char *trouble);
