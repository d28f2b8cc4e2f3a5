/* The plug-in that all formats share: it makes an instance that plays from a bundle's folder.
 *
 * `plugin_process`, `plugin_note`, `plugin_set`, `plugin_get`, `plugin_asks`, `plugin_ask_again` and `plugin_reset` are for
 * the audio thread: they neither allocate memory nor lock nor write files. `plugin_serve` is for any thread without deadlines,
 * and all others are for the host's main thread. Of these, only `plugin_serve`, `plugin_save` and `plugin_load` may be called
 * while a block is processed. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MOST_STEMS = 33, MOST_PROGRAMS = 64, MOST_RATES = 16, MOST_KNOBS = 80, MIX_CHANNELS = 2 };
enum { MOST_NAME = 64, MOST_TROUBLE = 512 }; /* bytes of a text */

typedef struct {
    char symbol[MOST_NAME], name[MOST_NAME];
    double least, most, start;
    int whole;   /* only whole numbers are allowed; a knob from 0 to 1 is a switch */
    int restart; /* some values take effect only when the host starts the plug-in again */
} Knob;

typedef struct Plugin Plugin;

/* Read the bundle in `folder`. If something is wrong with it, the plug-in passes the sound through. NULL only if there is not
 * enough memory. */
Plugin *plugin_new(const char *folder);
void plugin_free(Plugin *plugin);

/* What is wrong, for the host to show, or "". */
const char *plugin_trouble(const Plugin *plugin);

const char *plugin_name(const Plugin *plugin);
const char *plugin_id(const Plugin *plugin);
const char *plugin_release(const Plugin *plugin); /* the version of rtsep that has made it */
int plugin_channels(const Plugin *plugin); /* of the input, the mix and each stem: 1 or 2 */
int plugin_stems(const Plugin *plugin);
const char *plugin_stem(const Plugin *plugin, int stem);
int plugin_programs(const Plugin *plugin);
const char *plugin_program(const Plugin *plugin, int program);
int plugin_knobs(const Plugin *plugin);
const Knob *plugin_knob(const Plugin *plugin, int knob);
uint32_t plugin_hash(const char *symbol); /* a knob's number that stays the same in all versions */

/* Read the number at the beginning of `text`; the decimal separator is a point, whatever language the host has set. Returns the
 * number's end, or NULL if there is no number. */
const char *plugin_number(const char *text, double *number);

/* Get ready to play at a sample rate, and reset. Returns 0 if that cannot be: then `plugin_trouble` says why. */
int plugin_prepare(Plugin *plugin, double sample_rate);
int plugin_is_current(const Plugin *plugin); /* 0: another program waits for `plugin_prepare` or `plugin_serve` */
void plugin_reset(Plugin *plugin);
int64_t plugin_latency(const Plugin *plugin); /* in samples */

/* How to change the program: call `plugin_asks` before each block. If it does not return 0, call `plugin_serve`, from another
 * thread if this one plays in real time. The program plays some time afterwards. */
int plugin_asks(Plugin *plugin);
void plugin_ask_again(Plugin *plugin); /* `plugin_serve` could not be called */
/* SERVED_AT_START: the program has another latency, which needs `plugin_prepare`. SERVED_NOT: the program cannot play, and the
 * one that played plays on; `plugin_trouble` says why. */
enum { SERVED, SERVED_AT_START, SERVED_NOT };
int plugin_serve(Plugin *plugin);

void plugin_set(Plugin *plugin, int knob, double value);
double plugin_get(const Plugin *plugin, int knob);

/* Give a MIDI message at a sample of the next block. Messages come in the order of time. */
void plugin_note(Plugin *plugin, int64_t sample, const uint8_t *message, int bytes);

/* Play a block: `in` [channel], `mix` [channel] and `stems` [stem * channels + channel] have `frames` samples each. The mix and
 * the stems may use the memory of `in`, and pointers in `stems` may be NULL. */
void plugin_process(Plugin *plugin, int64_t frames, const float *const *in, float *const *mix, float *const *stems);

/* Everything that a project keeps: the knobs, and what was learnt. The caller frees it. NULL if there is not enough memory. */
unsigned char *plugin_save(Plugin *plugin, size_t *bytes);
/* Restore what `plugin_save` gave. Returns 0 if `data` is something else. What was learnt takes effect at the next reset, if
 * the same plan plays. */
int plugin_load(Plugin *plugin, const unsigned char *data, size_t bytes);
