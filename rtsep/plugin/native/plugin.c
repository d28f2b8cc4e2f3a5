/* A plan, its state and its knobs: one instance of the plug-in. */
#include "plugin.h"
#include "programs.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a project brought. The audio thread may still read the one before, which so lives until it cannot. */
typedef struct Learnt {
    struct Learnt *before;
    size_t bytes;
    unsigned char data[];
} Learnt;

struct Plugin {
    Bundle bundle;
    Programs programs;
    double sample_rate;
    int64_t latency; /* of every engine that plays until the next `plugin_prepare` */
    char trouble[MOST_TROUBLE];
    Values values;
    _Atomic(Learnt *) learnt; /* as a project brought it: counts after every reset */
    atomic_int is_new;        /* no engine that plays has taken it over yet */
};

static void forget(Learnt *learnt) {
    while (learnt) {
        Learnt *before = learnt->before;
        free(learnt);
        learnt = before;
    }
}

Plugin *plugin_new(const char *folder) {
    Plugin *plugin = calloc(1, sizeof *plugin);
    if (!plugin) return NULL;
    bundle_read(&plugin->bundle, folder, plugin->trouble);
    for (int k = 0; k < plugin->bundle.knob_count; k++) plugin_set(plugin, k, plugin->bundle.knobs[k].start);
    return plugin;
}

void plugin_free(Plugin *plugin) {
    if (!plugin) return;
    programs_start(&plugin->programs, NULL, 0, 0);
    forget(plugin->learnt);
    free(plugin);
}

const char *plugin_trouble(const Plugin *plugin) { return plugin->trouble; }
const char *plugin_name(const Plugin *plugin) { return plugin->bundle.name; }
const char *plugin_id(const Plugin *plugin) { return plugin->bundle.id; }
const char *plugin_release(const Plugin *plugin) { return plugin->bundle.release; }
int plugin_channels(const Plugin *plugin) { return plugin->bundle.channels; }
int plugin_stems(const Plugin *plugin) { return plugin->bundle.stem_count; }
const char *plugin_stem(const Plugin *plugin, int stem) { return plugin->bundle.stems[stem]; }
int plugin_programs(const Plugin *plugin) { return plugin->bundle.program_count; }
const char *plugin_program(const Plugin *plugin, int program) { return plugin->bundle.programs[program]; }
int plugin_knobs(const Plugin *plugin) { return plugin->bundle.knob_count; }
const Knob *plugin_knob(const Plugin *plugin, int knob) { return &plugin->bundle.knobs[knob]; }

uint32_t plugin_hash(const char *symbol) {
    uint32_t found = 0x811C9DC5u; /* FNV-1a */
    for (; *symbol; symbol++) found = (found ^ (unsigned char)*symbol) * 0x01000193u;
    return found;
}

static int wanted_program(const Plugin *plugin) {
    for (int k = 0; k < plugin->bundle.knob_count; k++)
        if (plugin->bundle.kinds[k] == KNOB_PROGRAM) return (int)plugin_get(plugin, k);
    return 0;
}

int plugin_is_current(const Plugin *plugin) {
    return plugin->programs.playing && programs_newest(&plugin->programs) == wanted_program(plugin);
}

/* The engine is compiled for x86-64-v3. */
static int processor_suffices(void) {
#if defined(__x86_64__)
    enum { FMA = 1 << 12, SAVED = 1 << 27, AVX2 = 1 << 5, BMI2 = 1 << 8, WIDE = 6 }; /* Intel's manual: CPUID, XGETBV */
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & FMA) || !(c & SAVED)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & AVX2) || !(b & BMI2)) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & WIDE) == WIDE; /* The system keeps the wide registers. */
#else
    return 1;
#endif
}

static int plays_at(Plugin *plugin, int rate) {
    const Bundle *bundle = &plugin->bundle;
    int used;
    for (int i = 0; i < bundle->rate_count; i++)
        if (bundle->rates[i] == rate) return 1;
    used = snprintf(plugin->trouble, MOST_TROUBLE, "this plug-in does not play at %d Hz, only at", rate);
    for (int i = 0; i < bundle->rate_count && used < MOST_TROUBLE; i++)
        used += snprintf(plugin->trouble + used, MOST_TROUBLE - used, " %d", bundle->rates[i]);
    if (used < MOST_TROUBLE)
        snprintf(plugin->trouble + used, MOST_TROUBLE - used, ": make it with --rates %d", rate);
    return 0;
}

/* As the project brought it. */
static void begin(Plugin *plugin, Engine *engine) {
    const Learnt *learnt = atomic_load(&plugin->learnt);
    engine_reset(engine, &plugin->bundle, &plugin->values);
    if (learnt) engine_learn(engine, learnt->data, learnt->bytes);
}

/* An engine that is ready to play the program. */
static Engine *make_engine(Plugin *plugin, int program) {
    char path[MOST_PATH + 64];
    Engine *engine;
    snprintf(path, sizeof path, "%s/%d-%d.plan", plugin->bundle.folder, program, (int)lround(plugin->sample_rate));
    engine = engine_new(path, &plugin->bundle, plugin->trouble);
    if (!engine) return NULL;
    engine_reset(engine, &plugin->bundle, &plugin->values);
    engine_warm(engine, &plugin->bundle, &plugin->values);
    begin(plugin, engine);
    return engine;
}

/* The engine of the program, or NULL: the sound passes through. */
static Engine *first_engine(Plugin *plugin, int program) {
    if (!plugin->bundle.stem_count) return NULL; /* It could not be read. */
    plugin->trouble[0] = 0;
    if (!processor_suffices()) {
        snprintf(plugin->trouble, MOST_TROUBLE, "this processor lacks AVX2, FMA or BMI2, which were new in 2013");
        return NULL;
    }
    if (!plays_at(plugin, (int)lround(plugin->sample_rate))) return NULL;
    return make_engine(plugin, program);
}

int plugin_prepare(Plugin *plugin, double sample_rate) {
    int program = wanted_program(plugin);
    Engine *engine;
    programs_lock(&plugin->programs);
    programs_start(&plugin->programs, NULL, 0, 0);
    if (plugin->learnt) {
        forget(plugin->learnt->before);
        plugin->learnt->before = NULL;
    }
    plugin->sample_rate = sample_rate;
    engine = first_engine(plugin, program);
    plugin->latency = engine ? engine_latency(engine) : 0;
    programs_start(&plugin->programs, engine, program, sample_rate);
    atomic_store(&plugin->is_new, 0);
    programs_unlock(&plugin->programs);
    return engine != NULL;
}

void plugin_reset(Plugin *plugin) {
    Engine *engine = programs_settle(&plugin->programs);
    if (!engine) return;
    begin(plugin, engine);
    if (plugin_is_current(plugin)) atomic_store(&plugin->is_new, 0);
}

void plugin_ask_again(Plugin *plugin) { atomic_store(&plugin->programs.asked, 0); }
int plugin_asks(Plugin *plugin) { return programs_ask(&plugin->programs, wanted_program(plugin)); }

/* Another program's engine, if it can follow the one that plays. */
static int offer(Plugin *plugin, int program) {
    Engine *engine;
    if (!plugin->programs.playing) return SERVED_AT_START;
    plugin->trouble[0] = 0;
    engine = make_engine(plugin, program);
    if (!engine) return SERVED_NOT;
    if (engine_latency(engine) != plugin->latency) {
        engine_free(engine);
        return SERVED_AT_START;
    }
    programs_offer(&plugin->programs, engine, program);
    return SERVED;
}

int plugin_serve(Plugin *plugin) {
    int wanted, served = SERVED;
    if (!programs_try(&plugin->programs)) return SERVED;
    wanted = wanted_program(plugin);
    if (programs_need(&plugin->programs, wanted)) served = offer(plugin, wanted);
    programs_unlock(&plugin->programs);
    return served;
}

int64_t plugin_latency(const Plugin *plugin) { return plugin->latency; }

void plugin_set(Plugin *plugin, int knob, double value) {
    const Knob *one = &plugin->bundle.knobs[knob];
    if (!(value >= one->least)) value = one->least; /* Also if it is no number. */
    if (value > one->most) value = one->most;
    if (one->whole) value = floor(value + 0.5);
    atomic_store_explicit(&plugin->values.value[knob], value, memory_order_relaxed);
    atomic_fetch_add_explicit(&plugin->values.changes, 1, memory_order_release);
}

double plugin_get(const Plugin *plugin, int knob) {
    return atomic_load_explicit(&plugin->values.value[knob], memory_order_relaxed);
}

void plugin_note(Plugin *plugin, int64_t sample, const uint8_t *message, int bytes) {
    if (bytes >= 2) programs_note(&plugin->programs, sample, message, bytes);
}

void plugin_process(Plugin *plugin, int64_t frames, const float *const *in, float *const *mix, float *const *stems) {
    int channels = plugin->bundle.channels, count = plugin->bundle.stem_count * channels;
    if (plugin->programs.playing) {
        if (programs_play(&plugin->programs, &plugin->bundle, &plugin->values, frames, in, mix, stems))
            atomic_store(&plugin->is_new, 0);
        return;
    }
    for (int c = 0; c < channels; c++)
        if (mix[c] && mix[c] != in[c]) memmove(mix[c], in[c], sizeof(float) * (size_t)frames);
    for (int i = 0; i < count; i++) {
        int aliased = 0;
        for (int c = 0; c < channels; c++) aliased |= stems[i] == mix[c];
        if (stems[i] && !aliased) memset(stems[i], 0, sizeof(float) * (size_t)frames);
    }
}

/* What the engine that plays has learnt, if a project did not bring anything newer. */
static unsigned char *learnt_now(Plugin *plugin, size_t *bytes) {
    unsigned char *data = NULL;
    Engine *engine;
    programs_lock(&plugin->programs);
    engine = plugin->programs.playing; /* It is freed by no other thread now. */
    if (engine && !plugin->is_new) data = engine_learnt(engine, bytes);
    programs_unlock(&plugin->programs);
    return data;
}

unsigned char *plugin_save(Plugin *plugin, size_t *bytes) {
    const Bundle *bundle = &plugin->bundle;
    size_t room = 64 + (MOST_NAME + 40) * (size_t)bundle->knob_count, learnt = 0;
    unsigned char *own = learnt_now(plugin, &learnt), *all;
    const Learnt *brought = plugin->learnt;
    const unsigned char *kept = own ? own : brought ? brought->data : NULL;
    if (!own && brought) learnt = brought->bytes;
    all = malloc(room + learnt);
    if (all) {
        size_t used = (size_t)snprintf((char *)all, room, "rtsep-state 1\n");
        for (int k = 0; k < bundle->knob_count; k++) { /* All bits, in every language of the host. */
            double value = plugin_get(plugin, k);
            unsigned long long bits;
            memcpy(&bits, &value, sizeof bits);
            used += (size_t)snprintf((char *)all + used, room - used, "%s %016llx\n", bundle->knobs[k].symbol, bits);
        }
        used += (size_t)snprintf((char *)all + used, room - used, "\n");
        if (learnt) memcpy(all + used, kept, learnt);
        *bytes = used + learnt;
    }
    free(own);
    return all;
}

int plugin_load(Plugin *plugin, const unsigned char *data, size_t bytes) {
    static const char BEGIN[] = "rtsep-state ";
    size_t at = 0, end;
    Learnt *learnt;
    if (bytes < sizeof BEGIN || memcmp(data, BEGIN, sizeof BEGIN - 1)) return 0;
    for (int line = 0;; line++) {
        char text[MOST_NAME + 48], symbol[MOST_NAME];
        unsigned long long bits;
        double value;
        for (end = at; end < bytes && data[end] != '\n'; end++) {}
        if (end == bytes || end - at >= sizeof text) return 0;
        memcpy(text, data + at, end - at);
        text[end - at] = 0;
        at = end + 1;
        if (!text[0]) break;
        if (!line || sscanf(text, "%63s %16llx", symbol, &bits) != 2) continue; /* A newer version may write more. */
        memcpy(&value, &bits, sizeof value);
        for (int k = 0; k < plugin->bundle.knob_count; k++)
            if (!strcmp(symbol, plugin->bundle.knobs[k].symbol)) plugin_set(plugin, k, value);
    }
    learnt = malloc(sizeof *learnt + bytes - at);
    if (!learnt) return 0;
    learnt->before = plugin->learnt;
    learnt->bytes = bytes - at;
    memcpy(learnt->data, data + at, bytes - at);
    atomic_store(&plugin->learnt, learnt);
    atomic_store(&plugin->is_new, 1);
    return 1;
}
