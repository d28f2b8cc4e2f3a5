#include "engine_parts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rtsep_process(int64_t call); /* compiled by rtsep/compiling */

static int64_t address_of(const void *memory) { return (int64_t)(intptr_t)memory; }

/* Give each array of STATE its place in memory. */
static int make_state(Engine *engine) {
    size_t at = 0;
    for (int pass = 0; pass < 2; pass++) {
        at = 0;
        for (int i = 0; i < STATE_WORDS; i++) {
            if (STATE_FIELDS[i].kind != ARRAY) continue;
            if (pass) engine->state_words[i] = address_of(engine->state + at);
            at += ((size_t)array_bytes(engine->plan->words, i, 1) + 127) / 64 * 64; /* a free cache line between two arrays */
        }
        if (!pass && !(engine->state = aligned_memory(at))) return 0;
    }
    engine->state_bytes = at;
    engine->state_words[STATE_plan] = address_of(engine->plan_words);
    return 1;
}

static void make_plan(Engine *engine) {
    memcpy(engine->plan_words, engine->plan->words, sizeof engine->plan_words);
    for (int i = 0; i < PLAN_WORDS; i++)
        if (PLAN_FIELDS[i].kind == ARRAY) engine->plan_words[i] = address_of(plan_at(engine->plan, engine->plan->words[i]));
    memcpy(engine->route, (void *)(intptr_t)engine->plan_words[PLAN_route], PARTS * CHANNELS * PITCHES);
    memcpy(engine->reach, (void *)(intptr_t)engine->plan_words[PLAN_reach], PITCHES * (size_t)engine->plan->words[PLAN_stems]);
    engine->plan_words[PLAN_route] = address_of(engine->route);
    engine->plan_words[PLAN_reach] = address_of(engine->reach);
}

static void make_call(Engine *engine) {
    engine->call[CALL_plan] = address_of(engine->plan_words);
    engine->call[CALL_state] = address_of(engine->state_words);
    engine->call[CALL_capacity] = CAPACITY;
    engine->call[CALL_events] = address_of(engine->now);
    engine->call[CALL_input] = address_of(engine->input);
    engine->call[CALL_targets] = address_of(engine->targets);
    engine->call[CALL_stems] = address_of(engine->stems);
    engine->call[CALL_mix] = address_of(engine->mix);
}

Engine *engine_new(const char *path, const Bundle *bundle, char *trouble) {
    Engine *engine = calloc(1, sizeof *engine);
    size_t stems = (size_t)bundle->stem_count, channels = (size_t)bundle->channels, block = sizeof(float) * CAPACITY;
    if (engine && !(engine->plan = plan_load(path, trouble))) {
        engine_free(engine);
        return NULL;
    }
    if (engine && (engine->plan->words[PLAN_stems] != bundle->stem_count ||
                   engine->plan->words[PLAN_channels] != bundle->channels)) {
        snprintf(trouble, MOST_TROUBLE, "%.160s: it has other stems than the plug-in: make the plug-in again", path);
        engine_free(engine);
        return NULL;
    }
    if (engine) {
        engine->input = aligned_memory(channels * block);
        engine->stems = aligned_memory(stems * channels * block);
        engine->mix = aligned_memory(channels * block);
        engine->route = aligned_memory(PARTS * CHANNELS * PITCHES);
        engine->reach = aligned_memory(PITCHES * stems);
    }
    if (!engine || !engine->input || !engine->stems || !engine->mix || !engine->route || !engine->reach ||
        !make_state(engine)) {
        snprintf(trouble, MOST_TROUBLE, "there is not enough memory for %.160s", path);
        engine_free(engine);
        return NULL;
    }
    make_plan(engine);
    make_call(engine);
    return engine;
}

void engine_free(Engine *engine) {
    if (!engine) return;
    plan_free(engine->plan);
    aligned_release(engine->state);
    aligned_release(engine->input);
    aligned_release(engine->stems);
    aligned_release(engine->mix);
    aligned_release(engine->route);
    aligned_release(engine->reach);
    free(engine);
}

int64_t engine_latency(const Engine *engine) {
    return engine->plan->words[PLAN_latency] + engine->plan->words[PLAN_ahead];
}

/* Set a number of the plan to its value for this position of the knob, interpolated between the stored values. */
static void turn(Engine *engine, const char *symbol, double value) {
    PlanKnob knob;
    double place, below, above;
    int64_t at;
    if (!plan_knob(engine->plan, plugin_hash(symbol), &knob)) return;
    place = (value - knob.first) / (knob.last - knob.first) * (double)(knob.count - 1);
    place = place < 0 ? 0 : place > (double)(knob.count - 1) ? (double)(knob.count - 1) : place;
    at = (int64_t)place;
    if (PLAN_FIELDS[knob.word].whole) {
        engine->plan_words[knob.word] = knob.values[(int64_t)(place + 0.5)];
        return;
    }
    memcpy(&below, knob.values + at, 8);
    memcpy(&above, knob.values + (at + 1 < knob.count ? at + 1 : at), 8);
    if (place > (double)at) below += (place - (double)at) * (above - below);
    memcpy(&engine->plan_words[knob.word], &below, 8);
}

/* Give notes below `pitch` to the first stem, and all others to the second. */
static void split_at(Engine *engine, int pitch) {
    for (int i = 0; i < PARTS * CHANNELS * PITCHES; i++)
        if (engine->route[i] >= 0) engine->route[i] = i % PITCHES >= pitch;
    for (int p = 0; p < PITCHES; p++) {
        engine->reach[p] = p < pitch;
        engine->reach[PITCHES + p] = p >= pitch;
    }
}

static void apply(Engine *engine, const Bundle *bundle, int knob, double value) {
    switch (bundle->kinds[knob]) {
    case KNOB_GAIN: engine->targets[GAINS + bundle->stem_of[knob]] = value <= -120 ? 0 : (float)pow(10, value / 20); break;
    case KNOB_WET: engine->targets[WET] = (float)value; break;
    case KNOB_BYPASS: engine->targets[BYPASS] = (float)value; break;
    case KNOB_PLAN: turn(engine, bundle->knobs[knob].symbol, value); break;
    case KNOB_SPLIT: split_at(engine, (int)value); break;
    }
}

/* Apply the knobs that have moved. */
static void follow_knobs(Engine *engine, const Bundle *bundle, Values *values, int all) {
    unsigned changes = atomic_load_explicit(&values->changes, memory_order_acquire);
    if (changes == engine->known && !all) return;
    engine->known = changes;
    for (int k = 0; k < bundle->knob_count; k++) {
        double value = atomic_load_explicit(&values->value[k], memory_order_relaxed);
        if (all || value != engine->applied[k]) apply(engine, bundle, k, engine->applied[k] = value);
    }
}

void engine_reset(Engine *engine, const Bundle *bundle, Values *values) {
    memset(engine->state, 0, engine->state_bytes);
    for (int64_t i = 0; i < engine->plan->start_count; i++) {
        const int64_t *start = engine->plan->starts + 3 * i;
        memcpy((void *)(intptr_t)engine->state_words[start[0]], plan_at(engine->plan, start[1]), (size_t)start[2]);
    }
    engine->targets[WET] = 1;
    for (int i = 0; i < bundle->stem_count; i++) engine->targets[GAINS + i] = 1;
    follow_knobs(engine, bundle, values, 1);
    memcpy(array_of(engine, STATE_mixer_values), engine->targets, sizeof(float) * (size_t)(2 + bundle->stem_count));
    memset(engine->pressed, 0, sizeof engine->pressed);
    engine->waiting_count = 0;
}

void engine_note(Engine *engine, int64_t sample, const uint8_t *message, int bytes) {
    Event *event = &engine->waiting[engine->waiting_count];
    if (message[0] < 0x80 || message[0] >= 0xF0) return; /* The engine uses other status bytes internally. */
    if (engine->waiting_count == MOST_EVENTS) {
        engine->events_dropped++;
        return;
    }
    if (engine->waiting_count && sample < event[-1].sample) sample = event[-1].sample;
    *event = (Event){.sample = sample < 0 ? 0 : sample, .status = message[0], .data1 = message[1] & 0x7F,
                     .data2 = bytes > 2 ? message[2] & 0x7F : 0};
    engine->waiting_count++;
}

void engine_begin(Engine *engine, const Bundle *bundle, Values *values, int64_t frames) {
    follow_knobs(engine, bundle, values, 0);
    engine->taken_count = 0;
    for (int i = 0; frames <= 0 && i < engine->waiting_count; i++) /* Some hosts send notes with an empty block: */
        engine->waiting[i].sample = 0;                             /* they belong to the next block. */
}

/* Remember which keys are down. */
static void follow_key(Engine *engine, const Event *event) {
    uint8_t *keys = engine->pressed[event->status & 0x0F];
    int kind = event->status & 0xF0;
    if (kind == 0x90) keys[event->data1] = event->data2;
    else if (kind == 0x80) keys[event->data1] = 0;
    else if (kind == 0xB0 && (event->data1 == 120 || event->data1 >= 123)) memset(keys, 0, PITCHES);
}

void engine_play(Engine *engine, int64_t done, int64_t count, int64_t frames, const float *const *in) {
    int taken = 0;
    for (int c = 0; c < (int)engine->plan->words[PLAN_channels]; c++)
        memcpy(engine->input + c * CAPACITY, in[c] + done, sizeof(float) * (size_t)count);
    for (; engine->taken_count < engine->waiting_count; engine->taken_count++) {
        Event next = engine->waiting[engine->taken_count];
        if (next.sample >= done + count && done + count < frames) break;
        next.sample -= done;
        if (next.sample >= count) next.sample = count - 1; /* The event is later than the block. */
        follow_key(engine, &next);
        engine->now[taken++] = next;
    }
    engine->call[CALL_frames] = count;
    engine->call[CALL_event_count] = taken;
    rtsep_process(address_of(engine->call));
    if (done + count >= frames) engine->waiting_count = 0;
}

const float *engine_output(const Engine *engine, int plane) {
    int channels = (int)engine->plan->words[PLAN_channels];
    return plane < channels ? engine->mix + plane * CAPACITY : engine->stems + (plane - channels) * CAPACITY;
}

void engine_warm(Engine *engine, const Bundle *bundle, Values *values) {
    float none[CAPACITY] = {0};
    const float *in[MIX_CHANNELS] = {none, none};
    for (int64_t done = 0; done < 2 * engine->plan->words[PLAN_hop]; done += CAPACITY) {
        engine_begin(engine, bundle, values, CAPACITY);
        engine_play(engine, 0, CAPACITY, CAPACITY, in);
    }
}

int64_t engine_memory(const Engine *engine) {
    const int64_t *words = engine->plan->words;
    return words[PLAN_window_size] + engine_latency(engine) + 2 * words[PLAN_hop]; /* Filters follow their frame by a hop. */
}

void engine_follow(Engine *engine, const Engine *other) {
    static const int SHARED[] = {STATE_position, STATE_voices, STATE_sustain, STATE_sostenuto, STATE_pedal, STATE_recent_count,
                                 STATE_recent};
    const int64_t *rows = (const int64_t *)(intptr_t)other->plan_words[PLAN_row_count];
    for (size_t i = 0; i < sizeof SHARED / sizeof *SHARED; i++)
        memcpy(array_of(engine, SHARED[i]), array_of(other, SHARED[i]),
               (size_t)array_bytes(engine->plan->words, SHARED[i], 1));
    engine->waiting_count = 0;
    for (int i = 0; i < CHANNELS * PITCHES; i++) {
        uint8_t message[] = {(uint8_t)(0x90 | i / PITCHES), (uint8_t)(i % PITCHES), other->pressed[i / PITCHES][i % PITCHES]};
        int stem = engine->route[i];
        if (message[2] && stem >= 0 && !rows[stem * PITCHES + message[1]]) engine_note(engine, 0, message, 3);
    }
    for (int i = 0; i < other->waiting_count && engine->waiting_count < MOST_EVENTS; i++)
        engine->waiting[engine->waiting_count++] = other->waiting[i];
    memcpy(engine->pressed, other->pressed, sizeof engine->pressed);
}
