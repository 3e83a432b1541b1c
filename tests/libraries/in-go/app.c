/* The boundary of the application in Go. */
#define NAME "in-go"
#define FLAVOUR DSGI_FLAVOUR_BLOCKING
#include "../fixture.h"
#include "_cgo_export.h"
#include <stdlib.h>

enum { ROOM = 64 };

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
    return fixture_answer(reply, (dsgi_bytes){text, answer(text, ROOM), text, free});
}

FIXTURE_TABLE();
