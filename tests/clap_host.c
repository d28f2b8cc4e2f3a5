/* A small host of CLAP plug-ins, as simple and as mean as real ones: clap_host PLUGIN OPTION=VALUE ...
 *
 * | option | meaning |
 * | --- | --- |
 * | in, out | float32 files, channel after channel; each `in` is an instance in a thread of its own; `out` gets .0, .1 ... |
 * | events | lines: sample, kind (on, off, choke: channel, key, velocity; midi: three bytes; param: id, value) |
 * | rate, channels, block, seed | block 0: random blocks of 1 to 4096 samples |
 * | save, load | files of the state: written at the end, read before the start |
 * | again, reload | the same while it is active, before anything is played |
 * | before | what happens first: reset, cycles |
 * | ports | what is missing: stems, pointers, input, mono: its second channel; inplace: the mix is written over the
 *   input; empty: events come in blocks without sound |
 * | path | what the plug-in is told instead of its own file |
 * | offline | 1: the host renders |
 * | thread | 1: the main thread is one of its own; it also saves, now and then the audio thread waits for it |
 * | disturb | allocates where the plug-in must not, to show that it would be noticed |
 */
#define _GNU_SOURCE
#include "clap_interface.h"
#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BLOCK = 4096, MOST_PORTS = 40, MOST_EVENTS = 20000, MOST_INSTANCES = 4, MOST_LOG = 2000 };

/* Both sides read clap_interface.h: where its fields lie on computers with 64 bits, the public documentation says. */
_Static_assert(sizeof(void *) != 8 || (sizeof(ClapEvent) == 16 && offsetof(ClapNote, channel) == 22), "events");
_Static_assert(sizeof(void *) != 8 || offsetof(ClapNote, velocity) == 32, "notes");
_Static_assert(sizeof(void *) != 8 || offsetof(ClapParamValue, cookie) == 24, "changes");
_Static_assert(sizeof(void *) != 8 || offsetof(ClapParamValue, value) == 48, "changes");
_Static_assert(offsetof(ClapMidi, data) == 18 && offsetof(ClapNotePort, name) == 12, "MIDI");
_Static_assert(sizeof(void *) != 8 || offsetof(ClapAudioPort, type) == 272, "ports");
_Static_assert(sizeof(void *) != 8 || offsetof(ClapAudioPort, in_place_pair) == 280, "ports");
_Static_assert(sizeof(void *) != 8 || (offsetof(ClapParam, name) == 16 && sizeof(ClapParam) == 1320), "parameters");
_Static_assert(sizeof(void *) != 8 || (sizeof(ClapBuffer) == 32 && sizeof(ClapProcess) == 64), "blocks");
_Static_assert(sizeof(void *) != 8 || sizeof(ClapPlugin) == 96, "the plug-in");
_Static_assert(sizeof(void *) != 8 || (sizeof(ClapHost) == 88 && sizeof(ClapDescriptor) == 88), "the host and the descriptor");

static _Thread_local int inside;
static atomic_int calls; /* that a plug-in makes where it must not */
static int disturbs;

#ifndef WITHOUT_COUNTS
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
void *malloc(size_t bytes) { calls += inside; return __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { calls += inside; return __libc_calloc(count, bytes); }
void *realloc(void *old, size_t bytes) { calls += inside; return __libc_realloc(old, bytes); }
void free(void *memory) { calls += inside; __libc_free(memory); }
int pthread_mutex_lock(pthread_mutex_t *mutex) {
    static int (*real)(pthread_mutex_t *);
    calls += inside;
    if (!real) real = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    return real(mutex);
}
ssize_t write(int file, const void *data, size_t bytes) {
    static ssize_t (*real)(int, const void *, size_t);
    calls += inside;
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return real(file, data, bytes);
}
#endif

typedef union {
    ClapEvent header;
    ClapNote note;
    ClapParamValue param;
    ClapMidi midi;
} Any;

typedef struct {
    const ClapPlugin *plugin;
    ClapHost host;
    int number, active, wants_restart, restarts, rescans, latencies;
    atomic_int wants_callback, ends;
    sem_t called, served;
    float *in, *out;
    long samples;
    char log[MOST_LOG];
    const Any *events;
    uint32_t event_count;
    FILE *stream;
} Session;

static const char *in_files[MOST_INSTANCES], *out_file = "", *save, *load, *reload, *again, *before = "", *ports = "", *told;
static int instances, block_size = 512, seed = 1, channels = 2, offline, threaded;
static double rate = 44100;
static Any events[MOST_EVENTS];
static int64_t times[MOST_EVENTS];
static uint32_t event_count;

static void die(const char *why) {
    fprintf(stderr, "clap_host: %s\n", why);
    exit(3);
}

/* --- what the host offers --- */

static void take_log(const ClapHost *host, int32_t severity, const char *text) {
    Session *session = host->own;
    size_t used = strlen(session->log);
    calls += inside;
    snprintf(session->log + used, MOST_LOG - used, "%d %s|", severity, text);
}
static void take_latency(const ClapHost *host) { ((Session *)host->own)->latencies++; }
static void take_rescan(const ClapHost *host, uint32_t flags) {
    ((Session *)host->own)->rescans += flags == CLAP_RESCAN_VALUES;
}
static void take_clear(const ClapHost *host, uint32_t id, uint32_t flags) { (void)host, (void)id, (void)flags; }
static void take_flush(const ClapHost *host) { (void)host; }
static void take_restart(const ClapHost *host) {
    if (inside) die("request_restart from the audio thread");
    ((Session *)host->own)->wants_restart = 1;
}
static void take_process(const ClapHost *host) { (void)host; }
static void take_callback(const ClapHost *host) {
    Session *session = host->own;
    if (!atomic_exchange(&session->wants_callback, 1) && threaded) sem_post(&session->called);
}
static const void *host_extension(const ClapHost *host, const char *id) {
    static const ClapHostLog LOG = {take_log};
    static const ClapHostLatency LATENCY = {take_latency};
    static const ClapHostParams PARAMS = {take_rescan, take_clear, take_flush};
    (void)host;
    if (!strcmp(id, CLAP_LOG)) return &LOG;
    if (!strcmp(id, CLAP_LATENCY)) return &LATENCY;
    return strcmp(id, CLAP_PARAMS) ? NULL : &PARAMS;
}
static int64_t stream_read(const ClapReader *stream, void *to, uint64_t most) {
    Session *session = stream->own;
    return (int64_t)fread(to, 1, most < 5 ? most : 5, session->stream);
}
static int64_t stream_write(const ClapWriter *stream, const void *from, uint64_t most) {
    Session *session = stream->own;
    return (int64_t)fwrite(from, 1, most < 7 ? most : 7, session->stream);
}
static uint32_t events_size(const ClapEventsIn *list) { return ((Session *)list->own)->event_count; }
static const ClapEvent *events_get(const ClapEventsIn *list, uint32_t i) {
    if (disturbs) {
        void *volatile memory = malloc(1);
        free(memory);
    }
    return &((Session *)list->own)->events[i].header;
}
static bool events_push(const ClapEventsOut *list, const ClapEvent *event) { return list && event; }

/* --- files --- */

static float *read_sound(const char *path, long *samples) {
    FILE *file = fopen(path, "rb");
    float *sound;
    if (!file) die(path);
    fseek(file, 0, SEEK_END);
    *samples = ftell(file) / (long)sizeof(float) / channels;
    rewind(file);
    sound = malloc((size_t)(*samples * channels + 1) * sizeof(float));
    if (fread(sound, sizeof(float), (size_t)(*samples * channels), file) != (size_t)(*samples * channels)) die(path);
    fclose(file);
    return sound;
}

static void read_events(const char *path) {
    FILE *file = fopen(path, "r");
    char kind[8];
    double a, b, c;
    long sample;
    if (!file) die(path);
    while (event_count < MOST_EVENTS && fscanf(file, "%ld %7s %lf %lf %lf", &sample, kind, &a, &b, &c) == 5) {
        Any *event = &events[event_count];
        times[event_count++] = sample;
        memset(event, 0, sizeof *event);
        if (!strcmp(kind, "midi"))
            event->midi = (ClapMidi){{sizeof(ClapMidi), 0, 0, CLAP_MIDI, 0}, 0, {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
        else if (!strcmp(kind, "param"))
            event->param = (ClapParamValue){.header = {sizeof(ClapParamValue), 0, 0, CLAP_PARAM_VALUE, 0}, .param = (uint32_t)a,
                                            .note = -1, .port = -1, .channel = -1, .key = -1, .value = b};
        else {
            int type = !strcmp(kind, "on") ? CLAP_NOTE_ON : !strcmp(kind, "off") ? CLAP_NOTE_OFF : CLAP_NOTE_CHOKE;
            event->note = (ClapNote){{sizeof(ClapNote), 0, 0, (uint16_t)type, 0}, -1, 0, (int16_t)a, (int16_t)b, c};
        }
    }
    fclose(file);
}

static void state(Session *session, const char *path, int saves) {
    const ClapState *extension = session->plugin->get_extension(session->plugin, CLAP_STATE);
    ClapReader reader = {session, stream_read};
    ClapWriter writer = {session, stream_write};
    if (!path) return;
    session->stream = fopen(path, saves ? "wb" : "rb");
    if (!session->stream) die(path);
    if (!(saves ? extension->save(session->plugin, &writer) : extension->load(session->plugin, &reader)))
        strcat(session->log, "no state|");
    fclose(session->stream);
}

/* --- playing --- */

static void start(Session *session) {
    if (!session->plugin->activate(session->plugin, rate, 1, MOST_BLOCK)) die("activate");
    if (!session->plugin->start_processing(session->plugin)) die("start_processing");
    session->active = 1;
}

static void stop(Session *session) {
    session->plugin->stop_processing(session->plugin);
    session->plugin->deactivate(session->plugin);
    session->active = 0;
}

static int64_t forget_state(const ClapWriter *stream, const void *from, uint64_t most) {
    (void)stream;
    return from ? (int64_t)most : -1;
}

/* The main thread. */
static void *answer(void *own) {
    Session *session = own;
    const ClapState *extension = session->plugin->get_extension(session->plugin, CLAP_STATE);
    ClapWriter nowhere = {session, forget_state};
    while (!sem_wait(&session->called) && !atomic_load(&session->ends)) {
        atomic_store(&session->wants_callback, 0);
        session->plugin->on_main_thread(session->plugin);
        if (!extension->save(session->plugin, &nowhere)) die("save");
        sem_post(&session->served);
    }
    return NULL;
}

static void serve(Session *session) {
    static _Thread_local int calls_now;
    if (threaded) {
        if (offline) sem_post(&session->called);
        if (!atomic_load(&session->wants_callback) || ++calls_now % 4) return;
        while (!sem_trywait(&session->served)) {}
        if (atomic_load(&session->wants_callback)) sem_wait(&session->served);
        return;
    }
    if (atomic_exchange(&session->wants_callback, 0)) session->plugin->on_main_thread(session->plugin);
    if (!session->wants_restart) return;
    session->wants_restart = 0;
    session->restarts++;
    stop(session);
    start(session);
}

static uint32_t count_outputs(const Session *session) {
    const ClapAudioPorts *extension = session->plugin->get_extension(session->plugin, CLAP_AUDIO_PORTS);
    return extension->count(session->plugin, false);
}

/* Play samples [from, from + frames). */
static void play(Session *session, long from, uint32_t frames) {
    static float dump[MOST_INSTANCES][MOST_BLOCK];
    float *in[2], *out[MOST_PORTS][2];
    ClapBuffer input = {in, NULL, strcmp(ports, "mono") ? (uint32_t)channels : 1, 0, 0}, outputs[MOST_PORTS];
    ClapEventsIn list_in = {session, events_size, events_get};
    ClapEventsOut list_out = {session, events_push};
    uint32_t count = count_outputs(session);
    ClapProcess process = {from, frames, NULL, &input, outputs, !strcmp(ports, "input") ? 0 : 1,
                           !strcmp(ports, "stems") ? 1 : count, &list_in, &list_out};
    for (int c = 0; c < channels; c++) in[c] = session->in + c * session->samples + from;
    for (uint32_t p = 0; p < count; p++) {
        for (int c = 0; c < channels; c++) {
            float *channel = session->out + ((long)p * channels + c) * session->samples + from;
            out[p][c] = !strcmp(ports, "inplace") && !p ? in[c] : channel;
            if (!strcmp(ports, "pointers") && p % 2) out[p][c] = c ? dump[session->number] : NULL;
        }
        outputs[p] = (ClapBuffer){!strcmp(ports, "pointers") && p == 2 ? NULL : out[p], NULL, (uint32_t)channels, 0, 3};
    }
    inside = 1;
    if (session->plugin->process(session->plugin, &process) != CLAP_CONTINUE) die("process");
    inside = 0;
    for (int c = 0; c < channels && !strcmp(ports, "inplace"); c++)
        memcpy(session->out + c * session->samples + from, in[c], frames * sizeof(float));
}

/* Something happens to the instance before it plays: nothing of it may be left. */
static void live_before(Session *session) {
    static const Any KEY = {.note = {{sizeof(ClapNote), 0, 0, CLAP_NOTE_ON, 0}, -1, 0, 0, 60, 1}};
    int times_round = strcmp(before, "cycles") ? 1 : 3;
    if (!*before) return;
    for (int i = 0; i < times_round; i++) {
        if (i) start(session);
        for (long from = 0; from + 300 < session->samples && from < 6000; from += 300) play(session, from, 300);
        if (!strcmp(before, "cycles")) stop(session);
    }
    if (!strcmp(before, "cycles")) start(session);
    session->events = &KEY;
    session->event_count = 1;
    play(session, 0, 0); /* A key of a block without sound waits for the next, but for no reset. */
    session->event_count = 0;
    inside = 1;
    session->plugin->reset(session->plugin);
    inside = 0;
}

static void *run(void *own) {
    Session *session = own;
    const ClapRender *render = session->plugin->get_extension(session->plugin, CLAP_RENDER);
    pthread_t main_thread;
    uint32_t next = 0, random = (uint32_t)(seed + session->number);
    Any *mine = malloc(sizeof events);
    session->in = read_sound(in_files[session->number], &session->samples);
    session->out = calloc((size_t)(count_outputs(session) * (uint32_t)channels) * (size_t)session->samples + 1, sizeof(float));
    state(session, load, 0);
    if (offline && !render->set(session->plugin, 1)) die("render");
    start(session);
    state(session, reload, 0);
    state(session, reload ? again : NULL, 1);
    serve(session);
    live_before(session);
    state(session, reload ? NULL : again, 1);
    if (threaded) pthread_create(&main_thread, NULL, answer, session);
    for (long from = 0, frames; from < session->samples; from += frames) {
        random = random * 1664525u + 1013904223u;
        frames = block_size ? block_size : 1 + (long)(random >> 8) % MOST_BLOCK;
        if (frames > session->samples - from) frames = session->samples - from;
        session->events = mine;
        for (session->event_count = 0; next < event_count && times[next] < from + frames; next++) {
            mine[session->event_count] = events[next];
            mine[session->event_count++].header.time = (uint32_t)(times[next] < from ? 0 : times[next] - from);
        }
        if (!strcmp(ports, "empty")) play(session, from, 0), session->event_count = 0;
        play(session, from, (uint32_t)frames);
        serve(session);
    }
    if (threaded) {
        atomic_store(&session->ends, 1);
        sem_post(&session->called);
        pthread_join(main_thread, NULL);
    }
    state(session, save, 1);
    free(mine);
    return NULL;
}

/* --- what is printed --- */

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\') printf("\\%c", *text);
        else putchar(*text);
    putchar('"');
}

/* Values whose text does not lead back to the same text. */
static int text_faults(const ClapPlugin *plugin, const ClapParams *params, const ClapParam *param) {
    int faults = 0;
    for (int i = 0; i <= 10; i++) {
        char text[64], other[64];
        double value = param->least + (param->most - param->least) * i / 10;
        faults += !params->value_to_text(plugin, param->id, value, text, sizeof text) ||
                  !params->text_to_value(plugin, param->id, text, &value) ||
                  !params->value_to_text(plugin, param->id, value, other, sizeof other) || strcmp(text, other);
    }
    return faults;
}

static void print(const Session *session) {
    const ClapPlugin *plugin = session->plugin;
    const ClapAudioPorts *audio = plugin->get_extension(plugin, CLAP_AUDIO_PORTS);
    const ClapNotePorts *notes = plugin->get_extension(plugin, CLAP_NOTE_PORTS);
    const ClapLatency *latency = plugin->get_extension(plugin, CLAP_LATENCY);
    const ClapParams *params = plugin->get_extension(plugin, CLAP_PARAMS);
    printf("{\"id\": ");
    print_text(plugin->descriptor->id);
    printf(", \"name\": ");
    print_text(plugin->descriptor->name);
    printf(", \"release\": ");
    print_text(plugin->descriptor->release);
    printf(", \"latency\": %u, \"restarts\": %d, \"rescans\": %d, \"latencies\": %d, \"notes\": %u, \"log\": ",
           latency->get(plugin), session->restarts, session->rescans, session->latencies, notes->count(plugin, true));
    print_text(session->log);
    printf(", \"outputs\": [");
    for (uint32_t i = 0; i < audio->count(plugin, false); i++) {
        ClapAudioPort port;
        if (!audio->get(plugin, i, false, &port)) die("audio port");
        printf("%s[%u, ", i ? ", " : "", port.id);
        print_text(port.name);
        printf(", %u, %u]", port.channel_count, port.flags);
    }
    printf("], \"params\": {");
    for (uint32_t i = 0; i < params->count(plugin); i++) {
        ClapParam param;
        double value;
        char text[64];
        if (!params->get_info(plugin, i, &param) || !params->get_value(plugin, param.id, &value)) die("parameter");
        params->value_to_text(plugin, param.id, value, text, sizeof text);
        printf("%s\"%u\": {\"flags\": %u, \"value\": \"%a\", \"faults\": %d, \"text\": ", i ? ", " : "", param.id, param.flags,
               value, text_faults(plugin, params, &param));
        print_text(text);
        printf("}");
    }
    printf("}, \"point\": \"%s\", \"calls\": %d}\n", localeconv()->decimal_point, calls);
}

static void take_option(const char *option) {
    const char *value = strchr(option, '=');
    static const struct { const char *name; const char **to; } TEXTS[] = {
        {"out", &out_file}, {"save", &save}, {"load", &load}, {"reload", &reload}, {"again", &again}, {"before", &before},
        {"ports", &ports}, {"path", &told}};
    size_t length;
    if (!value++) die(option);
    length = (size_t)(value - 1 - option);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (strlen(TEXTS[i].name) == length && !memcmp(option, TEXTS[i].name, length)) *TEXTS[i].to = value;
    if (!memcmp(option, "in=", 3)) in_files[instances++] = value;
    if (!memcmp(option, "events=", 7)) read_events(value);
    if (!memcmp(option, "rate=", 5)) rate = atof(value);
    if (!memcmp(option, "channels=", 9)) channels = atoi(value);
    if (!memcmp(option, "block=", 6)) block_size = atoi(value);
    if (!memcmp(option, "seed=", 5)) seed = atoi(value);
    if (!memcmp(option, "offline=", 8)) offline = atoi(value);
    if (!memcmp(option, "thread=", 7)) threaded = atoi(value);
    if (!memcmp(option, "disturb=", 8)) disturbs = atoi(value);
}

int main(int count, char **words) {
    static Session sessions[MOST_INSTANCES];
    pthread_t threads[MOST_INSTANCES];
    void *library = count > 1 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const ClapEntry *entry = library ? dlsym(library, "clap_entry") : NULL;
    const ClapFactory *factory;
    const ClapPlugin *other;
    for (int i = 2; i < count; i++) take_option(words[i]);
    if (!entry) die(count > 1 ? dlerror() : "which plug-in?");
    setlocale(LC_ALL, "");
    if (!told) told = words[1];
    if (!entry->init(told) || !entry->init(told)) die("init");
    entry->deinit();
    factory = entry->get_factory(CLAP_FACTORY);
    if (entry->get_factory("nonsense") || factory->count(factory) != 1 || factory->descriptor(factory, 1)) die("factory");
    for (int i = 0; i < instances; i++) {
        Session *session = &sessions[i];
        session->number = i;
        sem_init(&session->called, 0, 0);
        sem_init(&session->served, 0, 0);
        session->host = (ClapHost){{1, 2, 0}, session, "host", "", "", "1",
                                   host_extension, take_restart, take_process, take_callback};
        session->plugin = factory->create(factory, &session->host, factory->descriptor(factory, 0)->id);
        if (!session->plugin || !session->plugin->init(session->plugin)) die("create");
        other = factory->create(factory, &session->host, factory->descriptor(factory, 0)->id); /* Made and never used. */
        other->destroy(other);
    }
    for (int i = 0; i < instances; i++) pthread_create(&threads[i], NULL, run, &sessions[i]);
    for (int i = 0; i < instances; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < instances; i++) {
        char path[4096];
        FILE *file;
        snprintf(path, sizeof path, "%s.%d", out_file, i);
        file = fopen(path, "wb");
        if (!file) die(path);
        fwrite(sessions[i].out, sizeof(float) * (size_t)sessions[i].samples,
               count_outputs(&sessions[i]) * (size_t)channels, file);
        fclose(file);
        print(&sessions[i]);
        stop(&sessions[i]);
        sessions[i].plugin->destroy(sessions[i].plugin);
        free(sessions[i].in);
        free(sessions[i].out);
    }
    entry->deinit();
    dlclose(library);
    return 0;
}
