#include "engine.h"
#include "layout.h"
#include "plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rtsep_process(int64_t call); /* compiled by rtsep/compiling */

enum { CAPACITY = 1024, MOST_EVENTS = 4096, PARTS = 32, CHANNELS = 16, PITCHES = 128, WET = 0, BYPASS = 1, GAINS = 2 };

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
    int waiting_count, events_dropped;
    unsigned known; /* of the knobs' changes */
    double applied[MOST_KNOBS];
};

static int64_t address_of(const void *memory) { return (int64_t)(intptr_t)memory; }

static float *array_of(const Engine *engine, int number) { return (float *)(intptr_t)engine->state_words[number]; }

/* Give every array of STATE its place. */
static int make_state(Engine *engine) {
    size_t at = 0;
    for (int pass = 0; pass < 2; pass++) {
        at = 0;
        for (int i = 0; i < STATE_WORDS; i++) {
            if (STATE_FIELDS[i].kind != ARRAY) continue;
            if (pass) engine->state_words[i] = address_of(engine->state + at);
            at += ((size_t)array_bytes(engine->plan->words, i, 1) + 127) / 64 * 64; /* a free line between two */
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
        snprintf(trouble, MOST_TROUBLE, "%.160s: it has other stems than the plug-in: make the plug-in anew", path);
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
        snprintf(trouble, MOST_TROUBLE, "there is too little memory for %.160s", path);
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

int64_t engine_latency(const Engine *engine) { return engine->plan->words[PLAN_latency]; }

/* Set a number of the plan to what it is under `value`, between the values that were worked out. */
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

/* Notes below `pitch` are the first stem's, all others the second's. */
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

/* Take over the knobs that have moved. */
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
    engine->waiting_count = 0;
}

void engine_note(Engine *engine, int64_t sample, const uint8_t *message, int bytes) {
    Event *event = &engine->waiting[engine->waiting_count];
    if (message[0] < 0x80 || message[0] >= 0xF0) return; /* The engine has other uses for what MIDI leaves free. */
    if (engine->waiting_count == MOST_EVENTS) {
        engine->events_dropped++;
        return;
    }
    if (engine->waiting_count && sample < event[-1].sample) sample = event[-1].sample;
    *event = (Event){.sample = sample < 0 ? 0 : sample, .status = message[0], .data1 = message[1] & 0x7F,
                     .data2 = bytes > 2 ? message[2] & 0x7F : 0};
    engine->waiting_count++;
}

void engine_process(Engine *engine, const Bundle *bundle, Values *values, int64_t frames, const float *const *in,
                    float *const *mix, float *const *stems) {
    int channels = bundle->channels, event = 0;
    follow_knobs(engine, bundle, values, 0);
    if (frames <= 0) { /* Some hosts send notes with an empty block: they belong to the next. */
        for (int i = 0; i < engine->waiting_count; i++) engine->waiting[i].sample = 0;
        return;
    }
    for (int64_t done = 0, count; done < frames; done += count) {
        size_t bytes;
        int taken = 0;
        count = frames - done < CAPACITY ? frames - done : CAPACITY;
        bytes = sizeof(float) * (size_t)count;
        for (int c = 0; c < channels; c++) memcpy(engine->input + c * CAPACITY, in[c] + done, bytes);
        for (; event < engine->waiting_count; event++) {
            Event next = engine->waiting[event];
            if (next.sample >= done + count && done + count < frames) break;
            next.sample -= done;
            if (next.sample >= count) next.sample = count - 1; /* It lies after the block. */
            engine->now[taken++] = next;
        }
        engine->call[CALL_frames] = count;
        engine->call[CALL_event_count] = taken;
        rtsep_process(address_of(engine->call));
        for (int c = 0; c < channels; c++)
            if (mix[c]) memcpy(mix[c] + done, engine->mix + c * CAPACITY, bytes);
        for (int i = 0; i < bundle->stem_count * channels; i++)
            if (stems[i]) memcpy(stems[i] + done, engine->stems + (size_t)i * CAPACITY, bytes);
    }
    engine->waiting_count = 0;
}

void engine_warm(Engine *engine, const Bundle *bundle, Values *values) {
    float none[CAPACITY] = {0};
    const float *in[MIX_CHANNELS] = {none, none};
    float *out[MIX_CHANNELS] = {NULL, NULL}, *stems[MOST_STEMS * MIX_CHANNELS] = {NULL};
    for (int64_t done = 0; done < 2 * engine->plan->words[PLAN_hop]; done += CAPACITY)
        engine_process(engine, bundle, values, CAPACITY, in, out, stems);
}

/* --- what was learnt: the plan's checksum, then for each array its field and its rows that have changed --------------- */

static int64_t row_bytes(const Engine *engine, int number) {
    return STATE_FIELDS[number].dimensions < 2 ? array_bytes(engine->plan->words, number, 1)
                                               : 4 * engine->plan->words[PLAN_stride];
}

static const unsigned char *start_of(const Engine *engine, int number) {
    for (int64_t i = 0; i < engine->plan->start_count; i++)
        if (engine->plan->starts[3 * i] == number) return plan_at(engine->plan, engine->plan->starts[3 * i + 1]);
    return NULL;
}

unsigned char *engine_learnt(const Engine *engine, size_t *bytes) {
    size_t room = sizeof(int64_t), used;
    unsigned char *all;
    int64_t checksum = engine->plan->checksum;
    for (int i = 0; i < STATE_WORDS; i++)
        if (STATE_FIELDS[i].learnt && row_bytes(engine, i)) {
            int64_t whole = array_bytes(engine->plan->words, i, 1), row = row_bytes(engine, i);
            room += (size_t)(whole / row * (row + 2 * (int64_t)sizeof(int64_t)));
        }
    all = malloc(room);
    if (!all) return NULL;
    memcpy(all, &checksum, sizeof checksum);
    used = sizeof checksum;
    for (int i = 0; i < STATE_WORDS; i++) {
        int64_t row = STATE_FIELDS[i].learnt ? row_bytes(engine, i) : 0;
        const unsigned char *now = (const unsigned char *)array_of(engine, i), *start = start_of(engine, i);
        for (int64_t r = 0; row && r < array_bytes(engine->plan->words, i, 1) / row; r++) {
            int64_t head[2] = {i, r};
            if (start && !memcmp(now + r * row, start + r * row, (size_t)row)) continue;
            memcpy(all + used, head, sizeof head);
            memcpy(all + used + sizeof head, now + r * row, (size_t)row);
            used += sizeof head + (size_t)row;
        }
    }
    *bytes = used;
    return all;
}

void engine_learn(Engine *engine, const unsigned char *data, size_t bytes) {
    int64_t checksum, head[2];
    size_t at = sizeof checksum;
    if (bytes < at) return;
    memcpy(&checksum, data, sizeof checksum);
    if (checksum != (int64_t)engine->plan->checksum) return;
    while (bytes - at >= sizeof head) {
        int64_t row;
        memcpy(head, data + at, sizeof head);
        at += sizeof head;
        if (head[0] < 0 || head[0] >= STATE_WORDS || !STATE_FIELDS[head[0]].learnt) return;
        row = row_bytes(engine, (int)head[0]);
        if (row <= 0 || bytes - at < (size_t)row) return;
        if (head[1] < 0 || head[1] >= array_bytes(engine->plan->words, (int)head[0], 1) / row) return;
        for (int64_t i = 0; i < row; i += 4) {
            float value;
            memcpy(&value, data + at + i, 4);
            if (!isfinite(value)) return;
        }
        memcpy((unsigned char *)array_of(engine, (int)head[0]) + head[1] * row, data + at, (size_t)row);
        at += (size_t)row;
    }
}
