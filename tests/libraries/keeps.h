/* What an application of app.c keeps of the host beyond a request, or makes the host keep of it, on
 * purpose and until GATE, a file, is there. Given to gcc with -include; each is a function for one
 * of the macros of app.c. */
#define _GNU_SOURCE
#ifndef NAME
#define NAME "one"
#endif
#include "fixture.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs until the gate is open, and then gives back what it was given. */
static void *keeper(void *handle)
{
    while (access(GATE, F_OK))
        usleep(1000);
    if (handle)
        ((dsgi_exchange *)handle)->table->release(handle);
    return NULL;
}

/* Starts a thread of the library that nobody waits for. */
__attribute__((unused)) static void keep_thread(void *handle)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, keeper, handle))
        abort();
    pthread_setname_np(thread, "keeper");
    pthread_detach(thread);
}

/* Keeps a second handle of the request when that is over. */
__attribute__((unused)) static void keep_exchange(dsgi_exchange *exchange)
{
    keep_thread(exchange->table->clone(exchange));
    exchange->table->release(exchange);
}

static const dsgi_waker_table own_wakers;
static dsgi_waker own_waker = {&own_wakers};

static dsgi_waker *own_clone(const dsgi_waker *waker)
{
    (void)waker;
    return &own_waker;
}

static void own_wake(const dsgi_waker *waker)
{
    (void)waker;
    fputs("app: woken\n", stderr);
}

static void own_wake_and_drop(dsgi_waker *waker)
{
    own_wake(waker);
}

static void own_drop(dsgi_waker *waker)
{
    (void)waker;
}

static const dsgi_waker_table own_wakers = {
    .size = sizeof(dsgi_waker_table),
    .clone = own_clone,
    .wake = own_wake_and_drop,
    .wake_by_ref = own_wake,
    .drop = own_drop,
};

/* Reads what is there of the input, leaves a waker of the library for the rest, and keeps it. */
__attribute__((unused)) static void keep_input(dsgi_exchange *exchange)
{
    uint32_t answer;
    do {
        dsgi_frame frame = {.size = sizeof frame};
        answer = exchange->table->read(exchange, &own_waker, &frame);
        if (answer == DSGI_ANSWER_READY && frame.data.release)
            frame.data.release(frame.data.owner);
    } while (answer == DSGI_ANSWER_READY);
    if (answer == DSGI_ANSWER_PENDING)
        fputs("app: waits for its input\n", stderr);
    keep_thread(exchange);
}

/* The host's own waker, cloned at the first poll and never given back. */
static dsgi_waker *kept_waker;

__attribute__((unused)) static uint32_t keep_waker(
    dsgi_future *future, const dsgi_waker *waker, dsgi_reply *reply)
{
    static const dsgi_bytes text = DSGI_BYTES("after a waker\n");
    (void)future;
    if (!kept_waker) {
        kept_waker = waker->table->clone(waker);
        waker->table->wake_by_ref(waker);
        return DSGI_ANSWER_PENDING;
    }
    return fixture_answer(reply, text);
}

static void keep_nothing(dsgi_future *future)
{
    (void)future;
}

__attribute__((unused)) static const dsgi_future_table keeping = {
    .size = sizeof(dsgi_future_table),
    .poll = keep_waker,
    .drop = keep_nothing,
};
__attribute__((unused)) static dsgi_future keeping_future = {&keeping};

__attribute__((unused)) static void keep_signal(int number)
{
    (void)number;
    if (write(2, "app: signalled\n", 15) != 15)
        abort();
}

#ifdef UNIQUE
/* What g++ makes of an inline variable. */
__asm__(".globl one_of_a_kind\n.type one_of_a_kind, %gnu_unique_object\n"
        ".size one_of_a_kind, 4\n.data\none_of_a_kind: .long 1\n.text");
#endif
