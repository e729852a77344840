//! The server's side, on request: what its process costs, and what its metrics page says before and
//! after. A run that cannot see it goes on without, and says so.

mod metrics;
mod process;

use std::time::Duration;

use crate::plan::{MetricsPage, Plan, TlsTrust, without_secrets};
use crate::publish::Client;
use crate::result::Server;

pub(crate) use metrics::changes;
use process::MonitoredProcess;

/// How long the metrics page may take.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is monitored of the server.
#[derive(Debug)]
pub(crate) struct ServerMonitor {
    process: Option<MonitoredProcess>,
    before: Option<String>,
    notes: Vec<String>,
    is_wanted: bool,
}

/// What the samples are divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divisors {
    pub(crate) connected: u64,
    pub(crate) received: u64,
}

impl ServerMonitor {
    /// Takes the first sample, before anything connects.
    pub(crate) fn begin(plan: &Plan) -> Self {
        let mut notes = Vec::new();
        let process = plan.server.pid.and_then(|pid| {
            let monitored = MonitoredProcess::find(pid);
            if monitored.is_none() {
                notes.push(format!(
                    "process {pid} cannot be seen: is it running, and on this machine?"
                ));
            }
            monitored
        });
        let before = scrape(plan, &mut notes);
        let is_wanted = plan.server.pid.is_some() || plan.server.metrics.is_some();
        Self { process, before, notes, is_wanted }
    }

    /// All are connected, and nothing has been published.
    pub(crate) fn connected(&mut self) {
        if let Some(process) = &mut self.process {
            process.connected = process.sample();
        }
    }

    /// Publishing begins.
    pub(crate) fn publishing(&mut self) {
        if let Some(process) = &mut self.process {
            process.publishing = process.sample();
        }
    }

    /// Several times while publishing.
    pub(crate) fn sample_sockets(&mut self) {
        if let Some(process) = &mut self.process {
            process.sample_sockets();
        }
    }

    /// Everything has arrived.
    pub(crate) fn done(&mut self) {
        if let Some(process) = &mut self.process {
            process.done = process.sample();
        }
    }

    /// What was seen; nothing when nothing was requested.
    pub(crate) fn end(mut self, plan: &Plan, divisors: Divisors) -> Option<Server> {
        if !self.is_wanted {
            return None;
        }
        let after = self.before.is_some().then(|| scrape(plan, &mut self.notes)).flatten();
        let metrics = self.before.as_deref().zip(after.as_deref());
        self.notes.extend(self.process.as_ref().and_then(MonitoredProcess::memory_caveat));
        let process = self.process.as_ref().and_then(|process| process.cost(divisors));
        if let Some(monitored) = self.process.as_ref().filter(|_| process.is_none()) {
            let pid = monitored.pid();
            self.notes.push(format!("process {pid} ended before the run did: no cost is known"));
        }
        Some(Server {
            process,
            metrics: metrics.map_or_else(Vec::new, |(before, after)| changes(before, after)),
            notes: self.notes,
        })
    }
}

fn scrape(plan: &Plan, notes: &mut Vec<String>) -> Option<String> {
    let MetricsPage { endpoint, path, authorization } = plan.server.metrics.as_ref()?;
    let authorization = authorization
        .as_ref()
        .map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
    let host = &endpoint.authority;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{authorization}\r\n");
    let page = Client::new(endpoint.clone(), &TlsTrust::default(), SCRAPE_TIMEOUT)
        .map_err(|error| error.to_string())
        .and_then(|mut client| {
            client.exchange(request.as_bytes()).map_err(|error| error.to_string())
        })
        .and_then(|response| match response.status {
            200 => Ok(String::from_utf8_lossy(&response.body).into_owned()),
            status => Err(format!("status {status}")),
        });
    let note = |why| notes.push(without_secrets(&format!("metrics of http://{host}{path}: {why}")));
    page.map_err(note).ok()
}
