/* The compiled engine with a plan and a state of its own. */
#pragma once
#include "bundle.h"

typedef struct Engine Engine;

/* Load a plan; NULL, and `trouble` [MOST_TROUBLE] says why, if it cannot be played in this bundle. */
Engine *engine_new(const char *path, const Bundle *bundle, char *trouble);
void engine_free(Engine *engine);
void engine_warm(Engine *engine, const Bundle *bundle, Values *values); /* two hops, so that memory and code are there */
void engine_reset(Engine *engine, const Bundle *bundle, Values *values);
int64_t engine_latency(const Engine *engine);
void engine_note(Engine *engine, int64_t sample, const uint8_t *message, int bytes);
void engine_process(Engine *engine, const Bundle *bundle, Values *values, int64_t frames, const float *const *in,
                    float *const *mix, float *const *stems);

/* What was learnt, in memory to be freed; NULL: no memory. */
unsigned char *engine_learnt(const Engine *engine, size_t *bytes);
/* Take it over; nothing happens if it was learnt under another plan, or is damaged. */
void engine_learn(Engine *engine, const unsigned char *data, size_t bytes);
