/* A plan, its state and its knobs: one instance of the plug-in. */
#include "plugin.h"
#include "bundle.h"
#include "engine.h"
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
    Engine *engine; /* NULL: the sound passes through */
    char trouble[MOST_TROUBLE];
    int program; /* the engine's */
    Values values;
    _Atomic(Learnt *) learnt; /* as a project brought it: counts after every reset */
    atomic_int is_new;        /* no reset has taken it over yet */
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
    engine_free(plugin->engine);
    forget(plugin->learnt);
    free(plugin);
}

const char *plugin_trouble(const Plugin *plugin) { return plugin->trouble; }
const char *plugin_name(const Plugin *plugin) { return plugin->bundle.name; }
const char *plugin_id(const Plugin *plugin) { return plugin->bundle.id; }
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

int plugin_is_current(const Plugin *plugin) { return plugin->engine && plugin->program == wanted_program(plugin); }

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

int plugin_prepare(Plugin *plugin, double sample_rate) {
    const Bundle *bundle = &plugin->bundle;
    char path[MOST_PATH + 64];
    int rate = (int)lround(sample_rate), known = 0;
    engine_free(plugin->engine);
    plugin->engine = NULL;
    if (plugin->learnt) {
        forget(plugin->learnt->before);
        plugin->learnt->before = NULL;
    }
    if (!bundle->stem_count) return 0; /* It could not be read. */
    plugin->trouble[0] = 0;
    if (!processor_suffices()) {
        snprintf(plugin->trouble, MOST_TROUBLE, "this processor lacks AVX2, FMA or BMI2, which were new in 2013");
        return 0;
    }
    plugin->program = wanted_program(plugin);
    for (int i = 0; i < bundle->rate_count; i++) known |= bundle->rates[i] == rate;
    if (!known) {
        int used = snprintf(plugin->trouble, MOST_TROUBLE, "this plug-in does not play at %d Hz, only at", rate);
        for (int i = 0; i < bundle->rate_count && used < MOST_TROUBLE; i++)
            used += snprintf(plugin->trouble + used, MOST_TROUBLE - used, " %d", bundle->rates[i]);
        if (used < MOST_TROUBLE)
            snprintf(plugin->trouble + used, MOST_TROUBLE - used, ": make it with --rates %d", rate);
        return 0;
    }
    snprintf(path, sizeof path, "%s/%d-%d.plan", bundle->folder, plugin->program, rate);
    plugin->engine = engine_new(path, bundle, plugin->trouble);
    if (!plugin->engine) return 0;
    plugin_reset(plugin);
    engine_warm(plugin->engine, bundle, &plugin->values);
    plugin_reset(plugin);
    return 1;
}

void plugin_reset(Plugin *plugin) {
    const Learnt *learnt;
    if (!plugin->engine) return;
    atomic_store(&plugin->is_new, 0);
    learnt = atomic_load(&plugin->learnt);
    engine_reset(plugin->engine, &plugin->bundle, &plugin->values);
    if (learnt) engine_learn(plugin->engine, learnt->data, learnt->bytes);
}

int64_t plugin_latency(const Plugin *plugin) { return plugin->engine ? engine_latency(plugin->engine) : 0; }

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
    if (plugin->engine && bytes >= 2) engine_note(plugin->engine, sample, message, bytes);
}

void plugin_process(Plugin *plugin, int64_t frames, const float *const *in, float *const *mix, float *const *stems) {
    int channels = plugin->bundle.channels, count = plugin->bundle.stem_count * channels;
    if (plugin->engine) {
        engine_process(plugin->engine, &plugin->bundle, &plugin->values, frames, in, mix, stems);
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

unsigned char *plugin_save(const Plugin *plugin, size_t *bytes) {
    const Bundle *bundle = &plugin->bundle;
    size_t room = 64 + (MOST_NAME + 40) * (size_t)bundle->knob_count, learnt = 0;
    unsigned char *own = plugin->engine && !plugin->is_new ? engine_learnt(plugin->engine, &learnt) : NULL, *all;
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
