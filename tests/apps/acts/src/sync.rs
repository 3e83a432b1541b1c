//! The layer in the sync form.

use dsgi::{Body, Environ, Flavour, Inner, Middleware, Purpose, Request, StartResponse};

use crate::acts::{Acts, Config};

/// The flavour does not change what it does, only where.
pub(crate) struct Layer<const WAITS: u8>(Acts);

impl<const WAITS: u8> Middleware for Layer<WAITS> {
    type Config = Config;

    const FLAVOUR: Flavour = if WAITS == 0 { Flavour::NonBlocking } else { Flavour::Blocking };

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Acts::new(config)))
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        self.0.concerns(request)
    }

    fn call(
        &self,
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let act = self.0.act(&environ);
        self.0.change(&act, &mut environ)?;
        let start_response = start_response.edit(self.0.edit(&act));
        let body = match &*act {
            "answer" => {
                start_response(
                    "203 By A Layer",
                    &[("Content-Type", "text/plain"), ("X-Layer", "answers")],
                )?;
                return Ok(Body::from("by a layer\n"));
            }
            "early" => {
                start_response("200 OK", &[("Content-Type", "text/plain")])?;
                inner(environ, start_response)?
            }
            "never" => inner.respond(environ)?.body,
            "drop" => {
                drop(inner.respond(environ)?);
                start_response("200 OK", &[("Content-Type", "text/plain")])?;
                Body::from("instead\n")
            }
            "twice" => {
                let again = environ.duplicate()?;
                let first = inner.respond(environ)?;
                let mut second = inner.respond(again)?;
                second.head.set("X-First", first.head.status().to_string());
                drop(first);
                second.send(start_response)?
            }
            "read" => {
                let length = environ.read_input(100)?.len();
                environ.set("layer.length", length.to_string());
                inner(environ, start_response)?
            }
            _ => inner(environ, start_response)?,
        };
        Ok(self.0.wrap(&act, body))
    }
}
