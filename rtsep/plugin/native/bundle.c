#include "bundle.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const KINDS[] = {"gain", "wet", "bypass", "plan", "split", "program"};

/* The rest of a line after its first word, without what does not fit. */
static void take(char *to, const char *rest) { snprintf(to, MOST_NAME, "%s", rest); }

const char *plugin_number(const char *text, double *number) {
    double digits = 0, divisor = 1, sign;
    int power = 0, some = 0;
    while (*text == ' ') text++;
    sign = *text == '-' ? -1 : 1;
    text += *text == '-' || *text == '+';
    for (; *text >= '0' && *text <= '9'; text++, some = 1) digits = 10 * digits + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, some = 1, divisor *= 10) digits = 10 * digits + (*text - '0');
    if (some && (*text == 'e' || *text == 'E')) {
        int used = 0;
        if (sscanf(text + 1, "%3d%n", &power, &used) == 1) text += 1 + used;
    }
    *number = sign * digits / divisor;
    *number = power < 0 ? *number / pow(10, -power) : *number * pow(10, power);
    return some ? text : NULL;
}

static int read_knob(Bundle *bundle, const char *rest) {
    int at = 0, stem, whole, restart, n = bundle->knob_count;
    char symbol[MOST_NAME], kind[16];
    double least, most, start;
    if (n == MOST_KNOBS || sscanf(rest, "%63s %15s %d %n", symbol, kind, &stem, &at) < 3 || !at) return 0;
    rest += at;
    if (!(rest = plugin_number(rest, &least)) || !(rest = plugin_number(rest, &most)) || !(rest = plugin_number(rest, &start)))
        return 0;
    at = 0;
    if (sscanf(rest, "%d %d %n", &whole, &restart, &at) < 2 || !at) return 0;
    if (!(least < most && start >= least && start <= most)) return 0;
    bundle->kinds[n] = -1;
    for (int i = 0; i < (int)(sizeof KINDS / sizeof *KINDS); i++)
        if (!strcmp(kind, KINDS[i])) bundle->kinds[n] = i;
    if (bundle->kinds[n] < 0) return 1; /* A newer version's: it is left out. */
    if (bundle->kinds[n] == KNOB_GAIN && (stem < 0 || stem >= bundle->stem_count)) return 0;
    if (bundle->kinds[n] == KNOB_SPLIT && (bundle->stem_count < 2 || least < 0 || most > 127)) return 0;
    if (bundle->kinds[n] == KNOB_PROGRAM && most > bundle->program_count - 1) return 0;
    bundle->stem_of[n] = stem;
    bundle->knobs[n] = (Knob){.least = least, .most = most, .start = start, .whole = whole, .restart = restart};
    take(bundle->knobs[n].symbol, symbol);
    take(bundle->knobs[n].name, rest + at);
    bundle->knob_count++;
    return 1;
}

static int read_line(Bundle *bundle, const char *word, const char *rest) {
    if (!strcmp(word, "name")) take(bundle->name, rest);
    else if (!strcmp(word, "id")) take(bundle->id, rest);
    else if (!strcmp(word, "release")) take(bundle->release, rest);
    else if (!strcmp(word, "channels"))
        return sscanf(rest, "%d", &bundle->channels) == 1 && bundle->channels >= 1 && bundle->channels <= MIX_CHANNELS;
    else if (!strcmp(word, "stem")) {
        if (bundle->stem_count == MOST_STEMS) return 0;
        take(bundle->stems[bundle->stem_count++], rest);
    } else if (!strcmp(word, "program")) {
        if (bundle->program_count == MOST_PROGRAMS) return 0;
        take(bundle->programs[bundle->program_count++], rest);
    } else if (!strcmp(word, "rate")) {
        return bundle->rate_count < MOST_RATES && sscanf(rest, "%d", &bundle->rates[bundle->rate_count++]) == 1;
    } else if (!strcmp(word, "knob")) return read_knob(bundle, rest);
    return 1; /* A newer version may say more. */
}

int bundle_read(Bundle *bundle, const char *folder, char *trouble) {
    char path[MOST_PATH + 16], line[512], word[16];
    FILE *file;
    int number = 0, version = 0, well = 1;
    memset(bundle, 0, sizeof *bundle);
    bundle->channels = 2;
    snprintf(bundle->folder, sizeof bundle->folder, "%s", folder);
    snprintf(path, sizeof path, "%s/bundle.txt", folder);
    file = fopen(path, "r");
    while (file && well && fgets(line, sizeof line, file)) {
        int at = 0;
        line[strcspn(line, "\r\n")] = 0;
        if (sscanf(line, "%15s %n", word, &at) < 1) continue;
        if (number++) well = read_line(bundle, word, line + at);
        else well = !strcmp(word, "rtsep-bundle") && sscanf(line + at, "%d", &version) == 1;
    }
    if (file) fclose(file);
    if (file && well && version == 1 && bundle->stem_count && bundle->program_count) return 1;
    if (!file) snprintf(trouble, MOST_TROUBLE, "%.180s cannot be read: make the plug-in anew", path);
    else if (well && version > 1)
        snprintf(trouble, MOST_TROUBLE, "%.160s: a newer rtsep has made it: make the plug-in anew", path);
    else snprintf(trouble, MOST_TROUBLE, "%.160s is damaged in line %d: make the plug-in anew", path, number);
    memset(bundle->stems, 0, sizeof bundle->stems);
    bundle->stem_count = bundle->program_count = bundle->knob_count = 0;
    bundle->channels = 2;
    return 0;
}
