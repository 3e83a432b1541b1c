//! Does with its visitor's session what the path says, with the query as a value; and says who the
//! visitor is.

use dsgi::{Body, Environ, Result, StartResponse};
use dsgi_layers::given::{RequestId, User};
use dsgi_session::Session;

fn app(mut environ: Environ, start_response: StartResponse) -> Result<Body> {
    const KEY: &str = "value";
    if &environ["PATH_INFO"] == "/nothing" {
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        return Ok(Body::from("nothing"));
    }
    if &environ["PATH_INFO"] == "/who" {
        let (user, request) = (environ.value::<User>()?, environ.value::<RequestId>()?);
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        return Ok(Body::from(format!("{} in {}", user.name, request.id)));
    }
    // Until the client has sent the rest of the request.
    while environ.input().block()?.is_some() {}
    let session = environ.value::<Session>()?;
    match &environ["PATH_INFO"] {
        "/get" => {}
        "/set" => session.set(KEY, &&environ["QUERY_STRING"])?,
        "/remove" => session.remove(KEY)?,
        "/regenerate" => session.regenerate()?,
        "/destroy" => session.destroy()?,
        "/fail" => {
            session.set(KEY, &"failed")?;
            return Err(dsgi::Error::new("it fails after it has set something"));
        }
        "/late" => {
            start_response("200 OK", &[("Content-Type", "text/plain")])?;
            let mut calls = 0;
            return Ok(Body::blocks(std::iter::from_fn(move || {
                calls += 1;
                let session = environ.value::<Session>();
                match calls {
                    1 => Some("begun: ".to_owned()),
                    2 => Some(match session.and_then(|session| session.set(KEY, &"late")) {
                        Ok(()) => "set".to_owned(),
                        Err(error) => error.to_string(),
                    }),
                    _ => None,
                }
            })));
        }
        path => return Err(dsgi::Error::status(404, format!("nothing at {path}"))),
    }
    let value = session.get::<String>(KEY)?;
    start_response("200 OK", &[("Content-Type", "text/plain")])?;
    Ok(Body::from(value.unwrap_or_else(|| "nothing".to_owned())))
}

dsgi::app!(app, name = "visitor");
