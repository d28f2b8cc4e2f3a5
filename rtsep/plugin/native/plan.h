/* Plan files: loaded, checked, and ready to be played by any number of instances. */
#pragma once
#include <stdint.h>
#include <stddef.h>

typedef struct {
    unsigned char *data; /* the file, at a multiple of 64 */
    int64_t bytes;
    unsigned char *unpacked; /* templates, in single precision */
    int64_t unpacked_bytes;
    uint32_t checksum;
    double sample_rate;
    const int64_t *words;  /* PLAN, with places instead of addresses */
    const int64_t *starts; /* (field of STATE, place, bytes) ... */
    int64_t start_count;
    const int64_t *knobs;
    int64_t knob_words;
} PlanFile;

/* How a word of PLAN follows a parameter. */
typedef struct {
    int64_t word, count;
    double first, last;
    const int64_t *values;
} PlanKnob;

/* Load and check a plan file; NULL, and `trouble` [MOST_TROUBLE] says why, if it cannot be played. */
PlanFile *plan_load(const char *path, char *trouble);
void plan_free(PlanFile *plan);

/* What stands at a place: in the file, or among the unpacked templates. */
const unsigned char *plan_at(const PlanFile *plan, int64_t at);

/* Bytes of array `number` of PLAN or of STATE (state != 0) under these words of PLAN; -1: too many. */
int64_t array_bytes(const int64_t *plan_words, int number, int state);

/* The knob with this hash; 0: the plan does not know it. */
int plan_knob(const PlanFile *plan, uint32_t hash, PlanKnob *knob);

void *aligned_memory(size_t bytes); /* zeroed, at a multiple of 64; NULL: there is not enough */
void aligned_release(void *memory);
