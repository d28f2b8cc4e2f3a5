/* The plug-in behind every format: a bundle's folder becomes an instance that plays.
 *
 * `plugin_process`, `plugin_note`, `plugin_set`, `plugin_get`, `plugin_asks`, `plugin_ask_again` and `plugin_reset` allocate,
 * lock and write nothing. All others belong to the host's main thread, `plugin_serve` to any thread that need not be in time;
 * only that, `plugin_save` and `plugin_load` may be called while something is processed. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MOST_STEMS = 33, MOST_PROGRAMS = 64, MOST_RATES = 16, MOST_KNOBS = 80, MIX_CHANNELS = 2 };
enum { MOST_NAME = 64, MOST_TROUBLE = 512 }; /* bytes of a text */

typedef struct {
    char symbol[MOST_NAME], name[MOST_NAME];
    double least, most, start;
    int whole;   /* only whole numbers: a switch if they are 0 and 1 */
    int restart; /* some values take effect when the host starts the plug-in again */
} Knob;

typedef struct Plugin Plugin;

/* Read the bundle in `folder`. Never NULL but without memory: where something is wrong, it passes the sound through. */
Plugin *plugin_new(const char *folder);
void plugin_free(Plugin *plugin);

/* What is wrong, for the host to show; "" if nothing is. */
const char *plugin_trouble(const Plugin *plugin);

const char *plugin_name(const Plugin *plugin);
const char *plugin_id(const Plugin *plugin);
const char *plugin_release(const Plugin *plugin); /* of rtsep, which has made it */
int plugin_channels(const Plugin *plugin); /* of the input, the mix and each stem: 1 or 2 */
int plugin_stems(const Plugin *plugin);
const char *plugin_stem(const Plugin *plugin, int stem);
int plugin_programs(const Plugin *plugin);
const char *plugin_program(const Plugin *plugin, int program);
int plugin_knobs(const Plugin *plugin);
const Knob *plugin_knob(const Plugin *plugin, int knob);
uint32_t plugin_hash(const char *symbol); /* a knob's number that stays the same in all versions */

/* The number that `text` begins with, a point before its fraction, whatever language the host has chosen; where it ends, or
 * NULL: it begins with none. */
const char *plugin_number(const char *text, double *number);

/* Get ready to play at a sample rate, and reset; 0: it cannot, and `plugin_trouble` says why. */
int plugin_prepare(Plugin *plugin, double sample_rate);
int plugin_is_current(const Plugin *plugin); /* 0: another program waits for `plugin_prepare`, or for `plugin_serve` */
void plugin_reset(Plugin *plugin);
int64_t plugin_latency(const Plugin *plugin); /* in samples */

/* Another program plays some time after its knob has moved: before each block ask `plugin_asks`; if it does not give 0, have
 * `plugin_serve` called, by another thread if this one plays in real time. */
int plugin_asks(Plugin *plugin);
void plugin_ask_again(Plugin *plugin); /* `plugin_serve` could not be called */
/* SERVED_AT_START: another latency needs `plugin_prepare`. SERVED_NOT: what played goes on; `plugin_trouble` says why. */
enum { SERVED, SERVED_AT_START, SERVED_NOT };
int plugin_serve(Plugin *plugin);

void plugin_set(Plugin *plugin, int knob, double value);
double plugin_get(const Plugin *plugin, int knob);

/* A MIDI message at a sample of the next block, in order. */
void plugin_note(Plugin *plugin, int64_t sample, const uint8_t *message, int bytes);

/* A block: `in` [channel], `mix` [channel] and `stems` [stem * channels + channel] of `frames` samples each; mix and stems
 * may be the same memory as `in`, and a pointer in `stems` may be NULL. */
void plugin_process(Plugin *plugin, int64_t frames, const float *const *in, float *const *mix, float *const *stems);

/* Everything that belongs to a project, in memory to be freed: knobs, and what was learnt. NULL: no memory. */
unsigned char *plugin_save(Plugin *plugin, size_t *bytes);
/* Take it back; 0 if it is none. What was learnt counts after the next reset, if the same plan plays. */
int plugin_load(Plugin *plugin, const unsigned char *data, size_t bytes);
