//! Many subscribers on one process: starts the real server, holds so many plain HTTP/1.1 streams,
//! publishes at a fixed rate, and checks that every subscriber receives every event once and in
//! order. Prints what it cost.
//!
//! It shares no code with the server. Delivery is measured from the moment at which an event was
//! due to be published, so that a publisher that falls behind cannot hide it. Everything runs on
//! one machine: the kernel does the receiving side's work inside the server's `send`.

mod child;
mod publisher;
mod report;
mod subscribers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use child::Server;
use report::Report;
use subscribers::Subscribers;

/// Holds many subscribers on one server, publishes at a fixed rate and counts what arrives.
#[derive(Clone, Debug, Parser)]
struct Flags {
    /// The server program
    #[arg(long, default_value = "target/release/fanfare")]
    server: PathBuf,
    /// How many streams
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Events a second
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// For how many seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Bytes of data in an event
    #[arg(long, default_value_t = 150)]
    payload: usize,
}

/// How long the last events may take to arrive.
const TAIL: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(report) => {
            report.print();
            if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(3) }
        }
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<Report> {
    let server = Server::start(&flags.server, flags.subscribers)?;
    // A hundred streams that come and go, so that code and pools are there before memory is compared.
    drop(Subscribers::connect(server.address, 100)?);
    server.wait_for_subscribers(0)?;
    let empty_bytes = server.memory_bytes()?;

    let connecting = Instant::now();
    let mut subscribers = Subscribers::connect(server.address, flags.subscribers)?;
    let connect_time = connecting.elapsed();
    server.wait_for_subscribers(flags.subscribers)?;
    let idle_bytes = server.memory_bytes()?;

    let events = u64::from(flags.rate) * u64::from(flags.seconds);
    let epoch = Instant::now();
    let cpu_before = server.cpu_time()?;
    let publisher = {
        let (flags, address) = (flags.clone(), server.address);
        thread::spawn(move || publisher::publish(address, &flags, epoch))
    };
    let deadline = epoch + Duration::from_secs(u64::from(flags.seconds)) + TAIL;
    subscribers.receive(epoch, events, deadline)?;
    let acknowledged =
        publisher.join().map_err(|_| anyhow::anyhow!("the publisher panicked"))??;
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);

    Ok(Report {
        flags: flags.clone(),
        events,
        acknowledged,
        counts: subscribers.counts(),
        latency: subscribers.into_latency(),
        elapsed: epoch.elapsed(),
        connect_time,
        cpu,
        empty_bytes,
        idle_bytes,
        busy_bytes: server.memory_bytes()?,
    })
}
