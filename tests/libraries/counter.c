/* An application in C that counts its requests, and hands the count over. Two versions differ in
 * VERSION. Each counts for itself: the larger of two counts by the same one is the newer. */
#define NAME "counter"
#include "fixture.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct count {
    uint64_t generation;
    uint64_t requests;
};

/* What is wrong with its start. */
#ifndef INIT
#define INIT
#endif

#define MOST 64
#define FORMAT 1

static struct count counts[MOST];
static size_t known;
static uint64_t generation;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const int version = VERSION;

/* The count of a generation, or null when there is no room for one more. */
static struct count *count_of(uint64_t of)
{
    for (size_t at = 0; at < known; at++)
        if (counts[at].generation == of)
            return &counts[at];
    if (known == MOST)
        return NULL;
    counts[known].generation = of;
    return &counts[known++];
}

static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    generation = given->generation;
    instance->app = NULL;
    INIT
    return DSGI_ANSWER_READY;
}

static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    uint64_t total = 0;
    char *text = malloc(32);
    (void)app;
    exchange->table->release(exchange);
    pthread_mutex_lock(&lock);
    struct count *own = count_of(generation);
    if (own)
        own->requests++;
    for (size_t at = 0; at < known; at++)
        total += counts[at].requests;
    pthread_mutex_unlock(&lock);
    size_t length = (size_t)snprintf(text, 32, "visitor %llu\n", (unsigned long long)total);
    return fixture_answer(reply, (dsgi_bytes){(const uint8_t *)text, length, text, free});
}

static uint32_t export_state(void *app, dsgi_state *state)
{
    (void)app;
    pthread_mutex_lock(&lock);
    size_t length = known * sizeof *counts;
    uint8_t *copy = malloc(length + 1);
    memcpy(copy, counts, length);
    pthread_mutex_unlock(&lock);
    state->format = FORMAT;
    state->bytes.ptr = copy;
    state->bytes.len = length;
    state->bytes.owner = copy;
    state->bytes.release = free;
    return DSGI_ANSWER_READY;
}

static uint32_t import_state(void *app, dsgi_state *state)
{
    static const dsgi_bytes why = DSGI_BYTES("its format is not known");
    (void)app;
    if (state->format != FORMAT || state->bytes.len % sizeof *counts) {
        state->fault.message = why;
        return DSGI_ANSWER_ERROR;
    }
    pthread_mutex_lock(&lock);
    for (size_t at = 0; at < state->bytes.len; at += sizeof *counts) {
        struct count theirs;
        memcpy(&theirs, state->bytes.ptr + at, sizeof theirs);
        struct count *ours = count_of(theirs.generation);
        if (ours && ours->requests < theirs.requests)
            ours->requests = theirs.requests;
    }
    pthread_mutex_unlock(&lock);
    return DSGI_ANSWER_READY;
}

FIXTURE_TABLE(.export_state = export_state, .import_state = import_state);
