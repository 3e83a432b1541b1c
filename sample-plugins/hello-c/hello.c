/* The smallest application in C: no kit, only the header of the boundary. */
#include "dsgi.h"

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = DSGI_ABI,
    .flavour = DSGI_FLAVOUR_NON_BLOCKING,
    .kind = DSGI_KIND_APPLICATION,
    .panic = DSGI_PANIC_MODE_UNWIND,
    .probe = DSGI_PROBE_INIT,
    .name = "hello-c",
    .version = "0.1.0",
    .compiler = DSGI_COMPILER,
    .kit = "dsgi.h",
});

static const dsgi_header headers[] = {
    {DSGI_KNOWN_CONTENT_TYPE, 0, DSGI_STR("content-type"), DSGI_STR("text/plain; charset=utf-8")},
};
static const dsgi_bytes text = DSGI_BYTES("I'm a DSGI application.\n");

/* There is nothing to make: every request is answered from constants. */
static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    (void)given;
    instance->app = NULL;
    return DSGI_ANSWER_READY;
}

/* The reply comes zeroed, and zero means absent: only what is there needs to be set. */
static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    (void)app;
    exchange->table->release(exchange);
    reply->status = 200;
    reply->headers = headers;
    reply->header_count = sizeof headers / sizeof *headers;
    reply->header_stride = sizeof *headers;
    reply->body_kind = DSGI_BODY_KIND_WHOLE;
    reply->whole = text;
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
