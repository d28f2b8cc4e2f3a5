/* One instance of the CLAP, for the parts of its code. */
#pragma once
#include "clap_interface.h"
#include "plugin.h"
#include <stdatomic.h>

typedef struct {
    ClapPlugin face;
    const ClapHost *host;
    Plugin *plugin;
    uint32_t ids[MOST_KNOBS];
    int active;
    int64_t latency;          /* as the host knows it */
    atomic_int offline;       /* nothing has to be ready in time */
    atomic_int wants_restart; /* another latency waits for the next activation */
} Instance;

extern const ClapAudioPorts AUDIO_PORTS;
extern const ClapNotePorts NOTE_PORTS;
extern const ClapParams PARAMS;
extern const ClapState STATE;

static inline Instance *of(const ClapPlugin *face) { return face->own; }

void fill(char *to, const char *from); /* [CLAP_TEXT] */
void serve(Instance *one);             /* have another program played; any thread */

/* Change a knob, if the event does. */
int take_turn(Instance *one, const ClapEvent *event);
int is_turn(const ClapEvent *event);
int32_t process(const ClapPlugin *face, const ClapProcess *block);
