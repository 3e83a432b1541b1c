//! The layer that hands over what it was told: it answers as the application of that name does,
//! and what lies below `/inside` goes on inwards.

#[path = "../../ledger/src/ledger.rs"]
mod ledger;

use dsgi::{Body, Environ, Handover, Inner, Middleware, Purpose, Request, StartResponse, State};
use ledger::{Config, Ledger};

struct Layer(Ledger);

impl Middleware for Layer {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Ledger::new(config)))
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        request.path() != b"/inside"
    }

    fn call(
        &self,
        _: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        while environ.input().block()?.is_some() {}
        self.0.answer(&environ["PATH_INFO"], &start_response)
    }

    fn export_state(&self) -> dsgi::Result<Option<State>> {
        self.0.export()
    }

    fn import_state(&self, state: &State, handover: Handover) -> dsgi::Result<()> {
        self.0.import(state, handover)
    }
}

dsgi::middleware!(type Layer, name = "ledger");
