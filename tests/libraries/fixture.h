/* What every application in C of the tests has: its note, its table, and an answer of one text.
 *
 * Before it NAME is defined, and what is not as here; behind `init` and `call` stands
 * FIXTURE_TABLE(), with further functions of the table between the brackets. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "dsgi.h"

#ifndef FLAVOUR
#define FLAVOUR DSGI_FLAVOUR_NON_BLOCKING
#endif
#ifndef KIND
#define KIND DSGI_KIND_APPLICATION
#endif
#ifndef PANIC
#define PANIC DSGI_PANIC_MODE_UNWIND
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef PROBE
#define PROBE DSGI_PROBE_INIT
#endif
#ifndef NOTE_ABI
#define NOTE_ABI DSGI_ABI
#endif
#ifndef TABLE_ABI
#define TABLE_ABI DSGI_ABI
#endif
#ifndef TABLE_DESCRIPTOR
#define TABLE_DESCRIPTOR &note.descriptor
#endif

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = NOTE_ABI,
    .flavour = FLAVOUR,
    .kind = KIND,
    .panic = PANIC,
    .flags = FLAGS,
    .probe = PROBE,
    .name = NAME,
    .version = "1.2.3",
    .compiler = DSGI_COMPILER,
    .kit = "dsgi.h",
    .probe_path = "/health",
});

/* 200, and a text that its owner frees. */
__attribute__((unused)) static uint32_t fixture_answer(dsgi_reply *reply, dsgi_bytes text)
{
    static const dsgi_header headers[] = {
        {.name = DSGI_STR("content-type"), .value = DSGI_STR("text/plain")},
    };
    reply->status = 200;
    reply->headers = headers;
    reply->header_count = sizeof headers / sizeof *headers;
    reply->header_stride = sizeof *headers;
    reply->body_kind = DSGI_BODY_KIND_WHOLE;
    reply->whole = text;
    return DSGI_ANSWER_READY;
}

static void fixture_drop(void *app)
{
    (void)app;
}

#define FIXTURE_TABLE(...)                                                                        \
    const dsgi_app_table dsgi_app_v1 = {                                                          \
        .size = sizeof(dsgi_app_table),                                                           \
        .abi = TABLE_ABI,                                                                         \
        .descriptor = TABLE_DESCRIPTOR,                                                           \
        .init = init,                                                                             \
        .call = call,                                                                             \
        .drop = fixture_drop,                                                                     \
        __VA_ARGS__                                                                               \
    }

#endif
