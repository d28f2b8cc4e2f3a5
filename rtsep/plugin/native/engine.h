/* The compiled engine with a plan and a state of its own. */
#pragma once
#include "bundle.h"

enum { CAPACITY = 1024 }; /* samples that an engine plays at once, at most */

typedef struct Engine Engine;

/* Load a plan; NULL, and `trouble` [MOST_TROUBLE] says why, if it cannot be played in this bundle. */
Engine *engine_new(const char *path, const Bundle *bundle, char *trouble);
void engine_free(Engine *engine);
void engine_reset(Engine *engine, const Bundle *bundle, Values *values);
int64_t engine_latency(const Engine *engine);
void engine_note(Engine *engine, int64_t sample, const uint8_t *message, int bytes);

/* A block of `frames` samples begins: the knobs are taken over. */
void engine_begin(Engine *engine, const Bundle *bundle, Values *values, int64_t frames);
/* Play its next `count` samples, at most CAPACITY, of `in` [channel] from sample `done` on. */
void engine_play(Engine *engine, int64_t done, int64_t count, int64_t frames, const float *const *in);
/* What these became: plane c is the mix's channel c, the stems' [stem * channels + channel] follow. */
const float *engine_output(const Engine *engine, int plane);
void engine_warm(Engine *engine, const Bundle *bundle, Values *values); /* two hops, so that memory and code are there */

/* Go on, from silence, at the time of `other`, with the notes that it holds and those that wait. */
void engine_follow(Engine *engine, const Engine *other);
int64_t engine_memory(const Engine *engine); /* what comes out does not depend on what went in so many samples before */

/* What was learnt, in memory to be freed; NULL: no memory. */
unsigned char *engine_learnt(const Engine *engine, size_t *bytes);
/* Take it over; nothing happens if it was learnt under another plan, or is damaged. */
void engine_learn(Engine *engine, const unsigned char *data, size_t bytes);
