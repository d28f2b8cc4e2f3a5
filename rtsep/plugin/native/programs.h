/* The engine that plays, and how another program's takes its place while it does. The audio thread asks another thread, which
 * offers an engine; the audio thread lets it hear, fades over to it, and hands the old one back, to be freed. */
#pragma once
#include "engine.h"

typedef struct {
    _Atomic(Engine *) playing;  /* NULL: the sound passes through */
    _Atomic(Engine *) offer;    /* what shall play */
    _Atomic(Engine *) finished; /* what has played */
    Engine *coming;             /* the audio thread's: it hears, then it is faded in */
    int64_t heard, deaf, fade;  /* samples that it has heard; that it hears before it is faded in; that the fade takes */
    atomic_int answered;        /* the program that was wanted last, which is offered, unless it cannot be */
    atomic_int asked;           /* another thread has been asked, and has not come yet */
    atomic_int offered;         /* the program of the last engine that was offered, and not withdrawn */
    int taken;                  /* that of the last one that the audio thread is known to have taken */
    atomic_flag busy;           /* another thread is at it */
} Programs;

/* --- the audio thread --- */

/* Whether another thread should be asked now to change something; not again until it has come. */
int programs_ask(Programs *own, int wanted);
void programs_note(Programs *own, int64_t sample, const uint8_t *message, int bytes);
/* A block, as `plugin_process` has it. Whether a change is over: another engine plays alone. */
int programs_play(Programs *own, const Bundle *bundle, Values *values, int64_t frames, const float *const *in,
                  float *const *mix, float *const *stems);
/* End a change at once; gives the engine that plays now, which may be NULL. */
Engine *programs_settle(Programs *own);

/* --- other threads: between programs_lock, or programs_try where nobody may wait, and programs_unlock --- */

void programs_lock(Programs *own);
int programs_try(Programs *own); /* 0: another thread is at it */
void programs_unlock(Programs *own);
/* Free all engines, and play `engine`, which may be NULL. Only while nothing is processed. */
void programs_start(Programs *own, Engine *engine, int program, double sample_rate);
/* Free what has played, and withdraw what another program offers. Whether an engine is needed that plays the program. */
int programs_need(Programs *own, int wanted);
void programs_offer(Programs *own, Engine *engine, int program);
int programs_newest(const Programs *own); /* the program that plays, or is going to */
