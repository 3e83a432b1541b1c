//! The application that hands over what it was told, on a pool of threads.

mod ledger;

use dsgi::{Application, Body, Environ, Handover, Purpose, StartResponse, State};
use ledger::{Config, Ledger};

struct App(Ledger);

impl Application for App {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Ledger::new(config)))
    }

    fn call(&self, mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
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

dsgi::app!(type App, name = "ledger");
