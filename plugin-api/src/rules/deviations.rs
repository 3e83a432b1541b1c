//! Where the interface differs from PEP 3333, and why.

/// One difference.
#[derive(Debug)]
pub struct Deviation {
    /// Its number in the specification.
    pub number: u16,
    /// What it is about.
    pub title: &'static str,
    /// What PEP 3333 says.
    pub there: &'static str,
    /// What holds here.
    pub here: &'static str,
    /// Why.
    pub reason: &'static str,
}

macro_rules! deviations {
    ($($number:literal $title:literal there $there:literal here $here:literal because
        $reason:literal)+) => {
        /// Every difference, by number.
        pub static DEVIATIONS: &[Deviation] = &[$(Deviation {
            number: $number,
            title: $title,
            there: $there,
            here: $here,
            reason: $reason,
        }),+];
    };
}

deviations! {
    1 "no `write()`"
        there "`start_response` returns a callable that sends bytes at once."
        here "It returns nothing but whether it was taken. A body that is made bit by bit is an \
            iterable, or a poll function."
        because "PEP 3333 itself has it for old frameworks only. It would make a response leave \
            from inside of the call, where no layer sees it and nobody can wait for the client."
    2 "the environ is owned, and no dictionary"
        there "`environ` is a dict that the application may change, and that its caller sees \
            changed."
        here "`Environ` is an object that passes to whoever is called. Keys are computed when \
            they are looked up. `set` is seen by itself and further in, never outside."
        because "A table of all variables costs more than a small request. And nobody has to ask \
            who changed what: what is outside of a layer never depends on what is inside."
    3 "bytes instead of native strings"
        there "Strings hold bytes decoded as latin-1, whatever they are."
        here "Values are bytes. `get` gives text where they are UTF-8, `get_bytes` what was \
            received. Values of response fields are bytes as well."
        because "The detour over latin-1 exists because of Python's text type, and every \
            application had to undo it."
    4 "errors are results"
        there "An application raises; `exc_info` is passed to a second `start_response`."
        here "An application returns `dsgi::Result`. An error before the first block is a status \
            of its own or a 500, one within the body breaks the response off. \
            `start_response.replace(&error, ..)` stands for the second call with `exc_info`."
        because "The way of an error is seen in the code, and none is lost by returning `None`."
    5 "one end, with its outcome"
        there "`close()` is called at the end, and is not told how it came to that."
        here "`on_close` is told once whether the response was completed, the client has gone, or \
            something failed, and how many bytes were handed to the transport. It happens on every \
            path: also after a panic, a cancelled call, or a swap."
        because "Logs, transactions and meters need to know, and guessed it by other means."
    6 "layers are a kind of their own"
        there "Middleware is an application that was given another one when it was made."
        here "A layer is called with `inner`, the next one inwards, and the host puts the stack \
            together. Each member is a library that can be replaced alone."
        because "What wraps an object of another library keeps that library for ever. Here the \
            host holds all of them, and one request meets one version of each."
    7 "typed values beside variables"
        there "A layer puts any object into the environ."
        here "Variables are bytes; an object crosses as a typed value. It is found by a name, \
            that of a crate and its struct unless both sides agree on another, and its layout is \
            compared field by field where it is read."
        because "Two libraries may be built by different compilers against different releases. A \
            value that does not fit is an error that names both layouts."
    8 "no fields of the connection, wherever they come from"
        there "An application must not send hop-by-hop fields; servers differ in what they do."
        here "The host drops them, and what `Connection` names, for every protocol. Only a 101 \
            says by `Upgrade` to what it switches."
        because "Measured on six front servers: two forward them, one answers 502, two lose the \
            body."
    9 "a length that is kept"
        there "A server should not send more than `Content-Length`, and may report less."
        here "What is more is cut, what is less breaks the response off. The length of a body \
            that is whole, or says how long it is, is told without being asked."
        because "A client must never take half a response for a whole one."
    10 "no informational responses over HTTP yet"
        there "Nothing is said of 1xx."
        here "The interface has a place for them, which answers `UNSUPPORTED`. A status below 200 \
            is refused, but for a 101 with an upgrade. `Expect: 100-continue` is answered by the \
            host when the input is read."
        because "The HTTP implementation below makes a 500 of an early response, and four of the \
            other protocols have front servers that take it for the final one."
    11 "trailers, and connections that are taken over"
        there "There are neither."
        here "A body of a request or a response may end with fields, and layers pass them on. An \
            application that is asked for another protocol takes the connection over, and reads \
            and writes bytes, as fast as the client does."
        because "gRPC needs the one and WebSocket the other, and both fit beside a body."
    12 "non-blocking and async applications"
        there "A call blocks a thread until it returns."
        here "An application says what it is: blocking ones run on a pool of threads, others on \
            the core that has received the request, and an async one may answer later."
        because "The pool is a price that only those pay who need it."
    13 "input that is pulled, and has one owner"
        there "`wsgi.input` is a file; who reads first takes what is there."
        here "Blocks are read as they come, with back pressure to the client. The first reader \
            owns the input; another one is told so, unless a layer gave it a body of its own."
        because "Two readers that each get a part of a body are a fault that nobody finds."
    14 "no `multithread` and `multiprocess` to obey"
        there "Flags tell whether an application may be called by several threads or processes."
        here "`dsgi.multithread`, `dsgi.multiprocess` and `dsgi.run_once` are there to be read; an \
            application is always one that several threads may call."
        because "The compiler proves it, so nobody has to be spared."
    15 "files are a kind of body"
        there "`wsgi.file_wrapper` is an optional wrapper that a server may recognise."
        here "A body may be a range of an open file, which passes to the host."
        because "A server could see what it was given only by its type. Here it is said."
    16 "an application has a life"
        there "An application is an object; nothing tells it that it begins or ends."
        here "`init` with a typed config, `drain`, `resume`, `shutdown`, and state that one \
            version hands over to the next."
        because "It is replaced while it serves."
    17 "paths are refused rather than repaired"
        there "Nothing is said of `..`, of NUL, or of broken escapes."
        here "They are answered by a 400. `PATH_INFO` and `SCRIPT_NAME` come from the target as it \
            was received, each segment decoded once."
        because "A front server that repairs a path in another way is led around its own rules."
}
