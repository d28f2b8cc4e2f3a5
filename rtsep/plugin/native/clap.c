/* The plug-in as CLAP: what a host asks, answered from plugin.h. */
#include "clap_interface.h"
#include "plugin.h"
#include <ctype.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FOLDER = 4096, STEP = 1024, CHANNELS = 16, KEYS = 128, ALL_SOUND_OFF = 120, ALL_NOTES_OFF = 123 };

static const ClapVersion VERSION = {1, 2, 0};
static const float SILENCE[STEP]; /* what an input that the host leaves out sounds like */

typedef struct {
    ClapPlugin face;
    const ClapHost *host;
    Plugin *plugin;
    uint32_t ids[MOST_KNOBS];
    int active;
    int64_t latency;          /* as the host knows it */
    atomic_int wants_restart; /* a knob waits for the next activation */
} Instance;

static Instance *of(const ClapPlugin *face) { return face->own; }

static void fill(char *to, const char *from) { snprintf(to, CLAP_TEXT, "%s", from); }

static void tell_trouble(const Instance *one) {
    const char *trouble = plugin_trouble(one->plugin);
    const ClapHostLog *host = one->host->get_extension(one->host, CLAP_LOG);
    if (host && trouble[0]) host->log(one->host, CLAP_LOG_ERROR, trouble);
}

/* --- ports --- */

static uint32_t audio_count(const ClapPlugin *face, bool inputs) {
    return inputs ? 1 : 1 + (uint32_t)plugin_stems(of(face)->plugin);
}

/* The main ports have the hash of no name, so that a stem may have any. */
static bool audio_get(const ClapPlugin *face, uint32_t number, bool inputs, ClapAudioPort *port) {
    const Plugin *plugin = of(face)->plugin;
    const char *stem;
    if (number >= audio_count(face, inputs)) return false;
    stem = number ? plugin_stem(plugin, (int)number - 1) : "";
    memset(port, 0, sizeof *port);
    port->id = plugin_hash(stem);
    fill(port->name, number ? stem : inputs ? "in" : "mix");
    port->flags = number ? 0 : CLAP_PORT_IS_MAIN;
    port->channel_count = (uint32_t)plugin_channels(plugin);
    port->type = port->channel_count == 1 ? "mono" : "stereo";
    port->in_place_pair = number ? CLAP_NO_ID : port->id;
    return true;
}

static uint32_t note_count(const ClapPlugin *face, bool inputs) {
    (void)face;
    return inputs;
}

static bool note_get(const ClapPlugin *face, uint32_t number, bool inputs, ClapNotePort *port) {
    if (number >= note_count(face, inputs)) return false;
    memset(port, 0, sizeof *port);
    port->id = plugin_hash("notes");
    fill(port->name, "notes");
    port->dialects = CLAP_DIALECT_CLAP | CLAP_DIALECT_MIDI;
    port->preferred_dialect = CLAP_DIALECT_MIDI; /* It has pedals. */
    return true;
}

/* --- knobs --- */

static int knob_of(const Instance *one, uint32_t id) {
    for (int k = 0; k < plugin_knobs(one->plugin); k++)
        if (one->ids[k] == id) return k;
    return -1;
}

static int is_switch(const Knob *knob) { return knob->whole && knob->least == 0 && knob->most == 1; }

static int is_program(const Instance *one, const Knob *knob) {
    return !strcmp(knob->symbol, "program") && knob->most < plugin_programs(one->plugin);
}

static uint32_t params_count(const ClapPlugin *face) { return (uint32_t)plugin_knobs(of(face)->plugin); }

static bool params_info(const ClapPlugin *face, uint32_t number, ClapParam *param) {
    const Instance *one = of(face);
    const Knob *knob;
    if (number >= params_count(face)) return false;
    knob = plugin_knob(one->plugin, (int)number);
    memset(param, 0, sizeof *param);
    param->id = one->ids[number];
    param->flags = knob->restart ? 0 : CLAP_PARAM_IS_AUTOMATABLE | CLAP_PARAM_REQUIRES_PROCESS;
    if (knob->whole) param->flags |= CLAP_PARAM_IS_STEPPED;
    if (is_switch(knob) && !strcmp(knob->symbol, "bypass")) param->flags |= CLAP_PARAM_IS_BYPASS;
    if (is_program(one, knob) || is_switch(knob)) param->flags |= CLAP_PARAM_IS_ENUM;
    fill(param->name, knob->name);
    param->least = knob->least;
    param->most = knob->most;
    param->start = knob->start;
    return true;
}

static bool params_value(const ClapPlugin *face, uint32_t id, double *value) {
    int k = knob_of(of(face), id);
    if (k >= 0) *value = plugin_get(of(face)->plugin, k);
    return k >= 0;
}

/* "dB" of "Gain left (dB)"; "" where the brackets hold more than a unit. */
static void unit_of(const Knob *knob, char *unit, size_t room) {
    const char *open = strrchr(knob->name, '('), *close = open ? strchr(open, ')') : NULL;
    unit[0] = 0;
    if (close && !close[1] && !memchr(open, ' ', (size_t)(close - open)))
        snprintf(unit, room, " %.*s", (int)(close - open - 1), open + 1);
}

/* A point stands before the fraction, whatever language the host has chosen. */
static bool params_text(const ClapPlugin *face, uint32_t id, double value, char *text, uint32_t room) {
    static const char *const NOTES[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
    const Instance *one = of(face);
    int k = knob_of(one, id), whole;
    const Knob *knob;
    char unit[16];
    long long hundredths;
    if (k < 0 || !room) return false;
    knob = plugin_knob(one->plugin, k);
    value = !(value > knob->least) ? knob->least : value > knob->most ? knob->most : value;
    whole = (int)floor(value + 0.5);
    unit_of(knob, unit, sizeof unit);
    hundredths = llround(fabs(value) * 100);
    if (is_program(one, knob) && whole >= 0) snprintf(text, room, "%s", plugin_program(one->plugin, whole));
    else if (is_switch(knob)) snprintf(text, room, "%s", whole ? "On" : "Off");
    else if (!strcmp(knob->symbol, "split") && whole >= 0)
        snprintf(text, room, "%d (%s%d)", whole, NOTES[whole % 12], whole / 12 - 1);
    else if (knob->whole) snprintf(text, room, "%d%s", whole, unit);
    else snprintf(text, room, "%s%lld.%02lld%s", value < 0 && hundredths ? "-" : "", hundredths / 100, hundredths % 100, unit);
    return true;
}

static int same_word(const char *one, const char *other) {
    while (*one && tolower((unsigned char)*one) == tolower((unsigned char)*other)) one++, other++;
    return tolower((unsigned char)*one) == tolower((unsigned char)*other);
}

static bool params_read(const ClapPlugin *face, uint32_t id, const char *text, double *value) {
    const Instance *one = of(face);
    int k = knob_of(one, id);
    const Knob *knob = k < 0 ? NULL : plugin_knob(one->plugin, k);
    double number;
    if (!knob) return false;
    if (is_switch(knob) && (same_word(text, "on") || same_word(text, "off"))) {
        *value = same_word(text, "on");
        return true;
    }
    for (int i = 0; is_program(one, knob) && i < plugin_programs(one->plugin); i++)
        if (same_word(text, plugin_program(one->plugin, i))) {
            *value = i;
            return true;
        }
    if (!plugin_number(text, &number)) return false;
    *value = number < knob->least ? knob->least : number > knob->most ? knob->most : number;
    return true;
}

static void turn(Instance *one, const ClapParamValue *event) {
    int k = knob_of(one, event->param);
    double before;
    if (k < 0) return;
    before = plugin_get(one->plugin, k);
    plugin_set(one->plugin, k, event->value);
    if (!plugin_knob(one->plugin, k)->restart || plugin_get(one->plugin, k) == before) return;
    atomic_store(&one->wants_restart, 1);
    one->host->request_callback(one->host);
}

/* --- events --- */

static void send(Instance *one, int64_t sample, int kind, int channel, int data1, int data2) {
    uint8_t message[3] = {(uint8_t)(kind | channel), (uint8_t)data1, (uint8_t)data2};
    plugin_note(one->plugin, sample, message, 3);
}

/* -1 stands for all channels, and for all keys. MIDI can choke all keys, but not one, which is released. */
static void take_note(Instance *one, int64_t sample, const ClapNote *note) {
    int first = note->channel < 0 ? 0 : note->channel % CHANNELS, last = note->channel < 0 ? CHANNELS - 1 : first;
    double velocity = note->velocity > 0 ? note->velocity < 1 ? note->velocity : 1 : 0;
    int strength = (int)floor(velocity * 127 + 0.5);
    if (note->key >= KEYS) return;
    if (note->header.type == CLAP_NOTE_ON) {
        if (note->key >= 0) send(one, sample, 0x90, first, note->key, strength ? strength : 1);
        return;
    }
    for (int channel = first; channel <= last; channel++)
        if (note->key >= 0) send(one, sample, 0x80, channel, note->key, strength);
        else send(one, sample, 0xB0, channel, note->header.type == CLAP_NOTE_CHOKE ? ALL_SOUND_OFF : ALL_NOTES_OFF, 0);
}

static int is_turn(const ClapEvent *event) {
    return event->space == CLAP_CORE_EVENTS && event->type == CLAP_PARAM_VALUE && event->size >= sizeof(ClapParamValue);
}

static void take(Instance *one, int64_t sample, const ClapEvent *event) {
    if (is_turn(event)) turn(one, (const ClapParamValue *)event);
    else if (event->space != CLAP_CORE_EVENTS) return;
    else if (event->type <= CLAP_NOTE_CHOKE && event->size >= sizeof(ClapNote)) take_note(one, sample, (const ClapNote *)event);
    else if (event->type == CLAP_MIDI && event->size >= sizeof(ClapMidi))
        plugin_note(one->plugin, sample, ((const ClapMidi *)event)->data, 3);
}

static void params_flush(const ClapPlugin *face, const ClapEventsIn *events, const ClapEventsOut *none) {
    (void)none;
    for (uint32_t i = 0, count = events->size(events); i < count; i++) {
        const ClapEvent *event = events->get(events, i);
        if (is_turn(event)) take(of(face), 0, event);
    }
}

/* --- sound --- */

static float *channel_of(const ClapBuffer *buffer, int channel) {
    if (!buffer->data32 || !buffer->channel_count) return NULL;
    return (uint32_t)channel < buffer->channel_count ? buffer->data32[channel] : NULL;
}

/* From one change of a knob to the next. */
static void play(Instance *one, const ClapProcess *block, uint32_t from, uint32_t to) {
    int channels = plugin_channels(one->plugin), stems = plugin_stems(one->plugin);
    const float *in[MIX_CHANNELS];
    float *mix[MIX_CHANNELS] = {NULL}, *out[MOST_STEMS * MIX_CHANNELS] = {NULL};
    for (int c = 0; c < channels; c++) {
        const float *sound = block->in_count ? channel_of(&block->in[0], c) : NULL;
        if (!sound && block->in_count) sound = channel_of(&block->in[0], 0); /* mono into a stereo input */
        in[c] = sound ? sound + from : SILENCE;
    }
    for (int i = 0; i < channels * (1 + stems) && (uint32_t)(i / channels) < block->out_count; i++) {
        float *sound = channel_of(&block->out[i / channels], i % channels);
        if (!sound) continue;
        if (i < channels) mix[i] = sound + from;
        else out[i - channels] = sound + from;
    }
    plugin_process(one->plugin, to - from, in, mix, out);
}

static int32_t process(const ClapPlugin *face, const ClapProcess *block) {
    Instance *one = of(face);
    uint32_t from = 0, to, next = 0, count = block->events_in->size(block->events_in);
    for (; from < block->frames; from = to) {
        to = block->frames - from < STEP ? block->frames : from + STEP;
        for (; next < count; next++) {
            const ClapEvent *event = block->events_in->get(block->events_in, next);
            uint32_t time = event->time < block->frames ? event->time : block->frames - 1;
            if (time >= to) break;
            if (is_turn(event) && time > from) {
                to = time;
                break;
            }
            take(one, time > from ? time - from : 0, event);
        }
        play(one, block, from, to);
    }
    for (; next < count; next++) take(one, 0, block->events_in->get(block->events_in, next)); /* of a block without sound */
    for (uint32_t i = 0; i < block->out_count; i++) block->out[i].constant_mask = 0;
    return CLAP_CONTINUE;
}

/* --- state --- */

static bool state_save(const ClapPlugin *face, const ClapWriter *stream) {
    size_t bytes = 0, done = 0;
    unsigned char *data = plugin_save(of(face)->plugin, &bytes);
    while (data && done < bytes) {
        int64_t written = stream->write(stream, data + done, bytes - done);
        if (written <= 0) break;
        done += (size_t)written;
    }
    free(data);
    return data && done == bytes;
}

static unsigned char *read_all(const ClapReader *stream, size_t *bytes) {
    size_t room = 1 << 16;
    unsigned char *data = malloc(room), *larger;
    *bytes = 0;
    while (data) {
        int64_t got = stream->read(stream, data + *bytes, room - *bytes);
        if (got == 0) return data;
        if (got < 0) break;
        if ((*bytes += (size_t)got) < room) continue;
        larger = realloc(data, room *= 2);
        if (!larger) break;
        data = larger;
    }
    free(data);
    return NULL;
}

static bool state_load(const ClapPlugin *face, const ClapReader *stream) {
    Instance *one = of(face);
    const ClapHostParams *host = one->host->get_extension(one->host, CLAP_PARAMS);
    size_t bytes;
    unsigned char *data = read_all(stream, &bytes);
    bool taken = data && plugin_load(one->plugin, data, bytes);
    free(data);
    if (taken && host) host->rescan(one->host, CLAP_RESCAN_VALUES);
    if (taken && one->active) one->host->request_restart(one->host); /* What was learnt counts from then on. */
    return taken;
}

/* --- the instance --- */

static uint32_t latency_get(const ClapPlugin *face) { return (uint32_t)plugin_latency(of(face)->plugin); }

static bool render_is_hard(const ClapPlugin *face) {
    (void)face;
    return false;
}

static bool render_set(const ClapPlugin *face, int32_t mode) {
    (void)face;
    return mode == 0 || mode == 1; /* It plays the same in both. */
}

static const void *get_extension(const ClapPlugin *face, const char *id) {
    static const ClapAudioPorts AUDIO_PORTS = {audio_count, audio_get};
    static const ClapNotePorts NOTE_PORTS = {note_count, note_get};
    static const ClapLatency LATENCY = {latency_get};
    static const ClapParams PARAMS = {params_count, params_info, params_value, params_text, params_read, params_flush};
    static const ClapState STATE = {state_save, state_load};
    static const ClapRender RENDER = {render_is_hard, render_set};
    static const struct {
        const char *id;
        const void *functions;
    } ALL[] = {{CLAP_AUDIO_PORTS, &AUDIO_PORTS}, {CLAP_NOTE_PORTS, &NOTE_PORTS}, {CLAP_LATENCY, &LATENCY},
               {CLAP_PARAMS, &PARAMS}, {CLAP_STATE, &STATE}, {CLAP_RENDER, &RENDER}};
    (void)face;
    for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++)
        if (!strcmp(id, ALL[i].id)) return ALL[i].functions;
    return NULL;
}

static bool init(const ClapPlugin *face) {
    tell_trouble(of(face));
    return true;
}

static void destroy(const ClapPlugin *face) {
    plugin_free(of(face)->plugin);
    free(of(face));
}

static bool activate(const ClapPlugin *face, double sample_rate, uint32_t least_frames, uint32_t most_frames) {
    Instance *one = of(face);
    const ClapHostLatency *host = one->host->get_extension(one->host, CLAP_LATENCY);
    (void)least_frames, (void)most_frames;
    atomic_store(&one->wants_restart, 0);
    plugin_prepare(one->plugin, sample_rate);
    tell_trouble(one);
    if (host && one->latency != plugin_latency(one->plugin)) host->changed(one->host);
    one->latency = plugin_latency(one->plugin);
    one->active = 1;
    return true; /* If there is trouble, the sound passes through. */
}

static void deactivate(const ClapPlugin *face) { of(face)->active = 0; }

static bool start_processing(const ClapPlugin *face) {
    (void)face;
    return true;
}

static void stop_processing(const ClapPlugin *face) { (void)face; }

static void reset(const ClapPlugin *face) { plugin_reset(of(face)->plugin); }

static void on_main_thread(const ClapPlugin *face) {
    Instance *one = of(face);
    if (atomic_exchange(&one->wants_restart, 0) && one->active) one->host->request_restart(one->host);
}

/* --- the factory --- */

static const char *const FEATURES[] = {"audio-effect", "stereo", NULL}, *const MONO_FEATURES[] = {"audio-effect", "mono", NULL};
static char folder[MOST_FOLDER], fallback_id[MOST_NAME + 16], fallback_name[MOST_NAME];
static ClapDescriptor descriptor;
static Plugin *described; /* what the descriptor's texts belong to */
static atomic_int users;

/* PATH/NAME.clap -> PATH/NAME.rtsep; on macOS, where it is a folder itself, PATH/NAME.clap/Contents/Resources. */
static void find_folder(const char *path) {
    struct stat found;
    size_t length = strlen(path);
    while (length > 1 && (path[length - 1] == '/' || path[length - 1] == '\\')) length--;
    if (!stat(path, &found) && S_ISDIR(found.st_mode)) {
        snprintf(folder, sizeof folder, "%.*s/Contents/Resources", (int)length, path);
        return;
    }
    if (length >= 5 && !memcmp(path + length - 5, ".clap", 5)) length -= 5;
    snprintf(folder, sizeof folder, "%.*s.rtsep", (int)length, path);
}

/* A bundle that cannot be read has no name: then the file's counts. */
static void describe(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    snprintf(fallback_name, sizeof fallback_name, "%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
    snprintf(fallback_id, sizeof fallback_id, "urn:rtsep:%s", fallback_name);
    descriptor = (ClapDescriptor){
        .version = VERSION, .id = plugin_id(described), .name = plugin_name(described), .vendor = "rtsep", .url = "",
        .manual_url = "", .support_url = "", .release = "", .description = "Separates a recording by its notes into stems",
        .features = plugin_channels(described) == 1 ? MONO_FEATURES : FEATURES};
    if (!descriptor.id[0]) descriptor.id = fallback_id;
    if (!descriptor.name[0]) descriptor.name = fallback_name;
}

static uint32_t factory_count(const ClapFactory *factory) {
    (void)factory;
    return 1;
}

static const ClapDescriptor *factory_descriptor(const ClapFactory *factory, uint32_t number) {
    (void)factory;
    return number ? NULL : &descriptor;
}

static const ClapPlugin *factory_create(const ClapFactory *factory, const ClapHost *host, const char *id) {
    Instance *one;
    (void)factory;
    if (!host || strcmp(id, descriptor.id) || !(one = calloc(1, sizeof *one))) return NULL;
    one->host = host;
    one->plugin = plugin_new(folder);
    if (!one->plugin) {
        free(one);
        return NULL;
    }
    for (int k = 0; k < plugin_knobs(one->plugin); k++) one->ids[k] = plugin_hash(plugin_knob(one->plugin, k)->symbol);
    one->face = (ClapPlugin){&descriptor, one, init, destroy, activate, deactivate, start_processing, stop_processing,
                             reset, process, get_extension, on_main_thread};
    return &one->face;
}

static bool entry_init(const char *path) {
    if (atomic_fetch_add(&users, 1)) return true;
    find_folder(path);
    described = plugin_new(folder);
    if (described) describe(path);
    else atomic_fetch_sub(&users, 1);
    return described != NULL;
}

static void entry_deinit(void) {
    if (atomic_fetch_sub(&users, 1) != 1) return;
    plugin_free(described);
    described = NULL;
}

static const void *entry_factory(const char *id) {
    static const ClapFactory FACTORY = {factory_count, factory_descriptor, factory_create};
    return strcmp(id, CLAP_FACTORY) ? NULL : &FACTORY;
}

CLAP_EXPORT const ClapEntry clap_entry = {{1, 2, 0}, entry_init, entry_deinit, entry_factory};
