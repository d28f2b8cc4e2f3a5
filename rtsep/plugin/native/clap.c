/* The plug-in as CLAP: what a host asks, answered from plugin.h. */
#include "clap_instance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FOLDER = 4096 };

static const ClapVersion VERSION = {1, 2, 0};

void fill(char *to, const char *from) { snprintf(to, CLAP_TEXT, "%s", from); }

static void tell_trouble(const Instance *one) {
    const char *trouble = plugin_trouble(one->plugin);
    const ClapHostLog *host = one->host->get_extension(one->host, CLAP_LOG);
    if (host && trouble[0]) host->log(one->host, CLAP_LOG_ERROR, trouble);
}

void serve(Instance *one) {
    int served = plugin_serve(one->plugin);
    if (served == SERVED_NOT) tell_trouble(one);
    if (served != SERVED_AT_START) return;
    atomic_store(&one->wants_restart, 1);
    one->host->request_callback(one->host);
}

/* --- the instance --- */

static uint32_t latency_get(const ClapPlugin *face) { return (uint32_t)plugin_latency(of(face)->plugin); }

static bool render_is_hard(const ClapPlugin *face) {
    (void)face;
    return false;
}

/* It plays the same in both modes; another program begins at its very sample in the second. */
static bool render_set(const ClapPlugin *face, int32_t mode) {
    if (mode != 0 && mode != 1) return false;
    atomic_store(&of(face)->offline, mode);
    return true;
}

static const void *get_extension(const ClapPlugin *face, const char *id) {
    static const ClapLatency LATENCY = {latency_get};
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
    if (one->active && !atomic_load(&one->offline)) serve(one);
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
        .manual_url = "", .support_url = "", .release = plugin_release(described),
        .description = "Separates a recording by its notes into stems",
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
