/* The plug-in for LV2 hosts. rtsep/plugin/lv2.py describes its ports, in this order: in [channel], MIDI, mix [channel],
 * stems [stem][channel], latency, knobs. */
#include "plugin.h"
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PORTS = 2 * MIX_CHANNELS + 2 + MOST_STEMS * MIX_CHANNELS + MOST_KNOBS };

typedef struct {
    Plugin *plugin;
    double sample_rate;
    void *ports[MOST_PORTS];
    int channels, midi, mix, stems, latency, knobs;
    LV2_URID midi_event, chunk, data, error, warning;
    LV2_Log_Log *log;
    LV2_Worker_Schedule *worker; /* NULL: another preset waits for the next activation */
} Instance;

static void tell_trouble(const Instance *own) {
    const char *trouble = plugin_trouble(own->plugin);
    if (own->log && trouble[0]) own->log->printf(own->log->handle, own->error, "rtsep: %s\n", trouble);
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate, const char *folder,
                              const LV2_Feature *const *features) {
    Instance *own = calloc(1, sizeof *own);
    LV2_URID_Map *map = NULL;
    (void)descriptor;
    if (!own) return NULL;
    for (int i = 0; features && features[i]; i++) {
        if (!strcmp(features[i]->URI, LV2_URID__map)) map = features[i]->data;
        if (!strcmp(features[i]->URI, LV2_LOG__log)) own->log = features[i]->data;
        if (!strcmp(features[i]->URI, LV2_WORKER__schedule)) own->worker = features[i]->data;
    }
    own->plugin = map ? plugin_new(folder) : NULL;
    if (!own->plugin) {
        free(own);
        return NULL;
    }
    own->midi_event = map->map(map->handle, LV2_MIDI__MidiEvent);
    own->chunk = map->map(map->handle, LV2_ATOM__Chunk);
    own->data = map->map(map->handle, "urn:rtsep:state");
    own->error = map->map(map->handle, LV2_LOG__Error);
    own->warning = map->map(map->handle, LV2_LOG__Warning);
    own->sample_rate = rate;
    own->channels = plugin_channels(own->plugin);
    own->midi = own->channels;
    own->mix = own->midi + 1;
    own->stems = own->mix + own->channels;
    own->latency = own->stems + plugin_stems(own->plugin) * own->channels;
    own->knobs = own->latency + 1;
    plugin_prepare(own->plugin, rate);
    tell_trouble(own);
    return own;
}

static void connect_port(LV2_Handle handle, uint32_t port, void *data) {
    if (port < MOST_PORTS) ((Instance *)handle)->ports[port] = data;
}

static int is_bypass(const Knob *knob) { return !strcmp(knob->symbol, "bypass"); }

/* Take over the knobs of the host that have moved. */
static void follow_knobs(Instance *own) {
    for (int k = 0; k < plugin_knobs(own->plugin); k++) {
        const float *port = own->ports[own->knobs + k];
        const Knob *knob = plugin_knob(own->plugin, k);
        double value;
        if (!port) continue;
        value = is_bypass(knob) ? !(*port > 0.5f) : *port;
        if ((float)plugin_get(own->plugin, k) != (float)value) plugin_set(own->plugin, k, value);
    }
}

/* Another preset has another plan, which is loaded here, where the host waits, unless the worker has done it. */
static void activate(LV2_Handle handle) {
    Instance *own = handle;
    follow_knobs(own);
    if (plugin_is_current(own->plugin)) plugin_reset(own->plugin);
    else {
        plugin_prepare(own->plugin, own->sample_rate);
        tell_trouble(own);
    }
}

/* Where the host renders, it may call `work` at once: so before the block is played. */
static void change_preset(Instance *own) {
    static const char WORK[1]; /* Some hosts refuse an empty message. */
    if (!own->worker || !plugin_asks(own->plugin)) return;
    if (own->worker->schedule_work(own->worker->handle, sizeof WORK, WORK) != LV2_WORKER_SUCCESS) plugin_ask_again(own->plugin);
}

static LV2_Worker_Status work(LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle respond_handle,
                              uint32_t bytes, const void *data) {
    Instance *own = handle;
    int served = plugin_serve(own->plugin);
    (void)respond, (void)respond_handle, (void)bytes, (void)data;
    if (served == SERVED_NOT) tell_trouble(own);
    if (served == SERVED_AT_START && own->log)
        own->log->printf(own->log->handle, own->warning, "rtsep: the chosen preset has another latency: it plays from the next "
                         "start of the plug-in on\n");
    return LV2_WORKER_SUCCESS;
}

/* `work` needs no response: what it has made is taken at the next block. */
static LV2_Worker_Status work_response(LV2_Handle handle, uint32_t bytes, const void *data) {
    (void)handle, (void)bytes, (void)data;
    return LV2_WORKER_SUCCESS;
}

static void run(LV2_Handle handle, uint32_t frames) {
    Instance *own = handle;
    const LV2_Atom_Sequence *sequence = own->ports[own->midi];
    const float *in[MIX_CHANNELS];
    float *mix[MIX_CHANNELS], *stems[MOST_STEMS * MIX_CHANNELS], *latency = own->ports[own->latency];
    follow_knobs(own);
    if (latency) *latency = (float)plugin_latency(own->plugin);
    for (int c = 0; c < own->channels; c++) {
        in[c] = own->ports[c];
        mix[c] = own->ports[own->mix + c];
        if (!in[c]) return;
    }
    for (int i = 0; i < own->latency - own->stems; i++) stems[i] = own->ports[own->stems + i];
    if (sequence) {
        LV2_ATOM_SEQUENCE_FOREACH(sequence, event)
        if (event->body.type == own->midi_event)
            plugin_note(own->plugin, event->time.frames, (const uint8_t *)(event + 1), (int)event->body.size);
    }
    change_preset(own);
    plugin_process(own->plugin, frames, in, mix, stems);
}

static void cleanup(LV2_Handle handle) {
    plugin_free(((Instance *)handle)->plugin);
    free(handle);
}

static LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle state, uint32_t flags,
                             const LV2_Feature *const *features) {
    Instance *own = handle;
    size_t bytes;
    unsigned char *data = plugin_save(own->plugin, &bytes);
    LV2_State_Status status = LV2_STATE_ERR_UNKNOWN;
    (void)flags, (void)features;
    if (data) status = store(state, own->data, data, bytes, own->chunk, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
    free(data);
    return status;
}

static LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle state, uint32_t flags,
                                const LV2_Feature *const *features) {
    Instance *own = handle;
    size_t bytes = 0;
    uint32_t type = 0;
    const void *data = retrieve(state, own->data, &bytes, &type, &flags);
    (void)features;
    if (!data) return LV2_STATE_ERR_NO_PROPERTY;
    if (!plugin_load(own->plugin, data, bytes)) return LV2_STATE_ERR_UNKNOWN;
    plugin_reset(own->plugin);
    return LV2_STATE_SUCCESS;
}

static const void *extension_data(const char *uri) {
    static const LV2_State_Interface STATE = {save, restore};
    static const LV2_Worker_Interface WORKER = {work, work_response, NULL};
    if (!strcmp(uri, LV2_WORKER__interface)) return &WORKER;
    return strcmp(uri, LV2_STATE__interface) ? NULL : &STATE;
}

/* One binary serves every bundle: its folder says which plug-in it is. */
typedef struct {
    LV2_Lib_Descriptor library;
    LV2_Descriptor plugin;
    char uri[MOST_NAME];
} Library;

static const LV2_Descriptor *get_plugin(LV2_Lib_Handle handle, uint32_t index) {
    Library *own = handle;
    return index || !own->uri[0] ? NULL : &own->plugin;
}

static void release(LV2_Lib_Handle handle) { free(handle); }

LV2_SYMBOL_EXPORT const LV2_Lib_Descriptor *lv2_lib_descriptor(const char *folder, const LV2_Feature *const *features) {
    Library *own = calloc(1, sizeof *own);
    Plugin *plugin = own ? plugin_new(folder) : NULL;
    (void)features;
    if (!plugin) {
        free(own);
        return NULL;
    }
    strcpy(own->uri, plugin_id(plugin));
    plugin_free(plugin);
    own->plugin = (LV2_Descriptor){own->uri, instantiate, connect_port, activate, run, NULL, cleanup, extension_data};
    own->library = (LV2_Lib_Descriptor){own, sizeof own->library, release, get_plugin};
    return &own->library;
}
