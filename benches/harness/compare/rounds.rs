//! Goes through shapes, rounds and servers: each server is started afresh for each run, on a port
//! of its own, so that none finds what another left, and memory grows from an empty server.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::bail;

use crate::bench::Bench;
use crate::compare::competitors::{Absent, Competitor};
use crate::compare::session::{self, Failure, Participant, Session, ShapeCommand};
use crate::compare::shapes::Shape;
use crate::places::Places;
use crate::progress::say;
use crate::server::{Launch, Server};

/// Measures all, and leaves results and the session in files.
pub(crate) fn measure(
    places: &Places,
    results: &Path,
    competitors: &[Competitor],
    shapes: &[Shape],
    rounds: u32,
) -> anyhow::Result<()> {
    let connections = shapes.iter().map(|shape| shape.subscribers).max().unwrap_or(0);
    let mut bench = Bench::new(places, connections)?;
    clear(results)?;
    let mut session = Session { rounds, ..Session::default() };
    let participant = |one| participant(one, &bench.places, results);
    session.servers = competitors.iter().map(participant).collect();
    session.shapes = shapes.iter().map(shape_command).collect();
    session.save(results)?;
    let here = competitors.iter().zip(session.servers.clone());
    let here: Vec<_> = here.filter(|(_, participant)| participant.absent.is_none()).collect();
    for (shape, round) in shapes.iter().flat_map(|s| (1..=rounds).map(move |r| (s, r))) {
        for (competitor, _) in &here {
            let begun = Instant::now();
            let outcome = run(&mut bench, results, competitor, shape, round);
            if bench.is_interrupted() {
                bail!("interrupted; `--render` shows what was measured until now");
            }
            let took = begun.elapsed().as_secs_f64();
            let line = format!("{} {round}/{rounds} {}", shape.name, competitor.name);
            match outcome {
                Ok(()) => say(&format!("{line}: {took:.0} s")),
                Err(error) => {
                    say(&format!("{line}: {error:#}"));
                    session.failures.push(failure(competitor, shape, round, &error));
                    session.save(results)?;
                }
            }
            bench.settle();
        }
    }
    Ok(())
}

fn run(
    bench: &mut Bench,
    results: &Path,
    competitor: &Competitor,
    shape: &Shape,
    round: u32,
) -> anyhow::Result<()> {
    let port = bench.free_port()?;
    let folder = results.join("run").join(competitor.name);
    fs::create_dir_all(&folder)?;
    let launch = Launch {
        title: competitor.title.to_owned(),
        command: (competitor.launch)(&bench.places, port, &folder)?,
        ready_url: format!("http://127.0.0.1:{port}{}", competitor.urls.subscribe),
        serves_in_a_child: competitor.serves_in_a_child,
    };
    let server = Server::start(launch, &folder)?;
    let file = results.join(session::result_file(shape.name, competitor.name, round));
    bench.load(&loadgen_arguments(competitor, shape, port), server.pid, &file)?;
    Ok(())
}

/// The arguments of loadgen that depend on the server.
fn loadgen_arguments(competitor: &Competitor, shape: &Shape, port: u16) -> Vec<String> {
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let mut arguments = shape.flags.clone();
    arguments.extend(["--name".to_owned(), shape.name.to_owned()]);
    arguments.extend(["--subscribe".to_owned(), url(competitor.urls.subscribe)]);
    if shape.publishes {
        arguments.extend(["--publish".to_owned(), url(competitor.urls.publish)]);
        arguments.extend(competitor.urls.publish_flags.iter().map(|&flag| flag.to_owned()));
    }
    arguments
}

fn participant(competitor: &Competitor, places: &Places, results: &Path) -> Participant {
    // Not the port of any server, and easy to find in the command.
    let port = 65_535;
    let folder = results.join("run").join(competitor.name);
    let launched = fs::create_dir_all(&folder)
        .map_err(|error| Absent(error.to_string()))
        .and_then(|()| (competitor.launch)(places, port, &folder));
    let (command, absent) = match launched {
        Ok(command) => (places.shown(&command, &[(port, "PORT")]), None),
        Err(absent) => (String::new(), Some(absent.to_string())),
    };
    if let Some(reason) = &absent {
        say(&format!("{} is absent: {reason}", competitor.name));
    }
    Participant {
        name: competitor.name.into(),
        title: competitor.title.into(),
        version: absent.is_none().then(|| (competitor.version)(places)).flatten(),
        command,
        absent,
    }
}

fn shape_command(shape: &Shape) -> ShapeCommand {
    let mut command = format!("loadgen run {} --subscribe URL", shape.flags.join(" "));
    if shape.publishes {
        command.push_str(" --publish URL");
    }
    command.push_str(" --server-pid PID");
    ShapeCommand { name: shape.name.to_owned(), command }
}

fn failure(competitor: &Competitor, shape: &Shape, round: u32, error: &anyhow::Error) -> Failure {
    let (server, shape) = (competitor.name.to_owned(), shape.name.to_owned());
    Failure { server, shape, round, what: format!("{error:#}") }
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
