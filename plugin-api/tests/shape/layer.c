/* A layer in C: reads the user that a layer around it gives, and gives the next one. */
#include <stdlib.h>
#include <string.h>

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

struct user {
    uint64_t id;
    dsgi_bytes name;
};

static const dsgi_str name = DSGI_STR("User");
static const dsgi_str layout = DSGI_STR("id: u64 at 0, name: Text at 8 (32); 40");

static void free_user(void *owner)
{
    struct user *user = owner;
    if (user->name.release != NULL)
        user->name.release(user->name.owner);
    free(user);
}

/* A user with the id that follows, and the name that lasts as long as this library. */
static uint32_t give(dsgi_exchange *exchange, uint64_t id)
{
    static const dsgi_bytes text = DSGI_BYTES("from C");
    struct user *user = malloc(sizeof *user);
    if (user == NULL)
        return DSGI_ANSWER_ERROR;
    user->id = id;
    user->name = text;
    dsgi_value value = {.size = sizeof value, .name = name, .layout = layout, .pointer = user};
    value.keep.owner = user;
    value.keep.release = free_user;
    uint32_t answer = exchange->table->set_value(exchange, &value);
    if (answer != DSGI_ANSWER_READY)
        free_user(user);
    return answer;
}

static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    (void)given;
    instance->app = NULL;
    return DSGI_ANSWER_READY;
}

static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    (void)app;
    dsgi_value value = {.size = sizeof value};
    uint64_t id = 0;
    if (exchange->table->value(exchange, name, &value) == DSGI_ANSWER_READY
        && value.layout.len == layout.len && memcmp(value.layout.ptr, layout.ptr, layout.len) == 0)
        id = ((const struct user *)value.pointer)->id;
    if (give(exchange, id + 1) != DSGI_ANSWER_READY) {
        exchange->table->release(exchange);
        return DSGI_ANSWER_ERROR;
    }
    return exchange->table->inner(exchange, reply);
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
