/* What was learnt, in bytes: the plan's checksum, then for each array its field and its rows that have changed. */
#include "engine_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t row_bytes(const Engine *engine, int number) {
    return STATE_FIELDS[number].dimensions < 2 ? array_bytes(engine->plan->words, number, 1)
                                               : 4 * engine->plan->words[PLAN_stride];
}

static const unsigned char *start_of(const Engine *engine, int number) {
    for (int64_t i = 0; i < engine->plan->start_count; i++)
        if (engine->plan->starts[3 * i] == number) return plan_at(engine->plan, engine->plan->starts[3 * i + 1]);
    return NULL;
}

unsigned char *engine_learnt(const Engine *engine, size_t *bytes) {
    size_t room = sizeof(int64_t), used;
    unsigned char *all;
    int64_t checksum = engine->plan->checksum;
    for (int i = 0; i < STATE_WORDS; i++)
        if (STATE_FIELDS[i].learnt && row_bytes(engine, i)) {
            int64_t whole = array_bytes(engine->plan->words, i, 1), row = row_bytes(engine, i);
            room += (size_t)(whole / row * (row + 2 * (int64_t)sizeof(int64_t)));
        }
    all = malloc(room);
    if (!all) return NULL;
    memcpy(all, &checksum, sizeof checksum);
    used = sizeof checksum;
    for (int i = 0; i < STATE_WORDS; i++) {
        int64_t row = STATE_FIELDS[i].learnt ? row_bytes(engine, i) : 0;
        const unsigned char *now = (const unsigned char *)array_of(engine, i), *start = start_of(engine, i);
        for (int64_t r = 0; row && r < array_bytes(engine->plan->words, i, 1) / row; r++) {
            int64_t head[2] = {i, r};
            if (start && !memcmp(now + r * row, start + r * row, (size_t)row)) continue;
            memcpy(all + used, head, sizeof head);
            memcpy(all + used + sizeof head, now + r * row, (size_t)row);
            used += sizeof head + (size_t)row;
        }
    }
    *bytes = used;
    return all;
}

void engine_learn(Engine *engine, const unsigned char *data, size_t bytes) {
    int64_t checksum, head[2];
    size_t at = sizeof checksum;
    if (bytes < at) return;
    memcpy(&checksum, data, sizeof checksum);
    if (checksum != (int64_t)engine->plan->checksum) return;
    while (bytes - at >= sizeof head) {
        int64_t row;
        memcpy(head, data + at, sizeof head);
        at += sizeof head;
        if (head[0] < 0 || head[0] >= STATE_WORDS || !STATE_FIELDS[head[0]].learnt) return;
        row = row_bytes(engine, (int)head[0]);
        if (row <= 0 || bytes - at < (size_t)row) return;
        if (head[1] < 0 || head[1] >= array_bytes(engine->plan->words, (int)head[0], 1) / row) return;
        for (int64_t i = 0; i < row; i += 4) {
            float value;
            memcpy(&value, data + at + i, 4);
            if (!isfinite(value)) return;
        }
        memcpy((unsigned char *)array_of(engine, (int)head[0]) + head[1] * row, data + at, (size_t)row);
        at += (size_t)row;
    }
}
