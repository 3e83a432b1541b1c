/* The boundary of the application in Go. */
#include "_cgo_export.h"
#include "dsgi.h"
#include <stdlib.h>

enum { ROOM = 64 };

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = DSGI_ABI,
    .flavour = DSGI_FLAVOUR_BLOCKING,
    .kind = DSGI_KIND_APPLICATION,
    .panic = DSGI_PANIC_MODE_UNWIND,
    .probe = DSGI_PROBE_INIT,
    .name = "in-go",
    .version = "1.0.0",
    .compiler = DSGI_COMPILER,
    .kit = "dsgi.h",
});

static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    (void)given;
    instance->app = NULL;
    return DSGI_ANSWER_READY;
}

static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    uint8_t *text = malloc(ROOM);
    (void)app;
    exchange->table->release(exchange);
    if (!text)
        return DSGI_ANSWER_ERROR;
    reply->status = 200;
    reply->body_kind = DSGI_BODY_KIND_WHOLE;
    reply->whole = (dsgi_bytes){text, answer(text, ROOM), text, free};
    return DSGI_ANSWER_READY;
}

static void drop(void *app)
{
    (void)app;
}

const dsgi_app_table dsgi_app_v1 = {
    .size = sizeof(dsgi_app_table),
    .abi = DSGI_ABI,
    .descriptor = &note.descriptor,
    .init = init,
    .call = call,
    .drop = drop,
};
