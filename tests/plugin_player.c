/* Plays the core of the plug-in on any system: plugin_player FOLDER RATE FRAMES SOUND NOTES OUT, all of them raw files:
 * SOUND float32 [channel][FRAMES], NOTES int32 [n][4] (sample, status, two data bytes), OUT mix and stems as SOUND. */
#include "plugin.h"
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 200 };

static void *read_all(const char *path, long *bytes) {
    FILE *file = fopen(path, "rb");
    void *data;
    if (!file) exit(2);
    fseek(file, 0, SEEK_END);
    *bytes = ftell(file);
    rewind(file);
    data = malloc((size_t)*bytes + 1);
    if (fread(data, 1, (size_t)*bytes, file) != (size_t)*bytes) exit(2);
    fclose(file);
    return data;
}

int main(int count, char **words) {
    Plugin *plugin = plugin_new(words[1]);
    long bytes, frames, notes, note = 0;
    const float *in[MIX_CHANNELS];
    float *sound, *out, *mix[MIX_CHANNELS], *stems[MOST_STEMS * MIX_CHANNELS];
    int32_t *events;
    int channels, planes;
    FILE *file;
    if (count != 7 || !plugin_prepare(plugin, atof(words[2]))) {
        fprintf(stderr, "%s\n", plugin_trouble(plugin));
        return 1;
    }
    frames = atol(words[3]);
    sound = read_all(words[4], &bytes);
    events = read_all(words[5], &bytes);
    notes = bytes / 16;
    channels = plugin_channels(plugin);
    planes = channels * (1 + plugin_stems(plugin));
    out = malloc(sizeof(float) * (size_t)(frames * planes));
    for (long begin = 0; begin < frames; begin += BLOCK) {
        long size = frames - begin < BLOCK ? frames - begin : BLOCK;
        for (; note < notes && events[4 * note] < begin + size; note++) {
            uint8_t message[3] = {(uint8_t)events[4 * note + 1], (uint8_t)events[4 * note + 2], (uint8_t)events[4 * note + 3]};
            plugin_note(plugin, events[4 * note] - begin, message, 3);
        }
        for (int c = 0; c < channels; c++) {
            in[c] = sound + c * frames + begin;
            mix[c] = out + c * frames + begin;
        }
        for (int i = channels; i < planes; i++) stems[i - channels] = out + i * frames + begin;
        plugin_process(plugin, size, in, mix, stems);
    }
    file = fopen(words[6], "wb");
    if (!file || fwrite(out, sizeof(float), (size_t)(frames * planes), file) != (size_t)(frames * planes)) return 1;
    fclose(file);
    plugin_free(plugin);
    return 0;
}
