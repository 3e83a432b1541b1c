//! A server of gRPC: as a library it answers tonic's own client as it does in tonic's own server.

use super::native::Native;
use crate::harness::client::Response as Answer;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::{sample, versions};
use crate::harness::operated::Operated;
use crate::harness::{DEADLINE, eventually};
use futures_util::stream::{self, Stream};
use greeter::messages::{Hello, Hours, Nothing, Reply};
use greeter::{GreeterClient, NAME};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::{Channel, Endpoint, Server, server::TcpIncoming};
use tonic::{Request, Response, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Just what a message may have by default, without what it is written in.
const FOUR_MIB: usize = 4 * 1024 * 1024;

fn both() -> (Native, Host) {
    let native = Native::start(async |listener| {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let mut server = Server::builder();
        let served = server.add_routes(greeter::routes().await).serve_with_incoming(incoming);
        served.await.unwrap();
    });
    let library = sample("tonic-greeter");
    (native, Host::start(["--load".as_ref(), library.as_os_str()]))
}

/// A client and what it was told.
struct Client {
    channel: Channel,
    told: Vec<String>,
}

impl Client {
    fn greeter(&self) -> GreeterClient<Channel> {
        GreeterClient::new(self.channel.clone())
    }

    fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    fn note(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    /// A unary answer.
    fn reply(&mut self, reply: Result<Response<Reply>, Status>) {
        let reply = match reply {
            Ok(reply) => format!("{} {}", fields(reply.metadata()), short(reply.get_ref())),
            Err(status) => refused(&status),
        };
        self.note(reply);
    }

    /// The next reply of a stream, or how it ended.
    async fn next(&mut self, replies: &mut Streaming<Reply>) {
        let next = match replies.message().await {
            Ok(Some(reply)) => short(&reply),
            Ok(None) => {
                format!("the end {:?}", replies.trailers().await.unwrap().as_ref().map(fields))
            }
            Err(status) => refused(&status),
        };
        self.note(next);
    }

    /// Waits until `is` of who is there.
    async fn until(&self, what: &str, is: impl Fn(&greeter::messages::Guests) -> bool) {
        let mut greeter = self.greeter();
        let wait = async {
            while !is(greeter.who(Nothing {}).await.unwrap().get_ref()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, wait).await;
        waited.unwrap_or_else(|_| panic!("never so: {what}"));
    }
}

/// A message, and where it is a long one its length.
fn short(reply: &Reply) -> String {
    match reply.text.len() {
        0..100 => reply.text.clone(),
        length => format!("{length} bytes"),
    }
}

/// All of a status.
fn refused(status: &Status) -> String {
    let (details, metadata) = (status.details(), fields(status.metadata()));
    format!("{:?} {} {details:?} {metadata}", status.code(), status.message())
}

/// What stands beside a message, but for what names a moment.
fn fields(metadata: &MetadataMap) -> String {
    let field = |field: KeyAndValueRef<'_>| match field {
        KeyAndValueRef::Ascii(name, value) => format!("{name}: {value:?}"),
        KeyAndValueRef::Binary(name, value) => format!("{name}: {:?}", value.to_bytes()),
    };
    let mut fields: Vec<String> = metadata.iter().map(field).collect();
    fields.retain(|field| !field.starts_with("date"));
    fields.sort();
    fields.join(", ")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn connect(address: SocketAddr) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Client { channel: endpoint.connect().await.unwrap(), told: Vec::new() }
}

/// Has the same conversation with both, and gives what both have told.
#[track_caller]
fn alike(talk: impl AsyncFn(&mut Client)) -> Vec<String> {
    let (native, host) = both();
    let [native, plugin] = [native.address, host.address()].map(|address| {
        runtime().block_on(async {
            let mut client = connect(address).await;
            tokio::time::timeout(DEADLINE, talk(&mut client)).await.expect("it ends in time");
            client.told
        })
    });
    assert_eq!(native, plugin);
    native
}

fn hello(name: impl Into<String>) -> Hello {
    Hello { name: name.into() }
}

/// What is to be said one by one.
fn line() -> (mpsc::Sender<Hello>, impl Stream<Item = Hello> + Send + 'static) {
    let (say, said) = mpsc::channel(1);
    let said = stream::unfold(said, async |mut said: mpsc::Receiver<Hello>| {
        said.recv().await.map(|hello| (hello, said))
    });
    (say, said)
}

#[test]
fn unary_calls_answer_alike() {
    let told = alike(async |client| {
        let mut greeter = client.greeter();
        let mut request = Request::new(hello("ada"));
        request.metadata_mut().insert("x-asked", "by ada".parse().unwrap());
        client.reply(greeter.say_hello(request).await);
        client.reply(greeter.say_hello(hello("")).await);
    });
    let (greeted, turned_away) = (&told[0], &told[1]);
    for part in ["by ada", r"\0\xff\n", "good morning, ada"] {
        assert!(greeted.contains(part), "{part} is not in {greeted}");
    }
    for part in ["InvalidArgument a guest has a name [0, 1, 255]", r#"x-door: "shut""#] {
        assert!(turned_away.contains(part), "{part} is not in {turned_away}");
    }
}

#[test]
fn streams_answer_alike() {
    let told = alike(async |client| {
        let mut greeter = client.greeter();
        // The last one is turned away behind a message: in trailers, and not in the head.
        for name in ["bob", "a grump"] {
            let mut replies = greeter.greet(hello(name)).await.unwrap().into_inner();
            for _ in 0..5 {
                client.next(&mut replies).await;
            }
        }
        for names in [&["ada", "bob", "eve"][..], &[], &["ada", "", "eve"]] {
            let names: Vec<Hello> = names.iter().map(|name| hello(*name)).collect();
            client.reply(greeter.gather(stream::iter(names)).await);
        }
    });
    assert_eq!(told[..3], ["good morning, bob", "bonjour, bob", "buongiorno, bob"]);
    assert!(told[3].starts_with("the end"), "{told:?}");
    assert_eq!(told[5], "good morning, a grump");
    assert!(told[6].starts_with("Aborted a grump greets nobody: 100% \u{2639} [0, 1, 255]"));
    assert!(told[10].ends_with("good morning, ada and bob and eve"), "{told:?}");
    assert!(told[12].starts_with("InvalidArgument"), "{told:?}");
}

/// Each message is answered before the next one is sent.
#[test]
fn both_directions_take_turns() {
    let told = alike(async |client| {
        let (say, said) = line();
        let mut replies = client.greeter().talk(said).await.unwrap().into_inner();
        for name in ["ada", "bob", "eve"] {
            say.send(hello(name)).await.unwrap();
            client.next(&mut replies).await;
        }
        client.until("the guest talks", |guests| guests.talking == ["ada"]).await;
        drop(say);
        client.next(&mut replies).await;
        client.until("the guest is gone", |guests| guests.talking.is_empty()).await;
    });
    assert_eq!(told[..3], ["good morning, ada", "good morning, bob", "good morning, eve"]);
    assert!(told[3].starts_with("the end"), "{told:?}");
}

#[test]
fn a_deadline_ends_a_call() {
    let told = alike(async |client| {
        let mut request = Request::new(hello("nobody"));
        request.set_timeout(Duration::from_millis(50));
        let reply = client.greeter().meet(request).await;
        client.reply(reply);
        client.until("the guest has given up", |guests| guests.waiting.is_empty()).await;
    });
    assert!(told[0].contains("Timeout expired"), "{told:?}");
}

/// A client that leaves ends what it has begun: a call that waits, and a stream that is open.
#[test]
fn who_leaves_cancels() {
    alike(async |client| {
        let mut greeter = client.greeter();
        let mut request = Request::new(hello("nobody"));
        request.set_timeout(Duration::from_secs(3600));
        let call = tokio::spawn(async move { greeter.meet(request).await });
        let waits = "nobody for 3600000m";
        client.until("the guest waits", |guests| guests.waiting == [waits]).await;
        call.abort();
        client.until("the guest has left", |guests| guests.waiting.is_empty()).await;

        let (say, said) = line();
        let mut replies = client.greeter().talk(said).await.unwrap().into_inner();
        say.send(hello("ada")).await.unwrap();
        client.next(&mut replies).await;
        client.until("the guest talks", |guests| guests.talking == ["ada"]).await;
        drop((replies, say));
        client.until("the guest has left", |guests| guests.talking.is_empty()).await;
    });
}

#[test]
fn large_messages_pass_up_to_the_limit() {
    let told = alike(async |client| {
        let mut greeter = client.greeter();
        let most = "x".repeat(FOUR_MIB - 100);
        client.reply(greeter.say_hello(hello(&most)).await);
        let (say, said) = line();
        let mut replies = greeter.talk(said).await.unwrap().into_inner();
        for _ in 0..2 {
            say.send(hello(&most)).await.unwrap();
            client.next(&mut replies).await;
        }
        // More than the client takes, and more than the server does.
        client.reply(greeter.say_hello(hello("x".repeat(FOUR_MIB - 8))).await);
        client.reply(greeter.say_hello(hello("x".repeat(FOUR_MIB))).await);
    });
    for reply in &told[..3] {
        assert!(reply.ends_with(&format!("{} bytes", FOUR_MIB - 100 + 14)), "{told:?}");
    }
    assert!(told[3].starts_with("OutOfRange") && told[4].starts_with("OutOfRange"), "{told:?}");
}

#[test]
fn health_is_told_and_watched() {
    let told = alike(async |client| {
        let mut health = client.health();
        let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
        for service in ["", NAME, "nobody"] {
            let checked = health.check(of(service)).await;
            client.note(checked.map_or_else(|it| refused(&it), |it| format!("{:?}", it.get_ref())));
        }
        let mut changes = health.watch(of(NAME)).await.unwrap().into_inner();
        for open in [false, true] {
            client.note(format!("{:?}", changes.message().await.unwrap()));
            client.greeter().change_hours(Hours { open }).await.unwrap();
        }
        client.note(format!("{:?}", changes.message().await.unwrap()));
    });
    let status = |at: usize| told[at].contains("NotServing") || told[at].contains("status: 2");
    assert_eq!([1, 3, 4, 5].map(status), [false, false, true, false], "{told:?}");
    assert!(told[2].starts_with("NotFound"), "{told:?}");
}

/// The same bytes, too: where the status stands, and every field.
#[test]
fn the_parts_of_an_answer_stand_where_they_do() {
    let (native, host) = both();
    let ask = |address, path: &str, message: &str| {
        let mut client = Http2::open(address);
        let length = char::from(u8::try_from(message.len()).unwrap());
        let request = http::Request::post(format!("http://a.example/{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(format!("\0\0\0\0{length}{message}"));
        let sent = client.send(request);
        let mut answer: Answer = client.response(sent).unwrap();
        answer.headers.retain(|(name, _)| name != "date");
        answer.headers.sort();
        answer.trailers.sort();
        answer
    };
    let mut status_stands = Vec::new();
    for (path, message) in [
        ("greeter.v1.Greeter/SayHello", "\n\x03ada"),
        ("greeter.v1.Greeter/SayHello", ""),
        ("greeter.v1.Greeter/Greet", "\n\x03bob"),
        ("greeter.v1.Greeter/Greet", "\n\x07a grump"),
        ("greeter.v1.Greeter/Nothing", ""),
        ("nobody/Nothing", ""),
    ] {
        let [native, plugin] =
            [native.address, host.address()].map(|address| ask(address, path, message));
        assert_eq!(native, plugin, "{path} {message:?}");
        let stands =
            |fields: &[(String, String)]| fields.iter().any(|(name, _)| name == "grpc-status");
        status_stands.push([stands(&native.headers), stands(&native.trailers)]);
    }
    let (head, behind) = ([true, false], [false, true]);
    assert_eq!(status_stands, [behind, head, behind, behind, head, head]);
}

/// A stream goes on with the version it was begun with; the next call meets the other one.
#[test]
fn a_stream_outlives_a_swap() {
    let library = sample("tonic-greeter");
    let [first, second] = versions(&library, b"good morning", b"good evening");
    let host = Operated::start(Launch::new().arg("--load").arg(&*first));
    runtime().block_on(async {
        let mut client = connect(host.address()).await;
        let (say, said) = line();
        let mut replies = client.greeter().talk(said).await.unwrap().into_inner();
        say.send(hello("ada")).await.unwrap();
        client.next(&mut replies).await;
        host.deploy("tonic-greeter", &second);
        let reply = client.greeter().say_hello(hello("bob")).await.unwrap();
        client.note(short(reply.get_ref()));
        say.send(hello("eve")).await.unwrap();
        client.next(&mut replies).await;
        drop(say);
        client.next(&mut replies).await;
        assert_eq!(
            client.told[..3],
            ["good morning, ada", "good evening, bob", "good morning, eve"]
        );
        assert!(client.told[3].starts_with("the end"), "{:?}", client.told);
    });
    eventually("the end of the version before", || {
        host.app("tonic-greeter")["retained"].as_array()?.is_empty().then_some(())
    });
}
