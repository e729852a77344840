//! A crew in another process: the same orders and gauges, as lines of JSON over its standard input
//! and output. All processes of a run share the machine's monotonic clock, so the start of
//! publishing is a moment, not a message that has to arrive in time.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Crew, CrewError, Progress, Report, Share};
use crate::clock::Moment;
use crate::measure::Compact;
use crate::plan::Plan;
use crate::subscriber::Published;

/// How often a worker process shows how far it is.
const SHOW: Duration = Duration::from_millis(100);

/// What a worker process is told, a line each.
#[derive(Serialize, Deserialize)]
enum Order {
    Work { plan: Box<Plan>, share: Share },
    Begin(Moment),
    Finish(Published),
    Stop,
}

/// What it answers, a line each.
#[derive(Serialize, Deserialize)]
enum Answer {
    Progress(Box<Progress>),
    Report(Box<Report>),
    Failed(String),
}

/// A worker process, seen from the conductor.
#[derive(Debug)]
pub(crate) struct RemoteCrew {
    child: Child,
    orders: ChildStdin,
    shown: Arc<Mutex<Progress>>,
    reader: JoinHandle<Result<Report, String>>,
}

impl RemoteCrew {
    /// Starts a process with its share of the subscribers, which begin to connect at once.
    pub(crate) fn start(plan: &Plan, share: Share) -> Result<Self, CrewError> {
        let program = std::env::current_exe().map_err(CrewError::Spawn)?;
        let mut child = Command::new(program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(CrewError::Spawn)?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for")
        };
        let shown = Arc::new(Mutex::new(Progress::default()));
        let reader = {
            let shown = shown.clone();
            thread::spawn(move || listen(BufReader::new(answers), &shown))
        };
        let mut crew = Self { child, orders, shown, reader };
        crew.send(&Order::Work { plan: Box::new(plan.clone()), share })?;
        Ok(crew)
    }

    pub(crate) fn begin(&mut self, at: Moment) -> Result<(), CrewError> {
        self.send(&Order::Begin(at))
    }

    pub(crate) fn finish(&mut self, published: Published) -> Result<(), CrewError> {
        self.send(&Order::Finish(published))
    }

    pub(crate) fn progress(&self) -> Progress {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = shown.clone();
        shown.latency = Compact::default();
        progress
    }

    /// Whether it has ended, which it must not before it is told to.
    pub(crate) fn is_lost(&self) -> bool {
        self.reader.is_finished()
    }

    pub(crate) fn stop(mut self) -> Result<Report, CrewError> {
        // One that has ended already gives the reason below.
        let _ = self.send(&Order::Stop);
        let report = self.reader.join().map_err(|_| CrewError::Panicked)?;
        let _ = self.child.wait();
        report.map_err(CrewError::Lost)
    }

    fn send(&mut self, order: &Order) -> Result<(), CrewError> {
        let lost = |error: io::Error| CrewError::Lost(error.to_string());
        let mut line = serde_json::to_vec(order).map_err(|error| lost(error.into()))?;
        line.push(b'\n');
        self.orders.write_all(&line).map_err(lost)
    }
}

fn listen(answers: impl io::BufRead, shown: &Mutex<Progress>) -> Result<Report, String> {
    for line in answers.lines() {
        let line = line.map_err(|error| error.to_string())?;
        match serde_json::from_str(&line).map_err(|error| error.to_string())? {
            Answer::Progress(progress) => {
                let mut progress = *progress;
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                progress.latency.merge(&shown.latency);
                *shown = progress;
            }
            Answer::Report(report) => return Ok(*report),
            Answer::Failed(why) => return Err(why),
        }
    }
    Err("it made no report; was it killed, or out of memory?".to_owned())
}

/// The other side: does what the lines of standard input say, until there are no more.
pub(crate) fn serve() -> io::Result<()> {
    let mut orders = BufReader::new(io::stdin()).lines();
    let Some(first) = orders.next().transpose()? else { return Ok(()) };
    let Order::Work { plan, share } = serde_json::from_str(&first)? else {
        return Err(io::Error::other("a worker process must be told its work first"));
    };
    // A terminal sends Ctrl-C to all processes of a run. It is the conductor who decides what follows;
    // should it die, the end of the input says so.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default())?;
    crate::plan::FileBudget::raise();
    let crew = match Crew::start(&Arc::new(*plan), share) {
        Ok(crew) => Arc::new(crew),
        Err(error) => return answer(&Answer::Failed(error.to_string())),
    };
    let show = {
        let crew = Arc::downgrade(&crew);
        thread::spawn(move || {
            while let Some(crew) = crew.upgrade() {
                // Without a conductor nobody listens; the end of the input will say so.
                let _ = answer(&Answer::Progress(Box::new(crew.progress())));
                drop(crew);
                thread::sleep(SHOW);
            }
        })
    };
    for line in orders {
        match serde_json::from_str(&line?)? {
            Order::Begin(at) => crew.begin(at),
            Order::Finish(published) => crew.finish(published),
            Order::Stop => break,
            Order::Work { .. } => {}
        }
    }
    let mut crew = crew;
    let crew = loop {
        match Arc::try_unwrap(crew) {
            Ok(crew) => break crew,
            // The other thread holds it for a moment only.
            Err(shared) => crew = shared,
        }
        thread::yield_now();
    };
    // Nothing may come after the report.
    let _ = show.join();
    let report = crew.stop();
    answer(&report.map_or_else(
        |error| Answer::Failed(error.to_string()),
        |report| Answer::Report(Box::new(report)),
    ))
}

fn answer(answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
