//! The application that hands over what it was told, as a future.

#[path = "../../ledger/src/ledger.rs"]
mod ledger;

use dsgi::{AsyncApplication, Body, Environ, Handover, Purpose, StartResponse, State};
use ledger::{Config, Ledger};

struct App(Ledger);

impl AsyncApplication for App {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Ledger::new(config)))
    }

    async fn call(
        &self,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        while environ.input().next().await?.is_some() {}
        self.0.answer(&environ["PATH_INFO"], &start_response)
    }

    fn export_state(&self) -> dsgi::Result<Option<State>> {
        self.0.export()
    }

    fn import_state(&self, state: &State, handover: Handover) -> dsgi::Result<()> {
        self.0.import(state, handover)
    }
}

dsgi::app!(async type App, name = "ledger");
