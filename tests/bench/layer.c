/* The least that a layer can be, without any kit: what calling inwards costs at all. With INNER it
 * calls as a function does, which is come back to, else it passes the request on. */
#define NAME "layer-c"
#define KIND DSGI_KIND_LAYER
#include "fixture.h"

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

FIXTURE_TABLE();
