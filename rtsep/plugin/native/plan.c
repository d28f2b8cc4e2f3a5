/* Plan files can come from anybody: every size, place and index is checked before anything is played. */
#include "plan.h"
#include "layout.h"
#include "plugin.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 2, MOST_BYTES = 1 << 30, UNPACKED = MOST_BYTES, ALIGNMENT = 64, MOST_ROWS = 64 };

typedef struct {
    char magic[8];
    int64_t version;
    unsigned char layout[16];
    int64_t bytes, checksum;
    double sample_rate;
    int64_t plan_words, state_words, plan_at, starts_at, starts, knobs_at, knob_words, rows_at, rows;
} Header;

void *aligned_memory(size_t bytes) {
    unsigned char *whole = calloc(1, bytes + 2 * ALIGNMENT), *begin;
    if (!whole) return NULL;
    begin = whole + ALIGNMENT + (ALIGNMENT - (uintptr_t)whole % ALIGNMENT) % ALIGNMENT;
    memcpy(begin - sizeof whole, &whole, sizeof whole);
    return begin;
}

void aligned_release(void *memory) {
    void *whole;
    if (!memory) return;
    memcpy(&whole, (unsigned char *)memory - sizeof whole, sizeof whole);
    free(whole);
}

/* The same checksum as zlib's crc32: polynomial 0xEDB88320. */
static uint32_t crc32_of(const unsigned char *data, int64_t bytes) {
    uint32_t table[256], found = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
        table[i] = value;
    }
    for (int64_t i = 0; i < bytes; i++) found = found >> 8 ^ table[(found ^ data[i]) & 0xFF];
    return found ^ 0xFFFFFFFFu;
}

static int64_t sum_of(const int64_t *words, const Sum *sum) {
    int64_t found = sum->constant;
    for (int i = 0; i < sum->terms; i++) found += sum->term[i].sign * words[sum->term[i].word];
    return found;
}

int64_t array_bytes(const int64_t *words, int number, int state) {
    const Field *field = state ? &STATE_FIELDS[number] : &PLAN_FIELDS[number];
    int64_t bytes = field->bytes;
    for (int i = 0; i < field->dimensions; i++) {
        int64_t size = sum_of(words, &field->shape[i]);
        if (size < 0 || size > MOST_BYTES) return -1;
        bytes *= size;
        if (bytes > MOST_BYTES) return -1;
    }
    return bytes;
}

/* Whether `bytes` bytes from place `at`, a multiple of `step`, lie in the file. */
static int lies_in_file(const PlanFile *plan, int64_t at, int64_t bytes, int64_t step) {
    return at >= (int64_t)sizeof(Header) && at % step == 0 && bytes >= 0 && at <= plan->bytes && bytes <= plan->bytes - at;
}

/* Whether they lie in the file or in the unpacked templates. */
static int lies_within(const PlanFile *plan, int64_t at, int64_t bytes, int64_t step) {
    if (at < UNPACKED) return lies_in_file(plan, at, bytes, step);
    at -= UNPACKED;
    return at % step == 0 && bytes >= 0 && at <= plan->unpacked_bytes && bytes <= plan->unpacked_bytes - at;
}

const unsigned char *plan_at(const PlanFile *plan, int64_t at) {
    return at < UNPACKED ? plan->data + at : plan->unpacked + (at - UNPACKED);
}

/* IEEE 754's half precision: a bit for the sign, 5 bits for the exponent, 10 bits for the fraction. */
static float from_half(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    float found = (float)(exponent ? fraction + 1024 : fraction) * (float)(1 << (exponent ? exponent - 1 : 0)) * 0x1p-24f;
    if (exponent == 31) return NAN;
    return half >> 15 ? -found : found;
}

/* Unpack all templates. Returns 0 if their sizes cannot be right, or if there is not enough memory. */
static int unpack(PlanFile *plan, const int64_t *rows, int64_t count) {
    int64_t used = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(plan->unpacked = aligned_memory((size_t)used + 1))) return 0;
        plan->unpacked_bytes = used;
        used = 0;
        for (int64_t i = 0; i < count; i++) {
            int64_t height = rows[4 * i], width = rows[4 * i + 1], peaks = rows[4 * i + 2], halves = rows[4 * i + 3];
            if (height < 1 || width < 1 || height > 1 << 20 || width > 1 << 20 || height * width > MOST_BYTES / 4) return 0;
            if (!lies_in_file(plan, peaks, 4 * height, ALIGNMENT) || !lies_in_file(plan, halves, 2 * height * width, ALIGNMENT))
                return 0;
            for (int64_t k = 0; pass && k < height * width; k++) {
                uint16_t half;
                float peak;
                memcpy(&half, plan->data + halves + 2 * k, 2);
                memcpy(&peak, plan->data + peaks + 4 * (k / width), 4);
                ((float *)(plan->unpacked + used))[k] = from_half(half) * peak;
            }
            used += (4 * height * width + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            if (used > MOST_BYTES) return 0;
        }
    }
    return 1;
}

static int is_between(int64_t value, const int64_t *words, const Field *field) {
    return value >= sum_of(words, &field->least) && value <= sum_of(words, &field->most);
}

/* Check that PLAN's whole numbers, by which arrays are sized, lie within their limits and fit together. */
static const char *check_sizes(const int64_t *words) {
    int64_t window = words[PLAN_window_size], hop = words[PLAN_hop], overlap = words[PLAN_overlap], taps = words[PLAN_taps];
    int known = 0;
    for (int i = 0; i < PLAN_WORDS; i++)
        if (PLAN_FIELDS[i].kind == NUMBER && PLAN_FIELDS[i].whole && !is_between(words[i], words, &PLAN_FIELDS[i]))
            return PLAN_FIELDS[i].name;
    for (int i = 0; i < WINDOW_COUNT; i++)
        known |= window == WINDOWS[i][0] && words[PLAN_twiddles_size] == WINDOWS[i][1] &&
                 words[PLAN_scratch_size] == WINDOWS[i][2];
    if (!known) return "window_size";
    if (hop & (hop - 1) || 4 * words[PLAN_slot] != hop) return "hop";
    if (words[PLAN_bins] != window / 2 + 1 || words[PLAN_ring_size] != 2 * window) return "bins";
    if (words[PLAN_stride] % 16 || words[PLAN_stride] > words[PLAN_bins] + 64) return "stride";
    if (taps ? overlap || words[PLAN_latency] || taps > window / 2 || taps % 16 : overlap & (overlap - 1) || overlap < hop)
        return "overlap";
    if (!taps && words[PLAN_latency] != overlap) return "latency";
    if (words[PLAN_panning] && words[PLAN_channels] != 2) return "panning";
    if (words[PLAN_paths] != (words[PLAN_panning] && taps ? 4 : 1)) return "paths";
    if (words[PLAN_encoded] && words[PLAN_encoded] != words[PLAN_rows]) return "encoded";
    if (words[PLAN_method] && !words[PLAN_encoded]) return "method";
    if (words[PLAN_first_bin] > words[PLAN_last_bin]) return "first_bin";
    return NULL;
}

static int is_finite(const PlanFile *plan, int number) {
    const Field *field = &PLAN_FIELDS[number];
    int64_t count = array_bytes(plan->words, number, 0) / field->bytes;
    const unsigned char *at = plan_at(plan, plan->words[number]);
    for (int64_t i = 0; i < count; i++) {
        double value;
        if (field->bytes == 8) memcpy(&value, at + 8 * i, 8);
        else {
            float narrow;
            memcpy(&narrow, at + 4 * i, 4);
            value = narrow;
        }
        if (!isfinite(value)) return 0;
    }
    return 1;
}

static int are_between(const PlanFile *plan, int number) {
    const Field *field = &PLAN_FIELDS[number];
    int64_t count = array_bytes(plan->words, number, 0) / field->bytes, wide;
    const unsigned char *at = plan_at(plan, plan->words[number]);
    for (int64_t i = 0; i < count; i++) {
        if (field->bytes == 8) memcpy(&wide, at + 8 * i, 8);
        else if (field->bytes == 4) {
            int32_t narrow;
            memcpy(&narrow, at + 4 * i, 4);
            wide = narrow;
        } else wide = (signed char)at[i];
        if (!is_between(wide, plan->words, field)) return 0;
    }
    return 1;
}

static const char *check_arrays(const PlanFile *plan) {
    const int64_t *words = plan->words;
    int64_t all = 0;
    for (int i = 0; i < PLAN_WORDS; i++) {
        const Field *field = &PLAN_FIELDS[i];
        if (field->kind == NUMBER && !field->whole) {
            double value;
            memcpy(&value, &words[i], 8);
            if (!isfinite(value)) return field->name;
        }
        if (field->kind != ARRAY) continue;
        if (!words[PLAN_by_hands] && (i == PLAN_hand_first || i == PLAN_hand_second || i == PLAN_hand_output)) continue;
        if (!lies_within(plan, words[i], array_bytes(words, i, 0), ALIGNMENT)) return field->name;
        if (!(field->whole ? are_between(plan, i) : is_finite(plan, i))) return field->name;
    }
    const int64_t *first = (const int64_t *)plan_at(plan, words[PLAN_first_row]);
    const int64_t *rows = (const int64_t *)plan_at(plan, words[PLAN_row_count]);
    for (int64_t i = 0; i < 128 * words[PLAN_stems]; i++)
        if (rows[i] && (first[i] + rows[i] > words[PLAN_rows] || rows[i] > words[PLAN_open_limit])) return "row_count";
    for (int i = 0; i < STATE_WORDS; i++) {
        int64_t bytes = STATE_FIELDS[i].kind == ARRAY ? array_bytes(words, i, 1) : 0;
        if (bytes < 0 || (all += bytes) > MOST_BYTES) return STATE_FIELDS[i].name;
    }
    return NULL;
}

static const char *check_starts(const PlanFile *plan) {
    for (int64_t i = 0; i < plan->start_count; i++) {
        const int64_t *start = plan->starts + 3 * i;
        if (start[0] < 0 || start[0] >= STATE_WORDS || STATE_FIELDS[start[0]].kind != ARRAY || STATE_FIELDS[start[0]].whole)
            return "starts";
        if (start[2] != array_bytes(plan->words, (int)start[0], 1) || !lies_within(plan, start[1], start[2], ALIGNMENT))
            return STATE_FIELDS[start[0]].name;
        for (int64_t k = 0; k + 4 <= start[2]; k += 4) {
            float value;
            memcpy(&value, plan_at(plan, start[1]) + k, 4);
            if (!isfinite(value)) return STATE_FIELDS[start[0]].name;
        }
    }
    return NULL;
}

/* Check that knobs move only numbers that are no sizes, and only within their limits. */
static const char *check_knobs(const PlanFile *plan) {
    static const int MOVED[] = {PLAN_power_halves, PLAN_suppression, PLAN_prediction, PLAN_background_learns, PLAN_adapt_hold};
    int64_t at = 0;
    while (at < plan->knob_words) {
        const int64_t *knob = plan->knobs + at;
        double ends[2], value;
        int may = 0;
        if (plan->knob_words - at < 5) return "knobs";
        memcpy(ends, knob + 2, 16);
        for (size_t i = 0; i < sizeof MOVED / sizeof *MOVED; i++) may |= knob[1] == MOVED[i];
        if (!may || knob[4] < 2 || knob[4] > plan->knob_words - at - 5) return "knobs";
        if (!(isfinite(ends[0]) && ends[0] < ends[1] && isfinite(ends[1]))) return "knobs";
        for (int64_t i = 0; i < knob[4]; i++) {
            memcpy(&value, knob + 5 + i, 8);
            if (PLAN_FIELDS[knob[1]].whole ? !is_between(knob[5 + i], plan->words, &PLAN_FIELDS[knob[1]]) : !isfinite(value))
                return "knobs";
        }
        at += 5 + knob[4];
    }
    return NULL;
}

int plan_knob(const PlanFile *plan, uint32_t hash, PlanKnob *found) {
    for (int64_t at = 0; at < plan->knob_words; at += 5 + plan->knobs[at + 4]) {
        const int64_t *knob = plan->knobs + at;
        if (knob[0] != (int64_t)hash) continue;
        found->word = knob[1];
        memcpy(&found->first, knob + 2, 8);
        memcpy(&found->last, knob + 3, 8);
        found->count = knob[4];
        found->values = knob + 5;
        return 1;
    }
    return 0;
}

static int read_file(PlanFile *plan, const char *path) {
    FILE *file = fopen(path, "rb");
    long bytes;
    int whole;
    if (!file) return 0;
    whole = !fseek(file, 0, SEEK_END) && (bytes = ftell(file)) >= 0 && bytes <= MOST_BYTES && !fseek(file, 0, SEEK_SET);
    if (whole) {
        plan->bytes = bytes;
        plan->data = aligned_memory((size_t)bytes + 1);
        whole = plan->data && fread(plan->data, 1, (size_t)bytes, file) == (size_t)bytes;
    }
    fclose(file);
    return whole;
}

/* What is wrong, or NULL; `text` [128] is memory for the answer. */
static const char *check(PlanFile *plan, char *text) {
    Header header;
    const char *wrong;
    if (plan->bytes < (int64_t)sizeof header) return "it is cut off";
    memcpy(&header, plan->data, sizeof header);
    if (memcmp(header.magic, "RTSEPLAN", 8)) return "it is no plan of rtsep";
    if (header.version > VERSION) return "a newer rtsep has made it: make the plug-in again";
    if (header.version == VERSION && header.bytes != plan->bytes) return "it is cut off";
    if (header.version != VERSION || memcmp(header.layout, LAYOUT, 16) || header.plan_words != PLAN_WORDS ||
        header.state_words != STATE_WORDS)
        return "another version of rtsep has made it: make the plug-in again";
    plan->checksum = crc32_of(plan->data + sizeof header, plan->bytes - (int64_t)sizeof header);
    if (plan->checksum != header.checksum) return "it is damaged";
    if (!(header.sample_rate > 0 && header.sample_rate < 1e6)) return "it has no valid sample rate";
    plan->sample_rate = header.sample_rate;
    wrong = "it is damaged: some of its parts lie outside the file";
    if (!lies_in_file(plan, header.plan_at, 8 * PLAN_WORDS, 8)) return wrong;
    if (header.starts < 0 || header.starts > STATE_WORDS || header.knob_words < 0 || header.knob_words > 1 << 20) return wrong;
    if (!lies_in_file(plan, header.starts_at, 24 * header.starts, 8)) return wrong;
    if (!lies_in_file(plan, header.knobs_at, 8 * header.knob_words, 8)) return wrong;
    if (header.rows < 0 || header.rows > MOST_ROWS || !lies_in_file(plan, header.rows_at, 32 * header.rows, 8)) return wrong;
    if (!unpack(plan, (const int64_t *)(plan->data + header.rows_at), header.rows)) return wrong;
    plan->words = (const int64_t *)(plan->data + header.plan_at);
    plan->starts = (const int64_t *)(plan->data + header.starts_at);
    plan->knobs = (const int64_t *)(plan->data + header.knobs_at);
    plan->start_count = header.starts;
    plan->knob_words = header.knob_words;
    wrong = check_sizes(plan->words);
    if (!wrong) wrong = check_arrays(plan);
    if (!wrong) wrong = check_starts(plan);
    if (!wrong) wrong = check_knobs(plan);
    if (!wrong) return NULL;
    snprintf(text, 128, "it is damaged: its field %s cannot be right", wrong);
    return text;
}

PlanFile *plan_load(const char *path, char *trouble) {
    PlanFile *plan = calloc(1, sizeof *plan);
    const char *wrong = "there is not enough memory";
    char text[128];
    if (plan) wrong = read_file(plan, path) ? check(plan, text) : "it cannot be read";
    if (!wrong) return plan;
    snprintf(trouble, MOST_TROUBLE, "%.160s: %s", path, wrong);
    plan_free(plan);
    return NULL;
}

void plan_free(PlanFile *plan) {
    if (!plan) return;
    aligned_release(plan->data);
    aligned_release(plan->unpacked);
    free(plan);
}
