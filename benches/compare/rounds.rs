//! Goes through shapes, rounds and servers: each server is started afresh for each run, on a port of
//! its own, so that none finds what another left, and memory grows from an empty server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::competitors::Competitor;
use crate::server::{Ports, Server};
use crate::session::{self, Asked, Entrant, Session, Trouble};
use crate::shapes::Shape;
use crate::{Places, say};

/// Between two servers, so that the kernel is done with the sockets of the one before.
const REST: Duration = Duration::from_millis(500);

/// Measures all, and leaves results and the session in files.
pub(crate) fn measure(
    places: &Places,
    competitors: &[Competitor],
    shapes: &[Shape],
    rounds: u32,
) -> anyhow::Result<()> {
    raise_open_files(shapes)?;
    let loadgen = places.programs.join("loadgen");
    if !loadgen.exists() {
        bail!("no {}; build fanfare-loadgen first, or say --programs", loadgen.display());
    }
    clear(&places.results)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut session = Session { rounds, ..Session::default() };
    session.servers = competitors.iter().map(|competitor| entrant(competitor, places)).collect();
    session.shapes = shapes.iter().map(asked).collect();
    session.save(&places.results)?;
    let here = competitors.iter().zip(session.servers.clone());
    let here: Vec<_> = here.filter(|(_, entrant)| entrant.absent.is_none()).collect();
    let mut bench = Bench { places, loadgen, ports: Ports::new(), stop };
    for (shape, round) in shapes.iter().flat_map(|s| (1..=rounds).map(move |r| (s, r))) {
        for (competitor, _) in &here {
            let begun = Instant::now();
            let outcome = bench.run(competitor, shape, round);
            if bench.stop.load(Ordering::Relaxed) {
                bail!("interrupted; `--render` shows what was measured until now");
            }
            let took = begun.elapsed().as_secs_f64();
            let line = format!("{} {round}/{} {}", shape.name, rounds, competitor.name);
            match outcome {
                Ok(()) => say(&format!("{line}: {took:.0} s")),
                Err(error) => {
                    say(&format!("{line}: {error:#}"));
                    session.troubles.push(trouble(competitor, shape, round, &error));
                    session.save(&places.results)?;
                }
            }
            sleep(REST);
        }
    }
    Ok(())
}

/// What all runs share.
struct Bench<'a> {
    places: &'a Places,
    loadgen: PathBuf,
    ports: Ports,
    stop: Arc<AtomicBool>,
}

impl Bench<'_> {
    fn run(&mut self, competitor: &Competitor, shape: &Shape, round: u32) -> anyhow::Result<()> {
        let server = Server::start(competitor, self.places, self.ports.free()?)?;
        let file =
            self.places.results.join(session::result_file(shape.name, competitor.name, round));
        let log = File::create(self.places.results.join("run").join("loadgen.log"))?;
        let mut command = Command::new(&self.loadgen);
        command.args(loadgen_arguments(competitor, shape, server.port, &server.pid.to_string()));
        command.arg("--json").arg(&file);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Its exit code is its opinion of the run, which the file says in more words.
        let status = command.status().context("starting loadgen")?;
        if !file.exists() {
            bail!("loadgen wrote no result ({status}); see run/loadgen.log beside the results");
        }
        Ok(())
    }
}

/// The arguments of loadgen, without the file that it writes.
fn loadgen_arguments(competitor: &Competitor, shape: &Shape, port: u16, pid: &str) -> Vec<String> {
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let mut arguments = vec!["run".to_owned(), "--quiet".to_owned()];
    arguments.extend(shape.flags.iter().cloned());
    arguments.extend(["--name".to_owned(), shape.name.to_owned()]);
    arguments.extend(["--subscribe".to_owned(), url(competitor.urls.subscribe)]);
    if shape.publishes {
        arguments.extend(["--publish".to_owned(), url(competitor.urls.publish)]);
        arguments.extend(competitor.urls.publish_flags.iter().map(|&flag| flag.to_owned()));
    }
    arguments.extend(["--server-pid".to_owned(), pid.to_owned()]);
    arguments
}

fn entrant(competitor: &Competitor, places: &Places) -> Entrant {
    // Not a port of anybody, and easy to find in the command.
    let port = 65_535;
    let folder = places.results.join("run").join(competitor.name);
    let launched = fs::create_dir_all(&folder)
        .map_err(|error| crate::competitors::Absent(error.to_string()))
        .and_then(|()| (competitor.launch)(places, port, &folder));
    let (command, absent) = match launched {
        Ok(command) => (session::shown(&command, places, port), None),
        Err(absent) => (String::new(), Some(absent.to_string())),
    };
    if let Some(reason) = &absent {
        say(&format!("{} is absent: {reason}", competitor.name));
    }
    let version = if absent.is_none() { (competitor.version)(places) } else { None };
    Entrant {
        name: competitor.name.into(),
        title: competitor.title.into(),
        version,
        command,
        absent,
    }
}

fn asked(shape: &Shape) -> Asked {
    let mut command = format!("loadgen run {} --subscribe URL", shape.flags.join(" "));
    if shape.publishes {
        command.push_str(" --publish URL");
    }
    command.push_str(" --server-pid PID");
    Asked { name: shape.name.to_owned(), command }
}

fn trouble(competitor: &Competitor, shape: &Shape, round: u32, error: &anyhow::Error) -> Trouble {
    let (server, shape) = (competitor.name.to_owned(), shape.name.to_owned());
    Trouble { server, shape, round, what: format!("{error:#}") }
}

/// Removes the results of former calls, and nothing else.
fn clear(results: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(results.join("run"))?;
    for entry in fs::read_dir(results)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Servers are given the limit that this process has.
fn raise_open_files(shapes: &[Shape]) -> anyhow::Result<()> {
    let needed = shapes.iter().map(|shape| shape.subscribers + 500).max().unwrap_or(0);
    let limit = getrlimit(Resource::Nofile);
    // Nothing stands for no limit.
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        bail!(
            "{most} open files are allowed and {needed} are needed; raise the hard limit (ulimit -Hn)"
        );
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raising the limit of open files")
}
