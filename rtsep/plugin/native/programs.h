/* The engine that plays, and how another program's engine replaces it without a gap. The audio thread asks another thread,
 * which offers an engine. The audio thread gives this engine the input until its output can be heard, fades over to it, and
 * hands the old engine back, to be freed. */
#pragma once
#include "engine.h"

typedef struct {
    _Atomic(Engine *) playing;  /* NULL: the sound passes through */
    _Atomic(Engine *) offer;    /* the engine that shall play next */
    _Atomic(Engine *) finished; /* the engine that has played, to be freed */
    Engine *coming;             /* the audio thread's: it hears the input, then it is faded in */
    int64_t heard, deaf, fade;  /* in samples: what `coming` has heard; what it must hear before the fade; the fade */
    atomic_int answered;        /* the program that was wanted last: its engine is offered, unless it cannot play */
    atomic_int asked;           /* another thread has been asked, but has not come yet */
    atomic_int offered;         /* the program of the last engine that was offered and not withdrawn */
    int taken;                  /* the program of the last engine that the audio thread is known to have taken */
    atomic_flag busy;           /* another thread holds the lock */
} Programs;

/* --- the audio thread --- */

/* Whether another thread must be asked now for a change. Not again until it has come. */
int programs_ask(Programs *own, int wanted);
void programs_note(Programs *own, int64_t sample, const uint8_t *message, int bytes);
/* Play a block, as `plugin_process` does. Returns 1 if this block has ended a change, so that the new engine plays alone. */
int programs_play(Programs *own, const Bundle *bundle, Values *values, int64_t frames, const float *const *in,
                  float *const *mix, float *const *stems);
/* End a change at once. Returns the engine that plays now, which can be NULL. */
Engine *programs_settle(Programs *own);

/* --- other threads: between programs_lock (or programs_try, which does not wait) and programs_unlock --- */

void programs_lock(Programs *own);
int programs_try(Programs *own); /* 0: another thread holds the lock */
void programs_unlock(Programs *own);
/* Free all engines, and play `engine`, which can be NULL. Only while no block is processed. */
void programs_start(Programs *own, Engine *engine, int program, double sample_rate);
/* Free the engine that has played, and withdraw an offer of another program. Returns 1 if `wanted` needs a new engine. */
int programs_need(Programs *own, int wanted);
void programs_offer(Programs *own, Engine *engine, int program);
int programs_newest(const Programs *own); /* the program that plays, or is going to */
