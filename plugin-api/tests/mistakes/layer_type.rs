//! A type that is an application stands around nothing.

use dsgi::{Application, Body, Environ, Purpose, StartResponse};

struct Shop;

impl Application for Shop {
    type Config = ();

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        Ok(Self)
    }

    fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<Body> {
        Ok(Body::empty())
    }
}

dsgi::middleware!(type Shop);

fn main() {}
