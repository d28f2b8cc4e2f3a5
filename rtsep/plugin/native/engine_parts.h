/* What an engine consists of: for engine.c and learnt.c alone. */
#pragma once
#include "engine.h"
#include "layout.h"
#include "plan.h"

enum { MOST_EVENTS = 4096, PARTS = 32, CHANNELS = 16, PITCHES = 128, WET = 0, BYPASS = 1, GAINS = 2 };

typedef struct {
    int64_t sample;
    uint8_t part, status, data1, data2;
    uint32_t stem;
} Event;

struct Engine {
    PlanFile *plan;
    int64_t plan_words[PLAN_WORDS], state_words[STATE_WORDS], call[CALL_WORDS];
    unsigned char *state; /* all arrays of STATE */
    size_t state_bytes;
    float *input, *stems, *mix, targets[2 + MOST_STEMS];
    signed char *route, *reach; /* own copies where a split can be moved */
    Event waiting[MOST_EVENTS], now[MOST_EVENTS];
    int waiting_count, taken_count, events_dropped; /* taken: of the waiting ones, in this block */
    uint8_t pressed[CHANNELS][PITCHES];             /* the velocity of each key that is down, else 0 */
    unsigned known; /* of the knobs' changes */
    double applied[MOST_KNOBS];
};

static inline float *array_of(const Engine *engine, int number) { return (float *)(intptr_t)engine->state_words[number]; }
