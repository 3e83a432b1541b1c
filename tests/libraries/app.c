/* An application in C with the one fault that -D options give it; without any it answers every
 * request with one line. CONSTRUCTOR, INIT and CALL say what is done in these places. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETURN
#define ABORT abort();
#define CRASH *(volatile int *)8 = 1;
#define EXIT exit(3);
#define HANG for (;;) pause();
#define LEAVE_PROCESS if (given->purpose == DSGI_PURPOSE_PROBE) leave(getpgrp());
#define LEAVE_DAEMON if (given->purpose == DSGI_PURPOSE_PROBE) leave(0);
#define HANG_WITH_PROCESS leave(getpgrp()); HANG
#define DESCRIBE describe(given);

#ifndef CONSTRUCTOR
#define CONSTRUCTOR RETURN
#endif
#ifndef INIT
#define INIT RETURN
#endif
#ifndef CALL
#define CALL RETURN
#endif
/* What becomes of the request itself. */
#ifndef TAKE
#define TAKE exchange->table->release(exchange);
#endif
#ifndef STATUS
#define STATUS 200
#endif
#ifndef NAME
#define NAME "one"
#endif
#ifndef TEXT
#define TEXT "in C\n"
#endif
/* A file for what a test wants to know. */
#ifndef REPORT
#define REPORT "/dev/null"
#endif

/* What the table says of the library; the note may say another thing. */
#ifdef OTHER_DESCRIPTOR
#define TABLE_DESCRIPTOR &other
#endif
#include "fixture.h"
#ifdef OTHER_DESCRIPTOR
static const dsgi_descriptor other = {
    .size = sizeof(dsgi_descriptor),
    .abi = NOTE_ABI,
    .flavour = DSGI_FLAVOUR_BLOCKING,
    .kind = KIND,
    .panic = DSGI_PANIC_MODE_UNWIND,
    .name = NAME,
};
#endif

#ifdef UNDEFINED
uint32_t nobody_defines_this(void);
#endif

static FILE *report(void)
{
    FILE *file = fopen(REPORT, "a");
    if (!file)
        abort();
    return file;
}

/* Forks a process that stays, in this process group or, for 0, in a session of its own, and
 * reports its id. */
__attribute__((unused)) static void leave(pid_t group)
{
    int ready[2];
    char byte = 0;
    if (pipe(ready) < 0)
        abort();
    if (fork() == 0) {
        if (group == 0)
            setsid();
        FILE *file = report();
        fprintf(file, "%d\n", getpid());
        fclose(file);
        if (write(ready[1], &byte, 1) == 1)
            HANG
        abort();
    }
    if (read(ready[0], &byte, 1) != 1)
        abort();
}

/* Reports what this process is and has: one fact on a line, after the purpose. */
__attribute__((unused)) static void describe(const dsgi_init *given)
{
    const char *purpose = given->purpose == DSGI_PURPOSE_PROBE ? "probe" : "serve";
    FILE *file = report();
    char text[4096];
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, text, sizeof text);
        if (length > 0)
            fprintf(file, "%s descriptor %s %.*s\n", purpose, entry->d_name, (int)length, text);
    }
    closedir(folder);
    FILE *arguments = fopen("/proc/self/cmdline", "r");
    for (size_t length = fread(text, 1, sizeof text, arguments), at = 0; at < length;) {
        fprintf(file, "%s argument %s\n", purpose, text + at);
        at += strlen(text + at) + 1;
    }
    fclose(arguments);
    fprintf(file, "%s config %.*s\n", purpose, (int)given->config.len, given->config.ptr);
    fprintf(file, "%s process %d\n%s group %d\n", purpose, getpid(), purpose, getpgrp());
    fclose(file);
}

__attribute__((constructor)) static void constructor(void)
{
#ifdef MARK
    FILE *file = report();
    fputs("the constructor has run\n", file);
    fclose(file);
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
    TAKE
    CALL
    fixture_answer(reply, text);
    reply->status = STATUS;
#ifdef UNDEFINED
    reply->status = nobody_defines_this();
#endif
    return DSGI_ANSWER_READY;
}

FIXTURE_TABLE();
