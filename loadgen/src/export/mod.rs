//! The metrics of a run while it goes on, for Prometheus: what the run shows is kept, and
//! written as text for each request.
//!
//! Nothing here is near the reading threads. They keep their own counts, which reach the run
//! several times a second as they do for the live view; a scrape reads what it was shown last.

mod figures;
mod page;
mod process;
mod serve;
mod text;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::Plan;
use crate::readers::Progress;
use crate::run::{Phase, Running, View};

use figures::Figures;

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(
        "cannot serve metrics on {address}: {error}; give --metrics-listen an address of this machine \
         and a port that is free (0 takes any)"
    )]
    Listen { address: SocketAddr, error: io::Error },
    #[error("cannot serve metrics: no thread or runtime for them: {0}")]
    Start(io::Error),
}

/// Serves the metrics from when it is made until the program ends, over all of its runs.
#[derive(Debug)]
pub(crate) struct Exporter {
    shown: Arc<Mutex<Figures>>,
    address: SocketAddr,
}

impl Exporter {
    /// Begins to serve. Until a run has begun the page is that of a run of this plan of which
    /// nothing has happened yet.
    pub(crate) fn start(listen: SocketAddr, plan: &Plan) -> Result<Self, ExportError> {
        let wrong = |error| ExportError::Listen { address: listen, error };
        let listener = TcpListener::bind(listen).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let shown = Arc::new(Mutex::new(Figures::of(plan)));
        serve::start(listener, shown.clone()).map_err(ExportError::Start)?;
        Ok(Self { shown, address })
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A view of one run that shows it here, and then to the other one. Counters begin at 0 again.
    pub(crate) fn before(&self, next: Box<dyn View>, plan: &Plan) -> Exported {
        let exported = Exported { shown: self.shown.clone(), figures: Figures::of(plan), next };
        exported.show();
        exported
    }
}

/// A view that exports what it is shown.
pub(crate) struct Exported {
    shown: Arc<Mutex<Figures>>,
    figures: Figures,
    next: Box<dyn View>,
}

impl Exported {
    fn show(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone_from(&self.figures);
    }
}

impl View for Exported {
    fn ramp(&mut self, progress: &Progress, requested: u64) {
        self.figures.advance(progress, Phase::Connecting);
        self.show();
        self.next.ramp(progress, requested);
    }

    fn running(&mut self, state: &Running<'_>) {
        self.figures.take(state);
        self.show();
        self.next.running(state);
    }

    fn end(&mut self) {
        self.next.end();
    }

    fn closed(&mut self, state: &Running<'_>) {
        self.figures.take(state);
        self.show();
        self.next.closed(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Counts;
    use crate::plan::Settings;
    use crate::view::Silence;

    #[test]
    fn each_run_begins_at_0_and_all_are_shown_at_one_address() {
        let settings = Settings {
            subscribe: vec!["http://127.0.0.1:9/".to_owned()],
            name: Some("twice".to_owned()),
            connections: Some(7),
            ..Settings::default()
        };
        let plan = settings.plan().expect("a plan");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let exporter = Exporter::start(listen, &plan).expect("a free port");
        assert_ne!(exporter.address().port(), 0);
        let shown = || {
            let shown = exporter.shown.lock().expect("no thread panics with it");
            (shown.scenario.clone(), shown.wanted, shown.received)
        };
        let counts = Counts { received: 5, ..Counts::default() };
        let progress = Progress { counts, ..Progress::default() };
        for _ in 0..2 {
            let mut view = exporter.before(Box::new(Silence), &plan);
            assert_eq!(shown(), ("twice".to_owned(), 7, 0));
            view.ramp(&progress, 7);
            assert_eq!(shown(), ("twice".to_owned(), 7, 5));
        }
    }
}
