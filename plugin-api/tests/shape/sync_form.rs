//! The sync form, on every path a request may take: each handle is released once, the end is told
//! once, and no panic leaves a function of the table.

use std::io::{Read, Write};
use std::iter;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use dsgi::bridge::body::Frame;
use dsgi::bridge::reply::ReplyBody;
use dsgi::export::link;
use dsgi::{Body, Chunk, Environ, Error, Outcome, StartResponse};

use crate::host::{Answer, Done, Ends, Host, Input, Part};

const TYPE: (&str, &str) = ("Content-Type", "text/plain");

/// A response with the usual head.
fn done(blocks: &[&str]) -> Done {
    Done {
        status: 200,
        headers: vec![(TYPE.0.to_owned(), TYPE.1.to_owned())],
        blocks: blocks.iter().map(|&block| block.to_owned()).collect(),
        ..Done::default()
    }
}

fn fault(status: u16, text: &str) -> Done {
    Done::fault(status, text.to_owned())
}

#[test]
fn one_block_is_handed_over_whole() {
    let host = Host::new(link(|_: Environ, start_response: StartResponse| {
        start_response("200 Fine", &[TYPE])?;
        Ok(["hello"])
    }));
    let received = host.call().reply();
    assert_eq!((received.status, received.reason.as_str()), (200, "Fine"));
    assert!(matches!(&received.body, ReplyBody::Whole(bytes) if **bytes == *b"hello"));
    assert_eq!(host.held(), 0, "a whole body needs no handle");
    assert_eq!(received.finish(), done(&["hello"]));
}

#[test]
fn blocks_are_pulled_one_by_one_and_the_end_is_told_with_their_length() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        Ok(Body::blocks(["", "one", "", "three"]).on_close(told.tell()).on_close(told.tell()))
    }));
    assert_eq!(host.run(), done(&["one", "", "three"]));
    assert_eq!(ends.told(), [(Outcome::Completed, 8), (Outcome::Completed, 8)]);
}

#[test]
fn a_body_of_any_kind_is_told_its_end() {
    type Case = (fn() -> Body, &'static [&'static str], u64);
    let bodies: [Case; 4] = [
        (Body::empty, &[], 0),
        (|| Body::from("whole"), &["whole"], 5),
        (|| Body::blocks(["", ""]), &[], 0),
        (
            || {
                Body::poll_blocks({
                    let mut left = 2;
                    move |_| {
                        left -= 1;
                        Poll::Ready((left >= 0).then(|| "tick".into()))
                    }
                })
            },
            &["tick", "tick"],
            8,
        ),
    ];
    for (body, blocks, sent) in bodies {
        let ends = Ends::default();
        let told = ends.clone();
        let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TYPE])?;
            Ok(body().on_close(told.tell()))
        }));
        assert_eq!(host.run(), done(blocks));
        assert_eq!(ends.told(), [(Outcome::Completed, sent)]);
    }
}

/// PEP 3333: start_response may be called as late as in the iterator's first step.
#[test]
fn the_response_may_start_inside_of_the_first_step() {
    let host = Host::new(link(|environ: Environ, start_response: StartResponse| {
        let mut step = 0;
        Ok(iter::from_fn(move || {
            step += 1;
            match step {
                1 => Some(start_response("200 OK", &[TYPE]).map(|()| Chunk::from(""))),
                2 => Some(Ok(environ["PATH_INFO"].to_owned().into())),
                3 => Some(Ok("end".into())),
                _ => None,
            }
        }))
    }));
    let received = host.call().reply();
    assert_eq!(host.held(), 1, "the body owns the environ");
    assert_eq!(received.finish(), done(&["/outside", "end"]));
}

#[test]
fn an_error_before_the_start_has_status_and_text() {
    let not_found = |_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        Err(Error::status(404, "no such article"))
    };
    assert_eq!(Host::new(link(not_found)).run(), fault(404, "no such article"));
    let question_mark = |_: Environ, start_response: StartResponse| -> dsgi::Result<Body> {
        start_response("200 OK", &[TYPE])?;
        let number: u8 = "many".parse()?;
        Ok(Body::from(vec![number]))
    };
    let text = "invalid digit found in string";
    assert_eq!(Host::new(link(question_mark)).run(), fault(500, text));
    let forgotten = |_: Environ, _: StartResponse| Ok(["x"]);
    let text = "start_response was not called before the body began (rule start-before-body)";
    assert_eq!(Host::new(link(forgotten)).run(), fault(500, text));
    let malformed = |_: Environ, start_response: StartResponse| {
        start_response("OK", &[])?;
        Ok(["x"])
    };
    assert!(Host::new(link(malformed)).run().failure.is_some_and(|text| text.contains("`OK`")));
}

/// The head is held back until the first block, so that the client still gets an error page.
#[test]
fn an_error_in_place_of_the_first_block_comes_before_the_start() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let blocks = [Ok("".to_owned()), Err(Error::status(503, "busy")), Ok("more".to_owned())];
        Ok(Body::blocks(blocks).on_close(told.tell()))
    }));
    assert_eq!(host.run(), fault(503, "busy"));
    assert_eq!(ends.told(), [(Outcome::Failed, 0)]);
}

#[test]
fn an_error_in_the_middle_ends_the_body() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let blocks = [Ok("some"), Err(Error::new("disk full")), Ok("never")];
        Ok(Body::blocks(blocks).on_close(told.tell()))
    }));
    let failure = Some("disk full".to_owned());
    assert_eq!(host.run(), Done { failure, ..done(&["some"]) });
    assert_eq!(ends.told(), [(Outcome::Failed, 4)]);
}

#[test]
fn a_client_that_leaves_is_told_to_the_body() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let blocks = iter::from_fn(move || Some(environ["PATH_INFO"].to_owned()));
        Ok(Body::blocks(blocks).on_close(told.tell()))
    }));
    let mut stream = host.call().reply().stream();
    assert!(matches!(stream.pull(None), Poll::Ready(Some(Ok(Frame::Data(_))))));
    assert_eq!((host.held(), ends.told()), (1, Vec::new()));
    stream.close(Outcome::ClientGone, 9);
    assert_eq!((host.held(), ends.told()), (0, vec![(Outcome::ClientGone, 9)]));
}

/// What drops with a bang, when it is asked to.
struct Bang(&'static str);

impl Drop for Bang {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[test]
fn a_panic_in_the_call_is_an_answer() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let body = Body::from("never sent").on_close(told.tell());
        if environ.get("REQUEST_METHOD") == Some("POST") {
            panic!("no {}", environ.get("PATH_INFO").unwrap_or_default());
        }
        Ok(body)
    }));
    assert_eq!(host.run(), fault(500, "panicked: no /outside"));
    assert_eq!(ends.told(), [(Outcome::Failed, 0)]);
    let missing_key = |environ: Environ, _: StartResponse| Ok([environ["HTTP_COOKIE"].to_owned()]);
    let text = "panicked: the environ has no `HTTP_COOKIE`; use `get`";
    assert_eq!(Host::new(link(missing_key)).run(), fault(500, text));
}

#[test]
fn a_panic_whose_payload_panics_is_an_answer() {
    let host = Host::new(link(|_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        std::panic::panic_any(Bang("the payload"));
    }));
    assert_eq!(host.run(), fault(500, "panicked: a value that is not text"));
}

#[test]
fn a_panic_in_the_iterator_is_an_answer_or_ends_the_body() {
    for first in [true, false] {
        let ends = Ends::default();
        let told = ends.clone();
        let host = Host::new(link(move |environ: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TYPE])?;
            let mut calm = !first;
            let blocks = iter::from_fn(move || {
                assert!(std::mem::take(&mut calm), "no more of {}", &environ["PATH_INFO"]);
                Some("some")
            });
            Ok(Body::blocks(blocks).on_close(told.tell()))
        }));
        let text = "panicked: no more of /outside";
        let (expected, end) = match first {
            true => (fault(500, text), (Outcome::Failed, 0)),
            false => {
                (Done { failure: Some(text.to_owned()), ..done(&["some"]) }, (Outcome::Failed, 4))
            }
        };
        assert_eq!(host.run(), expected);
        assert_eq!(ends.told(), [end]);
    }
}

#[test]
fn a_panic_at_the_end_keeps_nothing_else_from_ending() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let bang = Bang("dropping the iterator");
        let blocks = ["a", "b"].into_iter().inspect(move |_| {
            let _ = (&bang, &environ);
        });
        Ok(Body::blocks(blocks)
            .on_close(told.tell())
            .on_close(|_, _| panic!("closing"))
            .on_close(told.tell()))
    }));
    assert_eq!(host.run(), done(&["a", "b"]));
    assert_eq!(ends.told(), [(Outcome::Completed, 2), (Outcome::Completed, 2)]);
}

/// A bare iterable of one block is dropped before the head is sent: its panic is still a 500.
#[test]
fn a_panic_in_a_drop_inside_of_the_call_is_an_answer() {
    let host = Host::new(link(|_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let bang = Bang("dropping the only block's iterator");
        Ok(["a"].into_iter().inspect(move |_| {
            let _ = &bang;
        }))
    }));
    assert_eq!(host.run(), fault(500, "panicked: dropping the only block's iterator"));
}

#[test]
fn a_reply_that_nobody_reads_ends_as_failed() {
    let ends = Ends::default();
    let told = ends.clone();
    let host = Host::new(link(move |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        let blocks = iter::repeat_with(move || environ["PATH_INFO"].to_owned());
        Ok(Body::blocks(blocks).on_close(told.tell()))
    }));
    drop(host.call());
    assert_eq!((host.held(), ends.told()), (0, vec![(Outcome::Failed, 0)]));
}

/// The echo of a non-blocking application: it may read what is there, and must not wait.
#[test]
fn input_is_read_while_the_response_is_under_way() {
    let echo = |mut environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        Ok(iter::from_fn(move || environ.input().block().transpose()))
    };
    let parts = vec![Part::Data("one"), Part::Data("two"), Part::End];
    let host = Host::with(vec![link(echo).into()], Input::arrived(parts));
    assert_eq!(host.run(), done(&["one", "two"]));
    let host = Host::with(vec![link(echo).into()], Input::arrived(vec![Part::Data("one")]));
    let done = host.run();
    assert!(done.failure.is_some_and(|text| text.contains("would stop a core")), "it waited");
    let host = Host::with(vec![link(echo).into()], Input::arrived(Vec::new()));
    host.cancel();
    assert_eq!(host.run(), fault(500, "the exchange was cancelled"));
}

#[test]
fn the_error_log_takes_lines() {
    let host = Host::new(link(|mut environ: Environ, start_response: StartResponse| {
        write!(environ.errors(), "one\ntwo")?;
        let mut body = String::new();
        environ.input().read_to_string(&mut body)?;
        start_response("200 OK", &[TYPE])?;
        Ok([body])
    }));
    assert_eq!(host.run(), done(&[""]));
    assert_eq!(host.log(), ["1 one", "1 two"]);
}

/// More header fields than the caller's scratch holds.
#[test]
fn a_large_head_crosses_in_a_box_of_its_own() {
    let value: Arc<str> = "v".repeat(2_000).into();
    let shared = Arc::clone(&value);
    let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[("X-Long", &shared), TYPE])?;
        Ok([""])
    }));
    let Answer::Reply(received) = host.call() else { panic!("no reply") };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(received.headers, [pair("X-Long", &value), pair(TYPE.0, TYPE.1)]);
    received.finish();
}

/// It lies in room that the caller lent for the call, and outlives it.
#[test]
fn a_kept_start_response_is_still_one_after_the_call() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let host = Host::new(link(move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TYPE])?;
        keep.lock().map_err(|_| Error::new("poisoned"))?.push(start_response);
        Ok(["kept"])
    }));
    for _ in 0..2 {
        assert_eq!(host.call().reply().finish(), done(&["kept"]));
    }
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    assert_eq!(kept.len(), 2);
    for start_response in kept {
        let second = thread::spawn(move || start_response("200 OK", &[])).join().unwrap();
        assert!(second.unwrap_err().message().contains("after the head was sent"));
    }
}
