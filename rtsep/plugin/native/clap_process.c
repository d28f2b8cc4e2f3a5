/* What the CLAP plays: events and sound of a block. */
#include "clap_instance.h"
#include <math.h>

enum { STEP = 1024, CHANNELS = 16, KEYS = 128, ALL_SOUND_OFF = 120, ALL_NOTES_OFF = 123 };

static const float SILENCE[STEP]; /* what an input that the host leaves out sounds like */

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

static void take(Instance *one, int64_t sample, const ClapEvent *event) {
    if (take_turn(one, event) || event->space != CLAP_CORE_EVENTS) return;
    if (event->type <= CLAP_NOTE_CHOKE && event->size >= sizeof(ClapNote)) take_note(one, sample, (const ClapNote *)event);
    else if (event->type == CLAP_MIDI && event->size >= sizeof(ClapMidi))
        plugin_note(one->plugin, sample, ((const ClapMidi *)event)->data, 3);
}

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
    if (plugin_asks(one->plugin)) {
        if (atomic_load(&one->offline)) serve(one); /* So the change has its sample. */
        else one->host->request_callback(one->host);
    }
    plugin_process(one->plugin, to - from, in, mix, out);
}

int32_t process(const ClapPlugin *face, const ClapProcess *block) {
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
