/* The CLAP's parameters: the knobs of plugin.h, with texts. */
#include "clap_instance.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int is_turn(const ClapEvent *event) {
    return event->space == CLAP_CORE_EVENTS && event->type == CLAP_PARAM_VALUE && event->size >= sizeof(ClapParamValue);
}

int take_turn(Instance *one, const ClapEvent *event) {
    const ClapParamValue *turn = (const ClapParamValue *)event;
    int k = is_turn(event) ? knob_of(one, turn->param) : -1;
    if (k >= 0) plugin_set(one->plugin, k, turn->value);
    return is_turn(event);
}

static void params_flush(const ClapPlugin *face, const ClapEventsIn *events, const ClapEventsOut *none) {
    (void)none;
    for (uint32_t i = 0, count = events->size(events); i < count; i++) take_turn(of(face), events->get(events, i));
}

const ClapParams PARAMS = {params_count, params_info, params_value, params_text, params_read, params_flush};
