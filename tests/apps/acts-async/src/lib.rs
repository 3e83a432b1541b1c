//! The layer that acts as it is asked, in the async form.

#[path = "../../acts/src/acts.rs"]
mod acts;

use dsgi::{AsyncInner, AsyncMiddleware, Body, Environ, Purpose, Request, StartResponse};

use crate::acts::{Acts, Config};

struct Layer(Acts);

impl AsyncMiddleware for Layer {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Acts::new(config)))
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        self.0.concerns(request)
    }

    async fn call(
        &self,
        inner: AsyncInner,
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
                inner(environ, start_response).await?
            }
            "never" => inner.respond(environ).await?.body,
            "drop" => {
                drop(inner.respond(environ).await?);
                start_response("200 OK", &[("Content-Type", "text/plain")])?;
                Body::from("instead\n")
            }
            "twice" => {
                let again = environ.duplicate()?;
                let first = inner.respond(environ).await?;
                let mut second = inner.respond(again).await?;
                second.head.set("X-First", first.head.status().to_string());
                drop(first);
                second.send(start_response)?
            }
            "read" => {
                let length = environ.read_input_async(100).await?.len();
                environ.set("layer.length", length.to_string());
                inner(environ, start_response).await?
            }
            _ => inner(environ, start_response).await?,
        };
        Ok(self.0.wrap(&act, body))
    }
}

dsgi::middleware!(async type Layer, name = "acts-async");
