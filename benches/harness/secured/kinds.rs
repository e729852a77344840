//! The kinds of server that take turns, how each is started, and the loads that they take turns under.

use std::path::Path;
use std::process::Command;

use crate::compare::nchan_that_listens;
use crate::fanfare;
use crate::places::Places;
use crate::secured::certificate::Certificate;

/// A server, and how streams come to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) is_secured: bool,
    /// The version of HTTP, as loadgen is told.
    pub(crate) http: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Program {
    Fanfare,
    Nchan,
}

/// nginx 1.22 cannot speak both versions on one plain port, and nobody's browser speaks HTTP/2 there.
pub(crate) const KINDS: [Kind; 7] = [
    kind("fanfare-http1", Program::Fanfare, false, "1.1"),
    kind("fanfare-https1", Program::Fanfare, true, "1.1"),
    kind("fanfare-http2", Program::Fanfare, false, "2"),
    kind("fanfare-https2", Program::Fanfare, true, "2"),
    kind("nchan-http1", Program::Nchan, false, "1.1"),
    kind("nchan-https1", Program::Nchan, true, "1.1"),
    kind("nchan-https2", Program::Nchan, true, "2"),
];

const fn kind(name: &'static str, program: Program, is_secured: bool, http: &'static str) -> Kind {
    Kind { name, program, is_secured, http }
}

/// The ports of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerPorts {
    /// Where streams are, with TLS if the kind has it.
    pub(crate) streams: u16,
    /// Plain HTTP that tells whether it serves: Fanfare's admin listener, or a plain port of nginx.
    pub(crate) readiness: u16,
}

impl Kind {
    pub(crate) fn command(
        &self,
        places: &Places,
        ports: ServerPorts,
        certificate: &Certificate,
        folder: &Path,
    ) -> anyhow::Result<Command> {
        let ServerPorts { streams, readiness } = ports;
        let Certificate { certificate, key } = certificate;
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        match self.program {
            Program::Fanfare => {
                let mut flags = vec!["--log-level", "warn", "--demos=false"];
                if self.is_secured {
                    flags.extend(["--tls-cert", &certificate, "--tls-key", &key]);
                }
                let program = places.programs.join("fanfare");
                Ok(fanfare::command(&program, streams, readiness, &flags))
            }
            Program::Nchan => {
                let tls = if self.is_secured { " ssl http2" } else { "" };
                let mut listen = format!(
                    "listen 127.0.0.1:{readiness}; listen 127.0.0.1:{streams}{tls} backlog=4096;"
                );
                if self.is_secured {
                    // As many streams on a connection as Fanfare allows.
                    listen += &format!(
                        " ssl_certificate {certificate}; ssl_certificate_key {key};\
                         \x20ssl_protocols TLSv1.2 TLSv1.3; http2_max_concurrent_streams 250;"
                    );
                }
                Ok(nchan_that_listens(places, &listen, folder)?)
            }
        }
    }

    pub(crate) fn ready_url(&self, ports: ServerPorts) -> String {
        let path = match self.program {
            Program::Fanfare => "/readyz",
            Program::Nchan => "/events/ready",
        };
        format!("http://127.0.0.1:{}{path}", ports.readiness)
    }

    /// The arguments of loadgen that depend on the kind.
    pub(crate) fn arguments(
        &self,
        load: &Load,
        ports: ServerPorts,
        certificate: &Certificate,
    ) -> Vec<String> {
        let scheme = if self.is_secured { "https" } else { "http" };
        let url = |path: &str| format!("{scheme}://127.0.0.1:{}{path}", ports.streams);
        let mut arguments: Vec<String> = load.flags.split(' ').map(str::to_owned).collect();
        arguments.extend(["--name".to_owned(), load.name.to_owned()]);
        arguments.extend(["--subscribe".to_owned(), url("/events/load")]);
        arguments.extend(["--http".to_owned(), self.http.to_owned()]);
        if self.http == "2" {
            arguments.extend(["--streams".to_owned(), "100".to_owned()]);
        }
        if self.is_secured {
            let trusted = certificate.certificate.display().to_string();
            arguments.extend(["--ca".to_owned(), trusted]);
        }
        if load.publishes {
            let path = match self.program {
                Program::Fanfare => "/events/load",
                Program::Nchan => "/publish/load",
            };
            arguments.extend(["--publish".to_owned(), url(path)]);
        }
        arguments
    }
}

/// What loadgen does, the same to every kind.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) subscribers: u64,
    /// Flags of loadgen, without those that depend on the kind.
    pub(crate) flags: String,
    pub(crate) publishes: bool,
}

/// Streams on which nothing comes: what one takes in memory, and what it costs to begin one.
pub(crate) const SILENT: &str = "silent";
/// Ten events a second to all: what a delivery costs.
pub(crate) const BROADCAST: &str = "broadcast";

impl Load {
    /// Fewer and shorter ones to try the measurement itself.
    pub(crate) fn all(quick: bool) -> [Self; 2] {
        let (many, some, seconds) = if quick { (400, 200, 3) } else { (4_000, 2_000, 12) };
        let patience = "--connect-timeout 30s --ramp-timeout 60s";
        [
            Self {
                name: SILENT,
                subscribers: many,
                flags: format!("-c {many} --warmup 0s -d 1s --hold --tail 1s {patience}"),
                publishes: false,
            },
            Self {
                name: BROADCAST,
                subscribers: some,
                flags: format!("-c {some} -r 10 -d {seconds}s --payload 150 --tail 10s {patience}"),
                publishes: true,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        Certificate { certificate: "/c/cert.pem".into(), key: "/c/key.pem".into() }
    }

    #[test]
    fn loadgen_is_told_what_each_kind_speaks() {
        let ports = ServerPorts { streams: 1, readiness: 2 };
        let [silent, broadcast] = Load::all(true);
        for kind in KINDS {
            let text = kind.arguments(&silent, ports, &certificate()).join(" ");
            let scheme = if kind.name.contains("https") { "https" } else { "http" };
            let url = format!("--subscribe {scheme}://127.0.0.1:1/events/load");
            assert!(text.contains(&url), "{text}");
            assert_eq!(text.contains("--ca /c/cert.pem"), scheme == "https", "{text}");
            let version =
                if kind.name.ends_with('2') { "--http 2 --streams" } else { "--http 1.1" };
            assert!(text.contains(version) && !text.contains("--publish"), "{text}");
            let text = kind.arguments(&broadcast, ports, &certificate()).join(" ");
            assert!(text.contains(&format!("--publish {scheme}://127.0.0.1:1/")), "{text}");
        }
    }

    #[test]
    fn a_server_has_the_certificate_exactly_when_it_is_secured() {
        let places = Places { repository: "/r".into(), programs: "/p".into(), port: 20_000 };
        let ports = ServerPorts { streams: 1, readiness: 2 };
        for kind in KINDS.into_iter().filter(|kind| kind.program == Program::Fanfare) {
            let command = kind.command(&places, ports, &certificate(), Path::new("/f"));
            let command = command.expect("a command");
            let text = format!("{command:?}");
            assert!(text.contains("127.0.0.1:1") && text.contains("127.0.0.1:2"), "{text}");
            assert_eq!(text.contains("--tls-key"), kind.is_secured, "{text}");
        }
    }
}
