//! The server's side, on request: what its process costs, and what its metrics page says before and
//! after. A run that cannot see it goes on without, and says so.

mod metrics;
mod process;

use std::time::Duration;

use crate::plan::{Plan, TlsTrust};
use crate::publish::Client;
use crate::result::Server;

use process::Watched;

/// How long the metrics page may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is being watched.
#[derive(Debug)]
pub(crate) struct Watch {
    process: Option<Watched>,
    before: Option<String>,
    notes: Vec<String>,
    is_wanted: bool,
}

/// What the samples are divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) connected: u64,
    pub(crate) received: u64,
}

impl Watch {
    /// Looks for the first time, before anything connects.
    pub(crate) fn begin(plan: &Plan) -> Self {
        let mut notes = Vec::new();
        let process = plan.server.pid.and_then(|pid| {
            let watched = Watched::find(pid);
            if watched.is_none() {
                notes.push(format!(
                    "process {pid} cannot be seen: is it running, and on this machine?"
                ));
            }
            watched
        });
        let before = scrape(plan, &mut notes);
        let is_wanted = plan.server.pid.is_some() || plan.server.metrics.is_some();
        Self { process, before, notes, is_wanted }
    }

    /// All are connected, and nothing has been published.
    pub(crate) fn connected(&mut self) {
        if let Some(process) = &mut self.process {
            process.connected = process.look();
        }
    }

    /// Publishing begins.
    pub(crate) fn publishing(&mut self) {
        if let Some(process) = &mut self.process {
            process.publishing = process.look();
        }
    }

    /// Now and then while publishing.
    pub(crate) fn now_and_then(&mut self) {
        if let Some(process) = &mut self.process {
            process.look_at_sockets();
        }
    }

    /// Everything has arrived.
    pub(crate) fn done(&mut self) {
        if let Some(process) = &mut self.process {
            process.done = process.look();
        }
    }

    /// What was seen; nothing when nothing was asked for.
    pub(crate) fn end(mut self, plan: &Plan, shares: Shares) -> Option<Server> {
        if !self.is_wanted {
            return None;
        }
        let after = self.before.is_some().then(|| scrape(plan, &mut self.notes)).flatten();
        let metrics = self.before.as_deref().zip(after.as_deref());
        self.notes.extend(self.process.as_ref().and_then(Watched::doubt));
        Some(Server {
            process: self.process.map(|process| process.account(shares)),
            metrics: metrics
                .map_or_else(Vec::new, |(before, after)| metrics::changes(before, after)),
            notes: self.notes,
        })
    }
}

fn scrape(plan: &Plan, notes: &mut Vec<String>) -> Option<String> {
    let (endpoint, path) = plan.server.metrics.as_ref()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", endpoint.authority);
    let page = Client::new(endpoint.clone(), &TlsTrust::default(), PATIENCE)
        .map_err(|error| error.to_string())
        .and_then(|mut client| {
            client.exchange(request.as_bytes()).map_err(|error| error.to_string())
        })
        .and_then(|answer| match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            status => Err(format!("status {status}")),
        });
    page.map_err(|why| notes.push(format!("metrics of {}{path}: {why}", endpoint.authority))).ok()
}
