/* The least that a layer can be, without any kit: what calling inwards costs at all. With INNER it
 * calls as a function does, which is come back to, else it passes the request on. */
#include "dsgi.h"

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = DSGI_ABI,
    .flavour = DSGI_FLAVOUR_NON_BLOCKING,
    .kind = DSGI_KIND_LAYER,
    .panic = DSGI_PANIC_MODE_UNWIND,
    .probe = DSGI_PROBE_INIT,
    .name = "layer-c",
    .version = "0.1.0",
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
#ifdef INNER
    (void)app;
    return exchange->table->inner(exchange, reply);
#else
    return exchange->table->pass(app, exchange, reply);
#endif
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
