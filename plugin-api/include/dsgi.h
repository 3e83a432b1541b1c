/*
 * The boundary between a DSGI host and an application, as plain C11; also valid C++.
 *
 * A library exports one symbol, `dsgi_app_v1`, and a note that says what it is; see
 * sample-plugins/hello-c for a complete application. Three kinds of types, and one rule for each:
 *
 *   leaf      frozen, by value; reserved fields are zero: dsgi_str, dsgi_bytes, dsgi_keep,
 *             dsgi_header, dsgi_fault
 *   growable  by pointer only, `size` first, fields are only ever appended. Who allocates one
 *             zeroes it and sets `size`; the other side touches a field of a later release only
 *             if it lies within `size` (DSGI_HAS); zero means absent, for every field
 *   object    a pointer to a struct whose first word is its maker's table of functions. Whoever
 *             makes an object frees it, through that table. Slots are only ever appended; an empty
 *             one, or one beyond the table's `size`, is not supported (DSGI_CAN)
 *
 * Nothing unwinds across the boundary: no C++ exception leaves a function of a table. Objects may
 * move from thread to thread, but have one user at a time. Texts are bytes with a length, without
 * a zero at the end. What a function takes belongs to it from then on, whatever it answers.
 *
 * tests/header.rs compares every size, offset and number below with the Rust side.
 */
#ifndef DSGI_H
#define DSGI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define DSGI_STATIC_ASSERT static_assert
#else
#define DSGI_STATIC_ASSERT _Static_assert
#endif

/* Version of the boundary. Hosts and libraries of different versions refuse each other. While it
 * is 0, any release may change it. */
#define DSGI_ABI 0u

/* Name of the symbol through which a library is called. */
#define DSGI_SYMBOL "dsgi_app_v1"

/* Section, owner and type of the note that holds the descriptor. */
#define DSGI_NOTE_SECTION ".note.dsgi"
#define DSGI_NOTE_NAME "DSGI"
#define DSGI_NOTE_TYPE 1u

/* ---- Numbers ---------------------------------------------------------------------------- */

/* Answers of functions; 0 is never an answer, so that zeroed memory is not a success. */
enum dsgi_answer {
    /* Done, and the out-struct is filled. */
    DSGI_ANSWER_READY = 1,
    /* Not yet: for `call`, `future` is set; for a poll, the waker will be woken. */
    DSGI_ANSWER_PENDING = 2,
    /* A stream is over. */
    DSGI_ANSWER_END = 3,
    /* It failed, and `fault` says why. */
    DSGI_ANSWER_ERROR = 4,
    /* This host or library does not do this. */
    DSGI_ANSWER_UNSUPPORTED = 5,
    /* The exchange was given up: the client left, or the time was over. */
    DSGI_ANSWER_CANCELLED = 6,
    /* The request body has another owner already. */
    DSGI_ANSWER_TAKEN = 7,
    /* Waiting here would stop a core; declare the application blocking or async. */
    DSGI_ANSWER_WOULD_BLOCK = 8
};

/* How an exchange ended, as told to `close`. */
enum dsgi_outcome {
    /* The whole response was handed to the transport. */
    DSGI_OUTCOME_COMPLETED = 1,
    /* The client left, or did not take the response in time. */
    DSGI_OUTCOME_CLIENT_GONE = 2,
    /* The application, a layer or the gateway failed. */
    DSGI_OUTCOME_FAILED = 3
};

/* How calls behave. */
enum dsgi_flavour {
    /* `call` and the body never wait: they run on a core. */
    DSGI_FLAVOUR_NON_BLOCKING = 1,
    /* They may wait: they run on the application's pool of threads. */
    DSGI_FLAVOUR_BLOCKING = 2,
    /* They answer PENDING instead of waiting: they run on a core. */
    DSGI_FLAVOUR_ASYNC = 3,
    /* A layer that never waits itself, and answers when and as what is inside does, PENDING too:
     * its stack runs where it would run without it. No flavour of an application. */
    DSGI_FLAVOUR_AS_INSIDE = 4
};

/* What the library is. */
enum dsgi_kind {
    /* Answers requests by itself. */
    DSGI_KIND_APPLICATION = 1,
    /* Stands around an application. */
    DSGI_KIND_LAYER = 2
};

/* What a panic does. A library that cannot panic says UNWIND: it never ends the process. */
enum dsgi_panic_mode {
    /* It is caught inside the library. */
    DSGI_PANIC_MODE_UNWIND = 1,
    /* It ends the process. */
    DSGI_PANIC_MODE_ABORT = 2
};

/* Bits of `dsgi_descriptor.flags`. */
enum dsgi_trait_flag {
    /* Must never be unloaded. */
    DSGI_TRAIT_FLAG_PINNED = 1,
    /* Two generations must not run at the same time. */
    DSGI_TRAIT_FLAG_EXCLUSIVE = 2
};

/* How far a probe may go. */
enum dsgi_probe {
    /* Open the library, which runs its constructors. */
    DSGI_PROBE_OPEN = 1,
    /* Also compare layouts. */
    DSGI_PROBE_LAYOUT = 2,
    /* Also run `init` with the purpose PROBE, `drain`, `shutdown` and `drop`. */
    DSGI_PROBE_INIT = 3,
    /* Also ask for `probe_path`. */
    DSGI_PROBE_REQUEST = 4
};

/* Bits of `dsgi_head.flags`. */
enum dsgi_head_flag {
    /* The length of the request body is known. */
    DSGI_HEAD_FLAG_LENGTH = 1,
    /* The same application object may be called by several threads at once. */
    DSGI_HEAD_FLAG_MULTITHREAD = 2,
    /* Other processes serve the same application too. */
    DSGI_HEAD_FLAG_MULTIPROCESS = 4,
    /* The application is expected to be called only once in this process. */
    DSGI_HEAD_FLAG_RUN_ONCE = 8
};

/* Why `init` is called. */
enum dsgi_purpose {
    /* In a short-lived child that only finds out whether the library works. */
    DSGI_PURPOSE_PROBE = 1,
    /* To serve. */
    DSGI_PURPOSE_SERVE = 2
};

/* Whether another generation of the same application is at work. */
enum dsgi_previous {
    /* This one starts from nothing. */
    DSGI_PREVIOUS_NONE = 1,
    /* This one will take over from a running one. */
    DSGI_PREVIOUS_RUNNING = 2
};

/* When state is handed over. */
enum dsgi_handover {
    /* The generation that exports it goes on serving until the other one takes its place. */
    DSGI_HANDOVER_SNAPSHOT = 1,
    /* It is the last word of a generation at which nothing is at work any more. */
    DSGI_HANDOVER_FINAL = 2
};

/* How a body is given. */
enum dsgi_body_kind {
    /* No body. */
    DSGI_BODY_KIND_EMPTY = 0,
    /* All bytes at once, in `whole`. */
    DSGI_BODY_KIND_WHOLE = 1,
    /* Pulled piece by piece from `stream`. */
    DSGI_BODY_KIND_STREAM = 2,
    /* A range of an open file, which the host reads and sends. */
    DSGI_BODY_KIND_FILE = 3
};

/* What a frame carries. */
enum dsgi_frame_kind {
    /* Bytes of the body. */
    DSGI_FRAME_KIND_DATA = 1,
    /* Trailers; nothing follows them. */
    DSGI_FRAME_KIND_TRAILERS = 2
};

/* Levels of log entries. */
enum dsgi_level {
    /* Something failed. */
    DSGI_LEVEL_ERROR = 1,
    /* Something is wrong, and work goes on. */
    DSGI_LEVEL_WARN = 2,
    /* Worth knowing. */
    DSGI_LEVEL_INFO = 3,
    /* For whoever looks for a fault. */
    DSGI_LEVEL_DEBUG = 4,
    /* Each step. */
    DSGI_LEVEL_TRACE = 5
};

/* Whether a log takes entries. An unknown number is read as NOW. */
enum dsgi_interest {
    /* As long as the library is there, no such entry is written. */
    DSGI_INTEREST_NEVER = 1,
    /* Not now, but ask again for each entry. */
    DSGI_INTEREST_NOT_NOW = 2,
    /* Now, but ask again for each entry. */
    DSGI_INTEREST_NOW = 3,
    /* As long as the library is there, each of them is written. */
    DSGI_INTEREST_ALWAYS = 4
};

/* Header names with a number, so that neither side parses them again. */
enum dsgi_known {
    DSGI_KNOWN_ACCEPT = 1,
    DSGI_KNOWN_ACCEPT_CHARSET = 2,
    DSGI_KNOWN_ACCEPT_ENCODING = 3,
    DSGI_KNOWN_ACCEPT_LANGUAGE = 4,
    DSGI_KNOWN_ACCEPT_RANGES = 5,
    DSGI_KNOWN_ACCESS_CONTROL_ALLOW_CREDENTIALS = 6,
    DSGI_KNOWN_ACCESS_CONTROL_ALLOW_HEADERS = 7,
    DSGI_KNOWN_ACCESS_CONTROL_ALLOW_METHODS = 8,
    DSGI_KNOWN_ACCESS_CONTROL_ALLOW_ORIGIN = 9,
    DSGI_KNOWN_ACCESS_CONTROL_EXPOSE_HEADERS = 10,
    DSGI_KNOWN_ACCESS_CONTROL_MAX_AGE = 11,
    DSGI_KNOWN_ACCESS_CONTROL_REQUEST_HEADERS = 12,
    DSGI_KNOWN_ACCESS_CONTROL_REQUEST_METHOD = 13,
    DSGI_KNOWN_AGE = 14,
    DSGI_KNOWN_ALLOW = 15,
    DSGI_KNOWN_ALT_SVC = 16,
    DSGI_KNOWN_AUTHORIZATION = 17,
    DSGI_KNOWN_CACHE_CONTROL = 18,
    DSGI_KNOWN_CONNECTION = 19,
    DSGI_KNOWN_CONTENT_DISPOSITION = 20,
    DSGI_KNOWN_CONTENT_ENCODING = 21,
    DSGI_KNOWN_CONTENT_LANGUAGE = 22,
    DSGI_KNOWN_CONTENT_LENGTH = 23,
    DSGI_KNOWN_CONTENT_LOCATION = 24,
    DSGI_KNOWN_CONTENT_RANGE = 25,
    DSGI_KNOWN_CONTENT_SECURITY_POLICY = 26,
    DSGI_KNOWN_CONTENT_TYPE = 27,
    DSGI_KNOWN_COOKIE = 28,
    DSGI_KNOWN_DATE = 29,
    DSGI_KNOWN_DNT = 30,
    DSGI_KNOWN_ETAG = 31,
    DSGI_KNOWN_EXPECT = 32,
    DSGI_KNOWN_EXPIRES = 33,
    DSGI_KNOWN_FORWARDED = 34,
    DSGI_KNOWN_FROM = 35,
    DSGI_KNOWN_HOST = 36,
    DSGI_KNOWN_IF_MATCH = 37,
    DSGI_KNOWN_IF_MODIFIED_SINCE = 38,
    DSGI_KNOWN_IF_NONE_MATCH = 39,
    DSGI_KNOWN_IF_RANGE = 40,
    DSGI_KNOWN_IF_UNMODIFIED_SINCE = 41,
    DSGI_KNOWN_LAST_MODIFIED = 42,
    DSGI_KNOWN_LINK = 43,
    DSGI_KNOWN_LOCATION = 44,
    DSGI_KNOWN_MAX_FORWARDS = 45,
    DSGI_KNOWN_ORIGIN = 46,
    DSGI_KNOWN_PRAGMA = 47,
    DSGI_KNOWN_PROXY_AUTHENTICATE = 48,
    DSGI_KNOWN_PROXY_AUTHORIZATION = 49,
    DSGI_KNOWN_RANGE = 50,
    DSGI_KNOWN_REFERER = 51,
    DSGI_KNOWN_REFERRER_POLICY = 52,
    DSGI_KNOWN_RETRY_AFTER = 53,
    DSGI_KNOWN_SEC_FETCH_DEST = 54,
    DSGI_KNOWN_SEC_FETCH_MODE = 55,
    DSGI_KNOWN_SEC_FETCH_SITE = 56,
    DSGI_KNOWN_SEC_FETCH_USER = 57,
    DSGI_KNOWN_SEC_WEBSOCKET_ACCEPT = 58,
    DSGI_KNOWN_SEC_WEBSOCKET_EXTENSIONS = 59,
    DSGI_KNOWN_SEC_WEBSOCKET_KEY = 60,
    DSGI_KNOWN_SEC_WEBSOCKET_PROTOCOL = 61,
    DSGI_KNOWN_SEC_WEBSOCKET_VERSION = 62,
    DSGI_KNOWN_SERVER = 63,
    DSGI_KNOWN_SET_COOKIE = 64,
    DSGI_KNOWN_STRICT_TRANSPORT_SECURITY = 65,
    DSGI_KNOWN_TE = 66,
    DSGI_KNOWN_TRACEPARENT = 67,
    DSGI_KNOWN_TRACESTATE = 68,
    DSGI_KNOWN_TRAILER = 69,
    DSGI_KNOWN_TRANSFER_ENCODING = 70,
    DSGI_KNOWN_UPGRADE = 71,
    DSGI_KNOWN_UPGRADE_INSECURE_REQUESTS = 72,
    DSGI_KNOWN_USER_AGENT = 73,
    DSGI_KNOWN_VARY = 74,
    DSGI_KNOWN_VIA = 75,
    DSGI_KNOWN_WWW_AUTHENTICATE = 76,
    DSGI_KNOWN_X_CONTENT_TYPE_OPTIONS = 77,
    DSGI_KNOWN_X_FORWARDED_FOR = 78,
    DSGI_KNOWN_X_FORWARDED_HOST = 79,
    DSGI_KNOWN_X_FORWARDED_PROTO = 80,
    DSGI_KNOWN_X_FRAME_OPTIONS = 81,
    DSGI_KNOWN_X_REQUEST_ID = 82
};

/* ---- Objects: a first word that is the table of their maker, and nothing else to see ------- */

typedef struct dsgi_exchange_table dsgi_exchange_table;
typedef struct dsgi_body_table dsgi_body_table;
typedef struct dsgi_future_table dsgi_future_table;
typedef struct dsgi_waker_table dsgi_waker_table;
typedef struct dsgi_upgrade_table dsgi_upgrade_table;
typedef struct dsgi_duplex_table dsgi_duplex_table;
typedef struct dsgi_remote_table dsgi_remote_table;
typedef struct dsgi_host_table dsgi_host_table;

/* One request and what may be done with it, made by a host. A handle is owned: whoever receives
 * one in a call passes it on or releases it, once. Handles of one exchange are independent:
 * different threads may use them at the same time. */
typedef struct dsgi_exchange {
    const dsgi_exchange_table *table;
} dsgi_exchange;

/* A pull stream of frames. `close` consumes it. */
typedef struct dsgi_body {
    const dsgi_body_table *table;
} dsgi_body;

/* A call that has not answered yet. Dropping it cancels the call. */
typedef struct dsgi_future {
    const dsgi_future_table *table;
} dsgi_future;

/* Wakes a task of its maker, from any thread. Lent for the call that receives it: who keeps it
 * clones it. */
typedef struct dsgi_waker {
    const dsgi_waker_table *table;
} dsgi_waker;

/* Takes a connection over after the head of a response with status 101. */
typedef struct dsgi_upgrade {
    const dsgi_upgrade_table *table;
} dsgi_upgrade;

/* Both directions of a taken-over connection, made by a host. One call at a time, from any thread;
 * reading and writing may wait with different wakers. */
typedef struct dsgi_duplex {
    const dsgi_duplex_table *table;
} dsgi_duplex;

/* An object with functions that a value carries from one library to another. */
typedef struct dsgi_remote {
    const dsgi_remote_table *table;
} dsgi_remote;

/* ---- Leaf structs: frozen --------------------------------------------------------------- */

/* Borrowed bytes. They live until the handle they were read from is released, or for the length
 * of the call that lends them, as the slot that hands them out says. */
typedef struct dsgi_str {
    /* First byte; may be null when `len` is 0. */
    const uint8_t *ptr;
    /* Length in bytes. */
    size_t len;
} dsgi_str;

/* Bytes handed over: whoever holds them calls `release(owner)` once, from any thread. */
typedef struct dsgi_bytes {
    /* First byte; may be null when `len` is 0. */
    const uint8_t *ptr;
    /* Length in bytes. */
    size_t len;
    /* What `release` is called with. */
    void *owner;
    /* Null when nothing needs to be freed, as with constants of the library. */
    void (*release)(void *owner);
} dsgi_bytes;

/* Something that must be kept until it is released, as the storage of a header table. */
typedef struct dsgi_keep {
    /* What `release` is called with. */
    void *owner;
    /* Null when nothing needs to be freed. */
    void (*release)(void *owner);
} dsgi_keep;

/* One header field, or one variable of an environ. Tables of it carry a stride. */
typedef struct dsgi_header {
    /* One of `enum dsgi_known`; 0 when the name is not in that list. */
    uint32_t id;
    /* Zero. */
    uint32_t reserved;
    /* Field name as bytes; lower case in what a host hands out. */
    dsgi_str name;
    /* Field value as bytes, without surrounding white space. */
    dsgi_str value;
} dsgi_header;

/* What went wrong, as data. */
typedef struct dsgi_fault {
    /* HTTP status that the failing side suggests; 0 means 500. */
    uint32_t status;
    /* Zero. */
    uint32_t reserved;
    /* Generation of the library that panicked; 0 when none did, DSGI_FAULT_UNKNOWN when one did
     * that does not know its number. Whoever hands a fault on leaves it. */
    uint64_t generation;
    /* One or more lines of UTF-8 for the log. */
    dsgi_bytes message;
} dsgi_fault;

/* Stands for the generation of whoever does not know its number. */
#define DSGI_FAULT_UNKNOWN UINT64_MAX

/* ---- Growable structs: `size` first ----------------------------------------------------- */

/* What is known of a request before its body. Valid until its exchange handle is released. */
typedef struct dsgi_head {
    /* Size of this struct in the host's release. */
    uint32_t size;
    /* HTTP version as major * 10 + minor: 10, 11, 20. */
    uint32_t protocol;
    /* Bits of `enum dsgi_head_flag`. */
    uint32_t flags;
    /* Port the request was received on; 0 when there is none. */
    uint32_t server_port;
    /* Port of the peer; 0 when there is none. */
    uint32_t remote_port;
    /* Bytes from one row to the next, in both tables. */
    uint32_t header_stride;
    /* Number of header rows. */
    uint32_t header_count;
    /* Number of variable rows. */
    uint32_t variable_count;
    /* `GET`, `POST`, ... as received. */
    dsgi_str method;
    /* `http` or `https`. */
    dsgi_str scheme;
    /* Host and port as the client named them. */
    dsgi_str authority;
    /* The request target exactly as received. */
    dsgi_str target;
    /* Decoded path of the mount, without a trailing slash; empty at the root. */
    dsgi_str script_name;
    /* Decoded rest of the path; empty or starting with a slash. */
    dsgi_str path_info;
    /* What follows the first `?`, not decoded. */
    dsgi_str query;
    /* Name this server answers to; never empty. */
    dsgi_str server_name;
    /* Address of the peer without port; empty when there is none. */
    dsgi_str remote_address;
    /* Gateway in front of the application: `http`, `cgi`, `scgi`, `fastcgi`, `uwsgi`. */
    dsgi_str gateway;
    /* Name and version of the host. */
    dsgi_str software;
    /* First header row, names in lower case, in the order received. */
    const dsgi_header *headers;
    /* First row of variables that a front server tells or layers have set. */
    const dsgi_header *variables;
    /* Length of the request body in bytes, when the flag LENGTH is set. */
    uint64_t content_length;
    /* Number of the application's generation in this host. */
    uint64_t generation;
} dsgi_head;

/* What `derive` changes; all pointers are needed only during the call, the host copies. */
typedef struct dsgi_changes {
    /* Size of this struct in the caller's release. */
    uint32_t size;
    /* Bytes from one row to the next. */
    uint32_t variable_stride;
    /* Number of rows. */
    uint32_t variable_count;
    /* Zero. */
    uint32_t reserved;
    /* Rows of environ names and values: `PATH_INFO`, `HTTP_X_USER`, `my.key`. A null value
     * pointer removes a header. */
    const dsgi_header *variables;
    /* A request body that replaces the client's. It passes to the host, even when the host
     * refuses the changes. Null keeps the client's. */
    dsgi_body *input;
} dsgi_changes;

/* What `init` is told. Everything is valid during the call only, but `host`. */
typedef struct dsgi_init {
    /* Size of this struct in the host's release. */
    uint32_t size;
    /* DSGI_ABI of the host. */
    uint32_t abi;
    /* One of `enum dsgi_purpose`. */
    uint32_t purpose;
    /* One of `enum dsgi_previous`. */
    uint32_t previous;
    /* Number of this generation in this host, from 1. */
    uint64_t generation;
    /* Name of the application in this host. */
    dsgi_str name;
    /* The application's config as JSON text, an object. */
    dsgi_str config;
    /* Functions of the host, valid until `drop` has returned. */
    const dsgi_host_table *host;
} dsgi_init;

/* What `init` made: read `app` on READY and `fault` on ERROR. */
typedef struct dsgi_instance {
    /* Size of this struct in the host's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* First argument of every function of the application's table; may be null. */
    void *app;
    /* Why it failed. */
    dsgi_fault fault;
} dsgi_instance;

/* The answer to one request: read on READY; `future` on PENDING; `fault` on ERROR. */
typedef struct dsgi_reply {
    /* Size of this struct in the caller's release. */
    uint32_t size;
    /* HTTP status, 200 to 999; or 101 with an upgrade. */
    uint32_t status;
    /* Number of header rows. */
    uint32_t header_count;
    /* Bytes from one header row to the next: sizeof(dsgi_header). */
    uint32_t header_stride;
    /* First header row; valid until `keep` is released. Rows and texts may lie in `scratch`, so
     * they are also gone when the caller gives that up. */
    const dsgi_header *headers;
    /* Reason phrase; empty for the usual one. Valid as long as `headers`. */
    dsgi_str reason;
    /* Storage of `headers` and `reason`. */
    dsgi_keep keep;
    /* One of `enum dsgi_body_kind`. */
    uint32_t body_kind;
    /* Zero. */
    uint32_t reserved;
    /* The body, of kind WHOLE. */
    dsgi_bytes whole;
    /* The body, of kind STREAM. Of kind FILE, and with an upgrade, it is null, or is only closed:
       told how sending the file, or the connection, ended. */
    dsgi_body *stream;
    /* The body, of kind FILE: an open descriptor that passes to the host, which closes it. A file
       that is shorter than said aborts the response. Content-Length may be left out. */
    int64_t file;
    /* First byte of the file to send. */
    uint64_t file_offset;
    /* Number of bytes of the file to send. */
    uint64_t file_length;
    /* Takes the connection over after this answer, of which the body is of kind EMPTY; null when
       there is none. */
    dsgi_upgrade *upgrade;
    /* To be polled, on PENDING. */
    dsgi_future *future;
    /* Why it failed, on ERROR. */
    dsgi_fault fault;
    /* Lent by the caller, who sets it anew before each poll: room for the header table, aligned
     * to 8 bytes. Null lends none. */
    uint8_t *scratch;
    /* Bytes of room at `scratch`. */
    uint64_t scratch_length;
    /* Counts who uses `scratch`, atomically; the caller is one. Who goes on using it after the
     * call adds one within the call, and takes it away when done. Null: nobody may. */
    uint32_t *scratch_users;
    /* Called by whoever takes the last one away. */
    dsgi_keep scratch_keep;
} dsgi_reply;

/* One piece of a body: read on READY; `fault` on ERROR. */
typedef struct dsgi_frame {
    /* Size of this struct in the caller's release. */
    uint32_t size;
    /* One of `enum dsgi_frame_kind`. */
    uint32_t kind;
    /* The bytes, of kind DATA; may be empty. */
    dsgi_bytes data;
    /* First trailer row, of kind TRAILERS; valid until `keep` is released. */
    const dsgi_header *headers;
    /* Number of trailer rows. */
    uint32_t header_count;
    /* Bytes from one row to the next. */
    uint32_t header_stride;
    /* Storage of the trailers. */
    dsgi_keep keep;
    /* Why it failed, on ERROR. */
    dsgi_fault fault;
} dsgi_frame;

/* A typed value of a layer. It is the exchange's from `set_value` on, and its maker frees it with
 * `keep` when the exchange ends, on any thread; `value` lends it, with no `keep`, until the handle
 * it was asked of is released. It is shared by all who ask, so it never changes. */
typedef struct dsgi_value {
    /* Size of this struct in the caller's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Name of the value's type, as its maker and its readers agree: kits in Rust say the crate and
     * the struct, `shop::User`. Valid as long as the value, as the others. */
    dsgi_str name;
    /* Layout of the value's type, to be compared as text: `id: u64 at 0, name: Text at 8 (32); 40`
     * is a struct of 40 bytes with two fields, and Text is one of 32 bytes, dsgi_bytes of UTF-8;
     * Remote is a dsgi_remote pointer. */
    dsgi_str layout;
    /* The value. */
    const void *pointer;
    /* Who frees it. */
    dsgi_keep keep;
} dsgi_value;

/* State handed from one generation to the next, in either direction: `export_state` fills
 * `format` and `bytes`, `import_state` is lent them for the call. */
typedef struct dsgi_state {
    /* Size of this struct in the caller's release. */
    uint32_t size;
    /* Format number chosen by the application. */
    uint32_t format;
    /* One of dsgi_handover, set by the caller. */
    uint32_t handover;
    /* Zero. */
    uint32_t reserved;
    /* The state itself. */
    dsgi_bytes bytes;
    /* Why it failed, on ERROR. */
    dsgi_fault fault;
} dsgi_state;

/* ---- Tables of functions ---------------------------------------------------------------- */

/* Functions of a dsgi_exchange. */
struct dsgi_exchange_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* The head; valid until this handle is released. */
    const dsgi_head *(*head)(const dsgi_exchange *exchange);
    /* A second handle of the same exchange. */
    dsgi_exchange *(*clone)(const dsgi_exchange *exchange);
    /* Gives this handle up. */
    void (*release)(dsgi_exchange *exchange);
    /* The next frame of the request body: READY, PENDING, END, ERROR, CANCELLED, TAKEN. With a
     * null waker it waits, or answers WOULD_BLOCK on a core. */
    uint32_t (*read)(dsgi_exchange *exchange, const dsgi_waker *waker, dsgi_frame *frame);
    /* A new handle with changes; null when a change is refused, and `fault` says why. Takes
     * `changes->input` in either case. */
    dsgi_exchange *(*derive)(const dsgi_exchange *exchange, const dsgi_changes *changes,
                             dsgi_fault *fault);
    /* Calls the next application inwards; takes the handle, answers as `dsgi_app_table.call`. */
    uint32_t (*inner)(dsgi_exchange *exchange, dsgi_reply *reply);
    /* Writes one entry of the error log, with one of `enum dsgi_level`. */
    void (*log)(const dsgi_exchange *exchange, uint32_t level, dsgi_str text);
    /* 1 once the exchange was given up, else 0. */
    uint32_t (*cancelled)(const dsgi_exchange *exchange);
    /* Sends an informational (1xx) response. Reserved: UNSUPPORTED. */
    uint32_t (*inform)(dsgi_exchange *exchange, uint32_t status, const dsgi_header *headers,
                       uint32_t count, uint32_t stride);
    /* The newest value of this name that a layer has set: READY, or END when there is none. */
    uint32_t (*value)(const dsgi_exchange *exchange, dsgi_str name, dsgi_value *out);
    /* Adds a value, which this exchange and those derived of it have from now on; takes it: READY,
     * or UNSUPPORTED, and then it is still the caller's. */
    uint32_t (*set_value)(dsgi_exchange *exchange, const dsgi_value *value);
    /* Name of the member that stands so far inwards of whoever holds this handle, or outwards where
     * negative; valid until this handle is released. Empty where none stands. `kind` is set to one
     * of `enum dsgi_kind`, or 0. */
    dsgi_str (*member)(const dsgi_exchange *exchange, int32_t inwards, uint32_t *kind);
    /* As `inner`, for a layer that is done with the request: it is given what the layer's `call`
     * was given, the layer answers what this answers, and does nothing in between, so that both are
     * a jump. Never absent where a layer is called, so that nobody has to ask. */
    uint32_t (*pass)(void *app, dsgi_exchange *exchange, dsgi_reply *reply);
};

/* Functions of a dsgi_body. */
struct dsgi_body_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* The next frame: READY, PENDING, END, ERROR. Not polled after END or ERROR. With a null
     * waker it may wait; if it answers PENDING then, it is polled with one. */
    uint32_t (*poll)(dsgi_body *body, const dsgi_waker *waker, dsgi_frame *frame);
    /* Least and most bytes still to come: READY, or UNSUPPORTED when unknown. */
    uint32_t (*size_hint)(const dsgi_body *body, uint64_t *least, uint64_t *most);
    /* The end, with one of `enum dsgi_outcome`; takes the body. */
    void (*close)(dsgi_body *body, uint32_t outcome, uint64_t bytes_sent);
};

/* Functions of a dsgi_future. */
struct dsgi_future_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* READY, PENDING or ERROR; not polled again after the others than PENDING. */
    uint32_t (*poll)(dsgi_future *future, const dsgi_waker *waker, dsgi_reply *reply);
    /* Frees the future, answered or not. */
    void (*drop)(dsgi_future *future);
};

/* Functions of a dsgi_waker. */
struct dsgi_waker_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* A waker to keep, for the same task. */
    dsgi_waker *(*clone)(const dsgi_waker *waker);
    /* Wakes; takes the waker. */
    void (*wake)(dsgi_waker *waker);
    /* Wakes, and leaves the waker. */
    void (*wake_by_ref)(const dsgi_waker *waker);
    /* Frees the waker. */
    void (*drop)(dsgi_waker *waker);
};

/* Functions of a dsgi_upgrade. */
struct dsgi_upgrade_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Runs the connection: takes the upgrade and the duplex, and answers as `dsgi_app_table.call`.
     * READY, at once or from the future, says that the connection has ended; nothing else of
     * `reply` is read then. */
    uint32_t (*start)(dsgi_upgrade *upgrade, dsgi_duplex *duplex, dsgi_reply *reply);
    /* Frees an upgrade that was not started. */
    void (*drop)(dsgi_upgrade *upgrade);
};

/* Functions of a dsgi_duplex. */
struct dsgi_duplex_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Bytes from the client: READY, PENDING, END, ERROR. */
    uint32_t (*read)(dsgi_duplex *duplex, const dsgi_waker *waker, dsgi_frame *frame);
    /* Bytes to the client: READY, PENDING, ERROR; `written` says how many were taken. */
    uint32_t (*write)(dsgi_duplex *duplex, const dsgi_waker *waker, dsgi_str bytes,
                      uint64_t *written);
    /* Everything written has left: READY, PENDING, ERROR. */
    uint32_t (*flush)(dsgi_duplex *duplex, const dsgi_waker *waker);
    /* Ends the direction to the client: READY, PENDING, ERROR. */
    uint32_t (*shutdown)(dsgi_duplex *duplex, const dsgi_waker *waker);
    /* Gives the connection up. */
    void (*drop)(dsgi_duplex *duplex);
};

/* Functions of a dsgi_remote. */
struct dsgi_remote_table {
    /* Size of this table in the maker's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Answers a request of bytes, which are lent for the call: READY with `response`, which passes
     * to the caller, or ERROR with `fault`. Any thread, several at once: the maker lets them wait
     * for each other. */
    uint32_t (*call)(dsgi_remote *remote, dsgi_str request, dsgi_bytes *response,
                     dsgi_fault *fault);
    /* Frees the object. */
    void (*drop)(dsgi_remote *remote);
};

/* Functions of the host that do not belong to an exchange. Callable from any thread. */
struct dsgi_host_table {
    /* Size of this table in the host's release. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Writes one entry of the host's log, with one of `enum dsgi_level` and the writer's
     * generation. */
    void (*log)(uint64_t generation, uint32_t level, dsgi_str target, dsgi_str text);
    /* Whether its log takes entries of this level and target: one of `enum dsgi_interest`. An
     * empty target asks for any. Who asks first need not write out what nobody reads. */
    uint32_t (*enabled)(uint64_t generation, uint32_t level, dsgi_str target);
};

/* ---- The library ------------------------------------------------------------------------ */

/* What a library says of itself. Texts are UTF-8, cut to fit and padded with zeros. */
typedef struct dsgi_descriptor {
    /* Size of this struct in the library's release. */
    uint32_t size;
    /* DSGI_ABI of the library. */
    uint32_t abi;
    /* One of `enum dsgi_flavour`. */
    uint32_t flavour;
    /* One of `enum dsgi_kind`. */
    uint32_t kind;
    /* One of `enum dsgi_panic_mode`. */
    uint32_t panic;
    /* Bits of `enum dsgi_trait_flag`. */
    uint32_t flags;
    /* How far a probe may go, one of `enum dsgi_probe`; 0 means INIT. */
    uint32_t probe;
    /* Zero. */
    uint32_t reserved;
    /* Default name of the application. */
    uint8_t name[64];
    /* Its version. */
    uint8_t version[32];
    /* The compiler that built it. */
    uint8_t compiler[96];
    /* Name and version of the kit it was written with. */
    uint8_t kit[32];
    /* What a probe of depth REQUEST asks for with GET; the status must be below 500. */
    uint8_t probe_path[128];
} dsgi_descriptor;

/* The ELF note that holds the descriptor; DSGI_NOTE defines one. */
typedef struct dsgi_note {
    /* Bytes of `name` that count: 5. */
    uint32_t name_size;
    /* Bytes of `descriptor`. */
    uint32_t descriptor_size;
    /* DSGI_NOTE_TYPE. */
    uint32_t note_type;
    /* DSGI_NOTE_NAME, padded with zeros. */
    uint8_t name[8];
    /* The descriptor. */
    dsgi_descriptor descriptor;
} dsgi_note;

/* What a library exports under DSGI_SYMBOL: the only way in. `init`, `call` and `drop` are
 * mandatory. */
typedef struct dsgi_app_table {
    /* Size of this table in the library's release. */
    uint32_t size;
    /* DSGI_ABI of the library. */
    uint32_t abi;
    /* The same descriptor as in the ELF note. */
    const dsgi_descriptor *descriptor;
    /* Makes the application: READY or ERROR. */
    uint32_t (*init)(const dsgi_init *init, dsgi_instance *instance);
    /* Answers one request; takes the exchange. READY, PENDING with `future` set, or ERROR. Any
     * thread, several at once. */
    uint32_t (*call)(void *app, dsgi_exchange *exchange, dsgi_reply *reply);
    /* Frees the application, after `shutdown`, when nothing uses it any more. */
    void (*drop)(void *app);
    /* No new requests will come; those at work have so many milliseconds left. */
    void (*drain)(void *app, uint64_t deadline_ms);
    /* Requests will come again after `drain`. */
    void (*resume)(void *app);
    /* Nothing is at work any more: end threads, close connections. */
    void (*shutdown)(void *app);
    /* Hands state to another generation: READY with `format` and `bytes`, which the host copies
     * and releases at once; UNSUPPORTED when there is none; ERROR. Any thread, while requests are
     * at work, and once more between the last of them and `shutdown`. Null is UNSUPPORTED. */
    uint32_t (*export_state)(void *app, dsgi_state *state);
    /* Takes state over, by merging it: `format` and `bytes` are lent for the call. READY,
     * UNSUPPORTED, or ERROR with `fault`. After `init` and before the first request, and while
     * requests are at work; any thread, several at once. The same state may come again, and older
     * ones after newer ones: never overwrite what is newer. Refuse a format that is not known.
     * Null is UNSUPPORTED. */
    uint32_t (*import_state)(void *app, dsgi_state *state);
} dsgi_app_table;

/* What an application defines: `const dsgi_app_table dsgi_app_v1 = {...};` */
#if defined(__GNUC__)
#define DSGI_EXPORT __attribute__((visibility("default")))
#else
#define DSGI_EXPORT
#endif
extern DSGI_EXPORT const dsgi_app_table dsgi_app_v1;

/* Defines the note, with an initializer of its descriptor:
 *
 *     DSGI_NOTE(note, {.size = sizeof(dsgi_descriptor), .abi = DSGI_ABI, ...});
 *
 * and `note.descriptor` is what the table points to. */
#define DSGI_NOTE(variable, ...)                                                                  \
    __attribute__((used, section(DSGI_NOTE_SECTION), aligned(4)))                                 \
    static const dsgi_note variable = {                                                           \
        sizeof DSGI_NOTE_NAME, sizeof(dsgi_descriptor), DSGI_NOTE_TYPE, DSGI_NOTE_NAME,           \
        __VA_ARGS__                                                                               \
    }

/* For `compiler` of a descriptor. */
#if defined(__clang__)
#define DSGI_COMPILER __VERSION__
#elif defined(__GNUC__)
#define DSGI_COMPILER "gcc " __VERSION__
#else
#define DSGI_COMPILER "unknown"
#endif

/* Initializers of a dsgi_str and a dsgi_bytes that hold a literal. */
#define DSGI_STR(literal) {(const uint8_t *)("" literal), sizeof(literal) - 1}
#define DSGI_BYTES(literal) {(const uint8_t *)("" literal), sizeof(literal) - 1, NULL, NULL}

/* Whether the struct of the other side's release has the field: DSGI_HAS(head, dsgi_head, port). */
#define DSGI_HAS(pointer, type, field)                                                            \
    ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* Whether an object has the slot: DSGI_CAN(exchange, dsgi_exchange_table, derive). */
#define DSGI_CAN(object, type, slot)                                                              \
    (DSGI_HAS((object)->table, type, slot) && (object)->table->slot != NULL)

/* ---- The layout on 64-bit systems ------------------------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX
DSGI_STATIC_ASSERT(sizeof(dsgi_exchange) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_body) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_future) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_future, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_waker) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_upgrade) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_upgrade, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_duplex) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_remote) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_remote, table) == 0, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_str) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_str, ptr) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_str, len) == 8, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_bytes) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_bytes, ptr) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_bytes, len) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_bytes, owner) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_bytes, release) == 24, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_keep) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_keep, owner) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_keep, release) == 8, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_header) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_header, id) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_header, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_header, name) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_header, value) == 24, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_fault) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_fault, status) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_fault, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_fault, generation) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_fault, message) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_head) == 240, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, protocol) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, flags) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, server_port) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, remote_port) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, header_stride) == 20, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, header_count) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, variable_count) == 28, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, method) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, scheme) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, authority) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, target) == 80, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, script_name) == 96, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, path_info) == 112, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, query) == 128, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, server_name) == 144, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, remote_address) == 160, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, gateway) == 176, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, software) == 192, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, headers) == 208, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, variables) == 216, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, content_length) == 224, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_head, generation) == 232, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_changes) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, variable_stride) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, variable_count) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, reserved) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, variables) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_changes, input) == 24, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_init) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, abi) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, purpose) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, previous) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, generation) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, name) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, config) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_init, host) == 56, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_instance) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_instance, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_instance, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_instance, app) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_instance, fault) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_reply) == 232, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, status) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, header_count) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, header_stride) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, headers) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, reason) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, keep) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, body_kind) == 56, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, reserved) == 60, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, whole) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, stream) == 96, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, file) == 104, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, file_offset) == 112, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, file_length) == 120, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, upgrade) == 128, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, future) == 136, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, fault) == 144, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, scratch) == 192, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, scratch_length) == 200, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, scratch_users) == 208, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_reply, scratch_keep) == 216, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_frame) == 120, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, kind) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, data) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, headers) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, header_count) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, header_stride) == 52, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, keep) == 56, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_frame, fault) == 72, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_value) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, name) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, layout) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, pointer) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_value, keep) == 48, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_state) == 96, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, format) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, handover) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, reserved) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, bytes) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_state, fault) == 48, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_exchange_table) == 112, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, head) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, clone) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, release) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, read) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, derive) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, inner) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, log) == 56, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, cancelled) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, inform) == 72, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, value) == 80, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, set_value) == 88, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, member) == 96, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_exchange_table, pass) == 104, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_body_table) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body_table, poll) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body_table, size_hint) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_body_table, close) == 24, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_future_table) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_future_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_future_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_future_table, poll) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_future_table, drop) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_waker_table) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, clone) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, wake) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, wake_by_ref) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_waker_table, drop) == 32, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_upgrade_table) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_upgrade_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_upgrade_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_upgrade_table, start) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_upgrade_table, drop) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_duplex_table) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, read) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, write) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, flush) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, shutdown) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_duplex_table, drop) == 40, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_remote_table) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_remote_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_remote_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_remote_table, call) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_remote_table, drop) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_host_table) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_host_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_host_table, reserved) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_host_table, log) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_host_table, enabled) == 16, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_descriptor) == 384, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, abi) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, flavour) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, kind) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, panic) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, flags) == 20, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, probe) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, reserved) == 28, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, name) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, version) == 96, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, compiler) == 128, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, kit) == 224, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_descriptor, probe_path) == 256, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_note) == 404, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_note, name_size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_note, descriptor_size) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_note, note_type) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_note, name) == 12, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_note, descriptor) == 20, "layout");
DSGI_STATIC_ASSERT(sizeof(dsgi_app_table) == 80, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, size) == 0, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, abi) == 4, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, descriptor) == 8, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, init) == 16, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, call) == 24, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, drop) == 32, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, drain) == 40, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, resume) == 48, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, shutdown) == 56, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, export_state) == 64, "layout");
DSGI_STATIC_ASSERT(offsetof(dsgi_app_table, import_state) == 72, "layout");
#endif

#ifdef __cplusplus
}
#endif

#endif
