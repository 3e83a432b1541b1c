//! A greeter over gRPC, written with tonic.
//!
//! `routes` is what `tonic::transport::Server::add_routes` takes, and any tower server. There is
//! also grpc.health.v1. Clients in other languages are made of this text:
//!
//! ```text
//! syntax = "proto3";
//! package greeter.v1;
//!
//! service Greeter {
//!   rpc SayHello(Hello) returns (Reply);
//!   rpc Greet(Hello) returns (stream Reply);         // in three languages
//!   rpc Gather(stream Hello) returns (Reply);        // all at once
//!   rpc Talk(stream Hello) returns (stream Reply);   // each as it comes
//!   rpc Meet(Hello) returns (Reply);                 // when somebody of this name talks
//!   rpc Who(Nothing) returns (Guests);
//!   rpc ChangeHours(Hours) returns (Hours);
//! }
//!
//! message Hello { string name = 1; }
//! message Reply { string text = 1; }
//! message Nothing {}
//! message Guests { repeated string talking = 1; repeated string waiting = 2; }
//! message Hours { bool open = 1; }
//! ```

mod guests;
pub mod messages;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, Stream};
use tonic::metadata::{AsciiMetadataValue, BinaryMetadataValue, MetadataMap};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use self::guests::{Guest, Guests, Place};
use self::made::greeter_server::{Greeter, GreeterServer};
use self::messages::{Hello, Hours, Nothing, Reply};

/// What tonic-build makes of the service in build.rs.
#[allow(
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "nobody writes it"
)]
mod made {
    include!(concat!(env!("OUT_DIR"), "/greeter.v1.Greeter.rs"));
}

pub use self::made::greeter_client::GreeterClient;

/// Name of the service, as its health is asked for.
pub const NAME: &str = "greeter.v1.Greeter";

const LANGUAGES: [&str; 3] = ["good morning", "bonjour", "buongiorno"];

/// The greeter and its health.
pub async fn routes() -> Routes {
    let (health, health_server) = health_reporter();
    health.set_serving::<GreeterServer<Door>>().await;
    let door = Door { guests: Guests::default(), open: AtomicBool::new(true), health };
    Routes::new(GreeterServer::new(door)).add_service(health_server)
}

/// Where the greeter stands.
struct Door {
    guests: Guests,
    open: AtomicBool,
    health: HealthReporter,
}

type Replies = Pin<Box<dyn Stream<Item = Result<Reply, Status>> + Send>>;

#[tonic::async_trait]
impl Greeter for Door {
    async fn say_hello(&self, request: Request<Hello>) -> Result<Response<Reply>, Status> {
        if !self.open.load(Ordering::Relaxed) {
            return Err(Status::unavailable("the greeter rests"));
        }
        let asked = request.metadata().get("x-asked").cloned();
        let mut reply = Response::new(greeting(LANGUAGES[0], &named(request.into_inner())?));
        if let Some(asked) = asked {
            reply.metadata_mut().insert("x-asked", asked);
        }
        let bytes = BinaryMetadataValue::from_bytes(&[0, 255, b'\n']);
        reply.metadata_mut().insert_bin("x-door-bin", bytes);
        Ok(reply)
    }

    type GreetStream = Replies;

    async fn greet(&self, request: Request<Hello>) -> Result<Response<Replies>, Status> {
        let name = named(request.into_inner())?;
        let mut replies: Vec<_> =
            LANGUAGES.iter().map(|language| Ok(greeting(language, &name))).collect();
        if name == "a grump" {
            replies[1] = Err(turned_away(Code::Aborted, "a grump greets nobody: 100% \u{2639}"));
        }
        Ok(Response::new(Box::pin(stream::iter(replies))))
    }

    async fn gather(&self, request: Request<Streaming<Hello>>) -> Result<Response<Reply>, Status> {
        let (mut guests, mut names) = (request.into_inner(), Vec::new());
        while let Some(hello) = guests.message().await? {
            names.push(named(hello)?);
        }
        Ok(Response::new(greeting(LANGUAGES[0], &names.join(" and "))))
    }

    type TalkStream = Replies;

    async fn talk(&self, request: Request<Streaming<Hello>>) -> Result<Response<Replies>, Status> {
        let begun = (request.into_inner(), None);
        let guests = self.guests.clone();
        let replies = stream::try_unfold(begun, move |(mut hellos, guest)| {
            let guests = guests.clone();
            async move {
                let Some(hello) = hellos.message().await? else { return Ok(None) };
                let name = named(hello)?;
                let reply = greeting(LANGUAGES[0], &name);
                let guest: Guest = guest.unwrap_or_else(|| guests.enter(Place::Talking, name));
                Ok(Some((reply, (hellos, Some(guest)))))
            }
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn meet(&self, request: Request<Hello>) -> Result<Response<Reply>, Status> {
        let patience = request.metadata().get("grpc-timeout");
        let patience = patience.and_then(|text| text.to_str().ok()).unwrap_or("ever").to_owned();
        let name = named(request.into_inner())?;
        let _guest = self.guests.enter(Place::Waiting, format!("{name} for {patience}"));
        self.guests.until_talks(&name).await;
        Ok(Response::new(Reply { text: format!("here is {name}") }))
    }

    async fn who(&self, _: Request<Nothing>) -> Result<Response<messages::Guests>, Status> {
        Ok(Response::new(self.guests.now()))
    }

    async fn change_hours(&self, request: Request<Hours>) -> Result<Response<Hours>, Status> {
        let hours = request.into_inner();
        self.open.store(hours.open, Ordering::Relaxed);
        let status = if hours.open { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status(NAME, status).await;
        Ok(Response::new(hours))
    }
}

fn greeting(language: &str, name: &str) -> Reply {
    Reply { text: format!("{language}, {name}") }
}

/// The name, which is to be there.
fn named(hello: Hello) -> Result<String, Status> {
    match hello.name {
        name if name.is_empty() => Err(turned_away(Code::InvalidArgument, "a guest has a name")),
        name => Ok(name),
    }
}

/// An error with all that an error can have.
fn turned_away(code: Code, why: &str) -> Status {
    let mut told = MetadataMap::new();
    told.insert("x-door", AsciiMetadataValue::from_static("shut"));
    told.insert_bin("x-door-bin", BinaryMetadataValue::from_bytes(&[0, 255, b'\n']));
    Status::with_details_and_metadata(code, why, vec![0, 1, 255].into(), told)
}
