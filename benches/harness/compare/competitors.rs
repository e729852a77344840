//! The servers that are compared: the name of each, what it is in a sentence, how it is started on
//! a port, and how a client subscribes and publishes there. A server that is not on this machine is
//! absent for a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compare::versions;
use crate::fanfare;
use crate::places::Places;
use crate::programs::on_path;

/// A server that can be measured.
#[derive(Clone, Debug)]
pub(crate) struct Competitor {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The command that starts it on a port, with a folder for files of its own.
    pub(crate) launch: fn(&Places, port: u16, folder: &Path) -> Result<Command, Absent>,
    pub(crate) version: fn(&Places) -> Option<String>,
    pub(crate) urls: Urls,
    /// Whether what serves is a child of the process that is started.
    pub(crate) serves_in_a_child: bool,
}

/// How loadgen reaches it: paths, and flags for publishing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Urls {
    pub(crate) subscribe: &'static str,
    pub(crate) publish: &'static str,
    pub(crate) publish_flags: &'static [&'static str],
}

/// Why a server cannot be measured here.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Absent(pub(crate) String);

/// The name of the one that the others are compared with.
pub(crate) const FANFARE: &str = "fanfare";
/// The name of the one that is no server.
pub(crate) const FLOOR: &str = "floor";

pub(crate) const PLAIN: Urls =
    Urls { subscribe: "/events/load", publish: "/events/load", publish_flags: &[] };
pub(crate) const NCHAN: Urls = Urls { publish: "/publish/load", ..PLAIN };
pub(crate) const MERCURE: Urls = Urls {
    subscribe: "/.well-known/mercure?topic=load",
    publish: "/.well-known/mercure",
    // Signed with the key of its documentation, which its configuration here names.
    publish_flags: &[
        "--publish-style",
        "form",
        "--publish-token",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJtZXJjdXJlIjp7InB1Ymxpc2giOlsiKiJdfX0.a8cjcSRUAcHdnGNMKifA4BK5epRXxQI0UBp2XpNrBdw",
    ],
};
const CENTRIFUGO: Urls = Urls {
    subscribe: "/connection/uni_sse?cf_connect=%7B%22subs%22%3A%7B%22load%22%3A%7B%7D%7D%7D",
    publish: "/api/publish",
    publish_flags: &[
        "--publish-style",
        "template",
        "--publish-body",
        r#"{"channel":"load","data":{json}}"#,
    ],
};

/// All of them, in the order in which they are measured.
pub(crate) fn all() -> Vec<Competitor> {
    let competitor = |name, title, launch, version| Competitor {
        name,
        title,
        launch,
        version,
        urls: PLAIN,
        serves_in_a_child: false,
    };
    vec![
        competitor(FANFARE, "Fanfare", start_fanfare, fanfare::version),
        competitor(FLOOR, "bare `send` loop", floor, |_| None),
        Competitor {
            urls: NCHAN,
            serves_in_a_child: true,
            ..competitor("nchan", "nchan (nginx)", nchan, versions::nchan)
        },
        competitor("bun", "Bun", bun, versions::bun),
        competitor("axum", "axum + tokio broadcast", axum, versions::axum),
        competitor("better-sse", "better-sse (Node)", better_sse, versions::better_sse),
        competitor(
            "sse-starlette",
            "sse-starlette + uvicorn",
            sse_starlette,
            versions::sse_starlette,
        ),
        competitor("fastapi", "FastAPI + uvicorn", fastapi, versions::fastapi),
        Competitor {
            urls: MERCURE,
            ..competitor("mercure", "Mercure hub", mercure, versions::mercure)
        },
        Competitor {
            urls: CENTRIFUGO,
            ..competitor("centrifugo", "Centrifugo", centrifugo, versions::centrifugo)
        },
    ]
}

fn start_fanfare(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    let program = built(places, "fanfare")?;
    Ok(fanfare::command(&program, port, 0, &["--log-level", "warn"]))
}

fn floor(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    with_port(Command::new(built(places, "competitor-floor")?), port)
}

fn axum(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    with_port(Command::new(built(places, "competitor-axum")?), port)
}

fn bun(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    let program = places.competitors().join("bun/node_modules/.bin/bun");
    script(&fetched(program)?, &places.competitors().join("bun/server.mjs"), port)
}

fn better_sse(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    fetched(places.competitors().join("better-sse/node_modules/better-sse"))?;
    script(&installed("node")?, &places.competitors().join("better-sse/server.mjs"), port)
}

fn fastapi(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    python(places, "fastapi", port)
}

fn sse_starlette(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    python(places, "sse-starlette", port)
}

fn python(places: &Places, name: &str, port: u16) -> Result<Command, Absent> {
    let folder = places.competitors().join(name);
    script(&fetched(folder.join(".venv/bin/python"))?, &folder.join("server.py"), port)
}

fn nchan(places: &Places, port: u16, folder: &Path) -> Result<Command, Absent> {
    nchan_that_listens(places, &format!("listen 127.0.0.1:{port} backlog=4096;"), folder)
}

/// nginx with nchan, which listens as these lines of its configuration say, and keeps messages in memory.
pub(crate) fn nchan_that_listens(
    places: &Places,
    listen: &str,
    folder: &Path,
) -> Result<Command, Absent> {
    nchan_with(places, &[("@LISTEN@", listen), ("@UPSTREAM@", ""), ("@STORE@", "")], folder)
}

/// nginx with nchan, with values for the placeholders of its configuration.
pub(crate) fn nchan_with(
    places: &Places,
    values: &[(&str, &str)],
    folder: &Path,
) -> Result<Command, Absent> {
    let competitor = places.competitors().join("nchan");
    let nginx = fetched(competitor.join(".root/usr/sbin/nginx"))?;
    let module = fetched(competitor.join(".root/usr/lib/nginx/modules/ngx_nchan_module.so"))?;
    let module = module.display().to_string();
    let values = [values, &[("@MODULE@", &module)]].concat();
    let configuration = configured(&competitor.join("nginx.conf"), &values, folder)?;
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(configuration);
    Ok(command)
}

/// A configuration with values for its placeholders, written to a folder.
pub(crate) fn configured(
    file: &Path,
    values: &[(&str, &str)],
    folder: &Path,
) -> Result<PathBuf, Absent> {
    let failed = |error: std::io::Error| Absent(format!("its configuration: {error}"));
    let text = fs::read_to_string(file).map_err(failed)?;
    let text = values.iter().fold(text, |text, (name, value)| text.replace(name, value));
    let configuration = folder.join(file.file_name().unwrap_or_default());
    fs::write(&configuration, text).map_err(failed)?;
    Ok(configuration)
}

fn mercure(places: &Places, port: u16, folder: &Path) -> Result<Command, Absent> {
    mercure_with(places, port, "local", folder)
}

/// The Mercure hub with a transport, as its configuration writes it.
pub(crate) fn mercure_with(
    places: &Places,
    port: u16,
    transport: &str,
    folder: &Path,
) -> Result<Command, Absent> {
    let competitor = places.competitors().join("mercure");
    let mut command = Command::new(fetched(competitor.join(".built/mercure"))?);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(competitor.join("Caddyfile"));
    command.env("PORT", port.to_string()).env("TRANSPORT", transport);
    // Where Caddy keeps what it thinks worth keeping.
    command.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    Ok(command)
}

fn centrifugo(places: &Places, port: u16, _: &Path) -> Result<Command, Absent> {
    let competitor = places.competitors().join("centrifugo");
    let mut command = Command::new(fetched(competitor.join(".built/centrifugo"))?);
    command.arg("--config").arg(competitor.join("config.json"));
    command.env("CENTRIFUGO_HTTP_SERVER_PORT", port.to_string());
    Ok(command)
}

pub(crate) fn built(places: &Places, name: &str) -> Result<PathBuf, Absent> {
    let path = places.programs.join(name);
    if path.exists() { Ok(path) } else { Err(Absent(format!("{name} is not built"))) }
}

fn script(program: &Path, script: &Path, port: u16) -> Result<Command, Absent> {
    let mut command = Command::new(program);
    command.arg(script);
    with_port(command, port)
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of functions that can fail")]
fn with_port(mut command: Command, port: u16) -> Result<Command, Absent> {
    command.arg(port.to_string());
    Ok(command)
}

pub(crate) fn fetched(path: PathBuf) -> Result<PathBuf, Absent> {
    if path.exists() {
        return Ok(path);
    }
    Err(Absent(
        "its packages could not be fetched; see what `benches/competitors/setup` says".to_owned(),
    ))
}

/// The place of a program that is not fetched here.
fn installed(name: &str) -> Result<PathBuf, Absent> {
    let missing = || Absent(format!("no `{name}` on PATH; install it first"));
    on_path(name).ok_or_else(missing)
}
