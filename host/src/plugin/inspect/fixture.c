/* A library that carries a DSGI note, for the tests of the reader; -D options bend it. */
#include <stdint.h>

#ifndef ABI
#define ABI 0
#endif
#ifndef SIZE
#define SIZE sizeof(struct descriptor)
#endif
#ifndef NAME
#define NAME "shop"
#endif
#ifndef FLAVOUR
#define FLAVOUR 2
#endif
#ifndef KIND
#define KIND 1
#endif
#ifndef PANIC
#define PANIC 0
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef PROBE
#define PROBE 0
#endif
#ifndef PATH
#define PATH ""
#endif

struct descriptor {
    uint32_t size, abi, flavour, kind, panic, flags, probe, reserved;
    char name[64], version[32], compiler[96], kit[32], probe_path[128];
};

struct note {
    uint32_t owner_size, content_size, type;
    char owner[8];
    struct descriptor descriptor;
};

#define NOTE(symbol) \
    __attribute__((used, aligned(4), section(".note.dsgi"))) static const struct note symbol = { \
        5, sizeof(struct descriptor), 1, "DSGI", \
        { SIZE, ABI, FLAVOUR, KIND, PANIC, FLAGS, PROBE, 0, NAME, "1.2", "cc", "by hand", PATH } }

#ifndef NO_NOTE
NOTE(note);
#endif
#ifdef TWO_NOTES
NOTE(second);
#endif

#ifdef FUNCTION
void dsgi_app_v1(void) {}
#elif defined IMPORTED
extern const uint32_t dsgi_app_v1[32];
const uint32_t *borrowed(void) { return dsgi_app_v1; }
#elif !defined NO_SYMBOL
const uint32_t dsgi_app_v1[32] = { 128, ABI };
#endif

#ifdef PROOF
int _1as_0lib_1header_0root_bmodule_bloader;
#endif

#ifdef POINTERS
#include <stddef.h>
const void *const pointers[200] = { [0 ... 99] = pointers, [150 ... 199] = pointers };
#endif

#ifdef THREAD_LOCAL
__thread int slot __attribute__((tls_model("initial-exec")));
int *touch(void) { return &slot; }
#endif

#ifdef ALLOCATOR
__attribute__((used)) static void *mi_malloc(void) { return 0; }
#endif

#ifdef UNIQUE
__asm__(".data\n.globl only_one\n.type only_one, @gnu_unique_object\n"
        ".size only_one, 4\nonly_one: .long 1\n.text\n");
#endif

#ifdef SAYS
const char *says(int which) { return which ? SAYS : "something else"; }
#endif

#ifdef PRINTS
#include <stdio.h>
int shout(void) { return puts("shout"); }
#endif

#ifdef MAIN
int main(void) { return 0; }
#endif
