//! One of the servers while it runs, with an empty folder, and with the process that it keeps its events
//! in where that is another one.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::servers::Product;
use crate::compare::{self, Absent};
use crate::fanfare;
use crate::places::Places;
use crate::process::Process;
use crate::server::{Launch, Server};

/// Ports of a server: those that it listens on besides are for its readiness, or for its store.
#[derive(Clone, Copy, Debug)]
pub(super) struct DurablePorts {
    pub(super) publish: u16,
    pub(super) other: u16,
}

/// How a server is started.
#[derive(Debug)]
pub(super) struct Commands {
    /// Started first, and ended last.
    pub(super) store: Option<Command>,
    pub(super) server: Command,
}

/// A server that serves. What is first here is ended first.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) server: Server,
    _store: Option<Process>,
}

impl Running {
    /// Starts it with a folder that is emptied before.
    pub(super) fn start(
        product: Product,
        title: &str,
        places: &Places,
        ports: DurablePorts,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        empty(folder)?;
        let Commands { store, server } = product.commands(places, ports, folder)?;
        let start_store = |command| {
            let mut process = Process::start("Redis", command, &folder.join("store.log"))?;
            let address = (Ipv4Addr::LOCALHOST, ports.other);
            process.wait_until(|| TcpStream::connect(address).is_ok())?;
            anyhow::Ok(process)
        };
        let store = store.map(start_store).transpose()?;
        let launch = Launch {
            title: title.to_owned(),
            command: server,
            ready_url: product.ready_url(ports),
            serves_in_a_child: matches!(product, Product::NchanWithRedis { .. }),
        };
        Ok(Self { server: Server::start(launch, folder)?, _store: store })
    }
}

/// Makes a folder that holds nothing.
pub(super) fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

impl Product {
    /// What it writes, configurations too, goes into the folder.
    pub(super) fn commands(
        self,
        places: &Places,
        ports: DurablePorts,
        folder: &Path,
    ) -> Result<Commands, Absent> {
        let DurablePorts { publish, other } = ports;
        match self {
            Self::Fanfare { sync } => {
                let data = folder.join("data").display().to_string();
                let flags =
                    ["--log-level", "warn", "--demos=false", "--data-dir", &data, "--sync", sync];
                let program = compare::built(places, "fanfare")?;
                let server = fanfare::command(&program, publish, other, &flags);
                Ok(Commands { store: None, server })
            }
            Self::Mercure => {
                let file = folder.join("updates.db");
                let transport = format!("bolt {{\npath \"{}\"\n}}", file.display());
                let server = compare::mercure_with(places, publish, &transport, folder)?;
                Ok(Commands { store: None, server })
            }
            Self::NchanWithRedis { appendfsync } => {
                let store = redis(places, other, appendfsync, folder)?;
                let server = nchan(places, ports, folder)?;
                Ok(Commands { store: Some(store), server })
            }
            Self::Nats { sync_interval } => {
                let server = nats(places, ports, sync_interval, folder)?;
                Ok(Commands { store: None, server })
            }
        }
    }

    /// Gets the response 200 as soon as it serves.
    fn ready_url(self, ports: DurablePorts) -> String {
        let DurablePorts { publish, other } = ports;
        let (port, path) = match self {
            Self::Fanfare { .. } => (other, "/readyz"),
            Self::Mercure => (publish, compare::MERCURE.subscribe),
            Self::NchanWithRedis { .. } => (publish, compare::NCHAN.subscribe),
            Self::Nats { .. } => (other, "/healthz"),
        };
        format!("http://127.0.0.1:{port}{path}")
    }
}

fn nchan(places: &Places, ports: DurablePorts, folder: &Path) -> Result<Command, Absent> {
    let listen = format!("listen 127.0.0.1:{} backlog=4096;", ports.publish);
    let server = format!("nchan_redis_server redis://127.0.0.1:{};", ports.other);
    let upstream = format!("upstream redis {{ {server} }}");
    // As many messages as Fanfare retains. By default it is ten, which is no log.
    let store =
        "nchan_redis_pass redis; nchan_message_buffer_length 100000; nchan_message_timeout 24h;";
    let values = [("@LISTEN@", listen.as_str()), ("@UPSTREAM@", &upstream), ("@STORE@", store)];
    compare::nchan_with(places, &values, folder)
}

fn redis(places: &Places, port: u16, appendfsync: &str, folder: &Path) -> Result<Command, Absent> {
    let competitor = places.competitors().join("redis");
    let mut command =
        Command::new(compare::fetched(competitor.join(".root/usr/bin/redis-server"))?);
    command.arg(competitor.join("redis.conf")).args(["--port", &port.to_string()]);
    command.args(["--appendfsync", appendfsync, "--dir"]).arg(folder);
    command.env("LD_LIBRARY_PATH", competitor.join(".root/libraries"));
    Ok(command)
}

fn nats(
    places: &Places,
    ports: DurablePorts,
    sync_interval: &str,
    folder: &Path,
) -> Result<Command, Absent> {
    let competitor = places.competitors().join("nats");
    let program = compare::fetched(competitor.join(".built/nats-server"))?;
    let values = [
        ("@PORT@", ports.publish.to_string()),
        ("@MONITOR@", ports.other.to_string()),
        ("@FOLDER@", folder.display().to_string()),
        ("@SYNC@", sync_interval.to_owned()),
    ];
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let file = compare::configured(&competitor.join("nats-server.conf"), &values, folder)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::super::servers::ALL;
    use super::*;

    #[test]
    fn a_server_that_was_not_set_up_is_absent_and_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().to_path_buf();
        let places = Places { repository: nowhere.clone(), programs: nowhere, port: 20_000 };
        let ports = DurablePorts { publish: 1, other: 2 };
        for server in ALL {
            let absent = server.product.commands(&places, ports, folder.path());
            let reason = absent.expect_err("nothing is there").to_string();
            assert!(reason.contains("setup") || reason.contains("not built"), "{reason}");
        }
    }
}
