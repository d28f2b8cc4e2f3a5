/* The types with which layout.h describes the fields of the engine's records. */
#pragma once
#include <stdint.h>

enum { NUMBER, ARRAY, LINK };
enum { MOST_TERMS = 2, MOST_DIMENSIONS = 4 };

typedef struct {
    int sign, word;
} Term;

/* A sum of a constant and of words of PLAN. */
typedef struct {
    int64_t constant;
    int terms;
    Term term[MOST_TERMS];
} Sum;

typedef struct {
    const char *name;
    int kind, whole, bytes, dimensions; /* whole: numbers are integers; bytes: of an element */
    Sum shape[MOST_DIMENSIONS];
    Sum least, most; /* of whole numbers of PLAN */
    int learnt;      /* saved with a project */
} Field;
