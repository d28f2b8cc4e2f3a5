/* The CLAP's ports. */
#include "clap_instance.h"
#include <string.h>

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

const ClapAudioPorts AUDIO_PORTS = {audio_count, audio_get};
const ClapNotePorts NOTE_PORTS = {note_count, note_get};
