/* One compiled engine, with its own plan and state. */
#pragma once
#include "bundle.h"

enum { CAPACITY = 1024 }; /* most samples of one call of engine_play */

typedef struct Engine Engine;

/* Load a plan. Returns NULL if it cannot be played in this bundle: then `trouble` [MOST_TROUBLE] says why. */
Engine *engine_new(const char *path, const Bundle *bundle, char *trouble);
void engine_free(Engine *engine);
void engine_reset(Engine *engine, const Bundle *bundle, Values *values);
int64_t engine_latency(const Engine *engine);
void engine_note(Engine *engine, int64_t sample, const uint8_t *message, int bytes);

/* Begin a block of `frames` samples: apply the knobs that have moved. */
void engine_begin(Engine *engine, const Bundle *bundle, Values *values, int64_t frames);
/* Play the block's next `count` samples, at most CAPACITY: those of `in` [channel] from sample `done` on. */
void engine_play(Engine *engine, int64_t done, int64_t count, int64_t frames, const float *const *in);
/* The output for these samples: first the planes of the mix [channel], then those of the stems [stem * channels + channel]. */
const float *engine_output(const Engine *engine, int plane);
/* Play two hops of silence, so that memory and code are loaded before the audio thread needs them. */
void engine_warm(Engine *engine, const Bundle *bundle, Values *values);

/* Continue at the time of `other`, from silence, with the notes that it holds and the notes that wait for its next block. */
void engine_follow(Engine *engine, const Engine *other);
int64_t engine_memory(const Engine *engine); /* in samples: older input has no influence on the output */

/* What was learnt. The caller frees it. NULL if there is not enough memory. */
unsigned char *engine_learnt(const Engine *engine, size_t *bytes);
/* Restore what was learnt. Data of another plan, and damaged data, change nothing. */
void engine_learn(Engine *engine, const unsigned char *data, size_t bytes);
