/* An application in C that has one fault, chosen with -DCONSTRUCTOR=.. or another macro below;
 * without any it answers every request with one line. */
#include "dsgi.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a constructor or a function may do instead of its work. */
#define RETURN
#define ABORT abort();
#define CRASH *(volatile int *)8 = 1;
#define EXIT exit(3);
#define HANG for (;;) pause();
/* A process that would outlive its parent and hold what it inherited. */
#define HANG_WITH_CHILD { if (fork() == 0) for (;;) pause(); for (;;) pause(); }

#ifndef CONSTRUCTOR
#define CONSTRUCTOR RETURN
#endif
#ifndef INIT
#define INIT RETURN
#endif
#ifndef CALL
#define CALL RETURN
#endif
#ifndef STATUS
#define STATUS 200
#endif
#ifndef NOTE_ABI
#define NOTE_ABI DSGI_ABI
#endif
#ifndef TABLE_ABI
#define TABLE_ABI DSGI_ABI
#endif
#ifndef KIND
#define KIND DSGI_KIND_APPLICATION
#endif
#ifndef PANIC
#define PANIC DSGI_PANIC_MODE_UNWIND
#endif
#ifndef PROBE
#define PROBE DSGI_PROBE_INIT
#endif
#ifndef NAME
#define NAME "fault"
#endif
#ifndef TEXT
#define TEXT "in C\n"
#endif

DSGI_NOTE(note, {
    .size = sizeof(dsgi_descriptor),
    .abi = NOTE_ABI,
    .flavour = DSGI_FLAVOUR_NON_BLOCKING,
    .kind = KIND,
    .panic = PANIC,
    .probe = PROBE,
    .name = NAME,
    .version = "1.2.3",
    .compiler = DSGI_COMPILER,
    .kit = "dsgi.h",
    .probe_path = "/health",
});

#ifdef UNDEFINED
uint32_t nobody_defines_this(void);
#endif

__attribute__((constructor)) static void constructor(void)
{
#ifdef MARK
    close(open(MARK, O_CREAT | O_WRONLY, 0600));
#endif
    CONSTRUCTOR
}

static uint32_t init(const dsgi_init *given, dsgi_instance *instance)
{
    (void)given;
    INIT
#ifdef FAULT
    static const dsgi_bytes why = DSGI_BYTES(FAULT);
    instance->fault.message = why;
    return DSGI_ANSWER_ERROR;
#endif
    instance->app = NULL;
    return DSGI_ANSWER_READY;
}

static uint32_t call(void *app, dsgi_exchange *exchange, dsgi_reply *reply)
{
    static const dsgi_bytes text = DSGI_BYTES(TEXT);
    (void)app;
    exchange->table->release(exchange);
    CALL
    reply->status = STATUS;
    reply->body_kind = DSGI_BODY_KIND_WHOLE;
    reply->whole = text;
#ifdef UNDEFINED
    reply->status = nobody_defines_this();
#endif
    return DSGI_ANSWER_READY;
}

static void drop(void *app)
{
    (void)app;
}

const dsgi_app_table dsgi_app_v1 = {
    .size = sizeof(dsgi_app_table),
    .abi = TABLE_ABI,
    .descriptor = &note.descriptor,
    .init = init,
    .call = call,
    .drop = drop,
};
