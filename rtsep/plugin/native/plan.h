/* Plan files: loaded, checked, and ready for any number of instances to play. */
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

/* How a word of PLAN follows a parameter: by its `values` [count] at equally spaced values from `first` to `last`. */
typedef struct {
    int64_t word, count;
    double first, last;
    const int64_t *values;
} PlanKnob;

/* Load and check a plan file. Returns NULL if it cannot be played: then `trouble` [MOST_TROUBLE] says why. */
PlanFile *plan_load(const char *path, char *trouble);
void plan_free(PlanFile *plan);

/* The data at a place, in the file or in the unpacked templates. */
const unsigned char *plan_at(const PlanFile *plan, int64_t at);

/* Size in bytes of array `number` of PLAN or of STATE (state != 0), as these words of PLAN give it; -1: too large. */
int64_t array_bytes(const int64_t *plan_words, int number, int state);

/* Find the knob with this hash. Returns 0 if the plan does not have it. */
int plan_knob(const PlanFile *plan, uint32_t hash, PlanKnob *knob);

void *aligned_memory(size_t bytes); /* zeroed, at a multiple of 64; NULL: not enough memory */
void aligned_release(void *memory);
