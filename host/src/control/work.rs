//! Wishes that take their time, each on a thread of its own.
//!
//! A wish that was begun is finished, whether or not its client stays to hear of it.

use std::sync::Arc;
use std::thread;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::operator::{App, Deployed, Deployment, Operator, Problem, Progress, Refused, Verdict};

/// What an operator wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Deploy { app: String, deployment: Deployment, until: Until },
    Rollback { app: String },
    Drain { app: String },
}

/// When a deploy is answered for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Live,
    /// The crash window is over.
    Judged,
}

/// What is said of a wish; the last one of them is its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Progress(Progress),
    Deployed(Deployed),
    Verdict(Verdict),
    Drained(App),
    Refused(Problem),
}

/// A wish as one document.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Deployed {
        #[serde(flatten)]
        deployed: Deployed,
        #[serde(flatten)]
        verdict: Option<Verdict>,
    },
    Drained(App),
}

/// Begins a wish.
pub(super) fn begin(
    operator: &Arc<dyn Operator>,
    threads: &Arc<Semaphore>,
    wish: Wish,
) -> Result<UnboundedReceiver<Line>, Problem> {
    let Ok(place) = Arc::clone(threads).try_acquire_owned() else {
        let detail = String::from("too many deploys are waited for");
        return Err(Problem::new("busy", "Busy", StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let (say, said) = unbounded_channel();
    let operator = Arc::clone(operator);
    let work = move || {
        let _place = place;
        if let Err(refused) = grant(&*operator, &wish, &say) {
            let _ = say.send(Line::Refused(refused.problem()));
        }
    };
    thread::Builder::new().name(String::from("operator")).spawn(work).map_err(|error| {
        let text = format!("the system refused a thread: {error}");
        Refused::System { text, help: None }.problem()
    })?;
    Ok(said)
}

/// Nobody may be listening any more, so what cannot be said is not said.
fn grant(operator: &dyn Operator, wish: &Wish, say: &UnboundedSender<Line>) -> Result<(), Refused> {
    let progress = |progress| drop(say.send(Line::Progress(progress)));
    match wish {
        Wish::Deploy { app, deployment, until } => {
            let deployed = operator.deploy(app, deployment, &progress)?;
            let generation = deployed.new.generation;
            let _ = say.send(Line::Deployed(deployed));
            if *until == Until::Judged {
                let _ = say.send(Line::Verdict(operator.verdict(app, generation)));
            }
        }
        Wish::Rollback { app } => {
            let _ = say.send(Line::Deployed(operator.rollback(app, &progress)?));
        }
        Wish::Drain { app } => {
            let _ = say.send(Line::Drained(operator.drain(app)?));
        }
    }
    Ok(())
}

/// Waits for the answer.
pub(super) async fn finish(mut said: UnboundedReceiver<Line>) -> Result<Outcome, Problem> {
    let mut outcome = None;
    while let Some(line) = said.recv().await {
        match line {
            Line::Progress(_) => {}
            Line::Deployed(deployed) => {
                outcome = Some(Outcome::Deployed { deployed, verdict: None });
            }
            Line::Drained(app) => outcome = Some(Outcome::Drained(app)),
            Line::Refused(problem) => return Err(problem),
            Line::Verdict(said) => {
                let Some(Outcome::Deployed { deployed, verdict }) = &mut outcome else { continue };
                if let Verdict::RolledBack { why } = said {
                    let app = deployed.app.clone();
                    return Err(Refused::RolledBack { app, why }.problem());
                }
                *verdict = Some(said);
            }
        }
    }
    // The thread panicked: what served before serves on.
    outcome.ok_or_else(|| {
        let text = String::from("the host failed and does not know why: see its log");
        Refused::System { text, help: None }.problem()
    })
}
