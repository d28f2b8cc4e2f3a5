#include "programs.h"
#include <string.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <sched.h>
#endif

static const double FADE_S = 0.02; /* The sound goes over from one engine to the next in so many seconds. */

/* --- the audio thread ------------------------------------------------------------------------------------------------ */

int programs_ask(Programs *own, int wanted) {
    int work = wanted != atomic_load(&own->answered) || atomic_load(&own->finished);
    return work && !atomic_exchange(&own->asked, 1);
}

void programs_note(Programs *own, int64_t sample, const uint8_t *message, int bytes) {
    Engine *playing = atomic_load(&own->playing);
    if (playing) engine_note(playing, sample, message, bytes);
    if (own->coming) engine_note(own->coming, sample, message, bytes);
}

/* Let what is offered hear, if the last change is over. */
static void take(Programs *own, const Engine *playing) {
    if (own->coming || !atomic_load(&own->offer) || atomic_load(&own->finished)) return;
    own->coming = atomic_exchange(&own->offer, NULL);
    if (!own->coming) return; /* It was withdrawn. */
    engine_follow(own->coming, playing);
    own->heard = 0;
    own->deaf = engine_memory(own->coming);
}

static void give_place(Programs *own) {
    Engine *before = atomic_exchange(&own->playing, own->coming);
    own->coming = NULL;
    atomic_store(&own->finished, before);
}

/* Samples of a plane. Both engines' stems sum to the input, and so does what lies between them. */
static void write(const Programs *own, const Engine *playing, int plane, float *to, int64_t count) {
    const float *from = engine_output(playing, plane), *next;
    int64_t at = own->heard - own->deaf;
    if (!own->coming || at + count <= 0) {
        memcpy(to, from, sizeof(float) * (size_t)count);
        return;
    }
    next = engine_output(own->coming, plane);
    for (int64_t i = 0; i < count; i++, at++)
        if (at <= 0) to[i] = from[i];
        else if (at >= own->fade) to[i] = next[i];
        else to[i] = from[i] + (float)at / (float)own->fade * (next[i] - from[i]);
}

int programs_play(Programs *own, const Bundle *bundle, Values *values, int64_t frames, const float *const *in,
                   float *const *mix, float *const *stems) {
    Engine *playing = atomic_load(&own->playing);
    int channels = bundle->channels, planes = channels * (1 + bundle->stem_count);
    take(own, playing);
    engine_begin(playing, bundle, values, frames);
    if (own->coming) engine_begin(own->coming, bundle, values, frames);
    for (int64_t done = 0, count; done < frames; done += count) {
        count = frames - done < CAPACITY ? frames - done : CAPACITY;
        engine_play(playing, done, count, frames, in);
        if (own->coming) engine_play(own->coming, done, count, frames, in);
        for (int i = 0; i < planes; i++) {
            float *to = i < channels ? mix[i] : stems[i - channels];
            if (to) write(own, playing, i, to + done, count);
        }
        own->heard += count;
    }
    if (!own->coming || own->heard < own->deaf + own->fade) return 0;
    give_place(own);
    return 1;
}

Engine *programs_settle(Programs *own) {
    Engine *playing = atomic_load(&own->playing);
    if (playing) take(own, playing);
    if (own->coming) give_place(own);
    atomic_store(&own->asked, 0);
    return atomic_load(&own->playing);
}

/* --- other threads --------------------------------------------------------------------------------------------------- */

int programs_try(Programs *own) {
    if (!atomic_flag_test_and_set(&own->busy)) return 1;
    atomic_store(&own->asked, 0); /* It will be asked for again. */
    return 0;
}

/* Nobody is at it for longer than it takes to read a plan. */
void programs_lock(Programs *own) {
    while (atomic_flag_test_and_set(&own->busy)) {
#if defined(_WIN32)
        SwitchToThread();
#else
        sched_yield();
#endif
    }
}

void programs_unlock(Programs *own) { atomic_flag_clear(&own->busy); }

void programs_start(Programs *own, Engine *engine, int program, double sample_rate) {
    engine_free(own->coming);
    engine_free(atomic_exchange(&own->offer, NULL));
    engine_free(atomic_exchange(&own->finished, NULL));
    engine_free(atomic_exchange(&own->playing, engine));
    own->coming = NULL;
    own->fade = (int64_t)(FADE_S * sample_rate);
    own->taken = program;
    atomic_store(&own->offered, program);
    atomic_store(&own->answered, program);
    atomic_store(&own->asked, 0);
}

int programs_need(Programs *own, int wanted) {
    Engine *untaken;
    atomic_store(&own->asked, 0);
    engine_free(atomic_exchange(&own->finished, NULL));
    if (atomic_exchange(&own->answered, wanted) == wanted) return 0;
    untaken = atomic_exchange(&own->offer, NULL);
    if (!untaken) own->taken = own->offered; /* The audio thread has it. */
    engine_free(untaken);
    atomic_store(&own->offered, own->taken);
    return wanted != own->taken;
}

void programs_offer(Programs *own, Engine *engine, int program) {
    atomic_store(&own->offered, program);
    atomic_store(&own->offer, engine);
}

int programs_newest(const Programs *own) { return own->offered; }
