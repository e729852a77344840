//! Real proxies with the repository's own files. Replaced are: ports, the folders that they write to,
//! the one minute that a stream may be silent (2 s or 6 s), and whatever would leave more than one process
//! behind. Each replacement must be found, so a file that changes does not go untested.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::ports::own_address;
use crate::support::process::{Fanfare, Process};
use crate::support::{eventually, text};

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
}

/// A running proxy in front of a server. It ends, and what it wrote is removed, when it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Caddy];

    /// Starts it in front of one server. It allows 2 s of silence.
    pub(super) fn start(self, server: &Fanfare) -> Proxy {
        self.start_with_silence(server, "2s")
    }

    /// The same, with so much silence.
    pub(super) fn start_with_silence(self, server: &Fanfare, silence: &str) -> Proxy {
        let lines: &[&'static str] = match self {
            Self::Nginx => &["proxy_read_timeout 60s;"],
            Self::Haproxy => &["timeout client 60s", "timeout server 60s"],
            Self::Caddy => &["read_timeout 60s"],
        };
        let edits: Vec<_> =
            lines.iter().map(|line| (*line, line.replace("60s", silence))).collect();
        let edits: Vec<_> = edits.iter().map(pair).collect();
        self.start_before(server.address, server.admin, &edits)
    }

    /// The same, with a minute of silence.
    pub(super) fn start_patiently(self, server: &Fanfare) -> Proxy {
        self.start_before(server.address, server.admin, &[])
    }

    /// The same, in front of something else; HAProxy asks there whether it is well.
    pub(super) fn start_to(self, target: SocketAddr, admin: SocketAddr) -> Proxy {
        self.start_before(target, admin, &[])
    }

    /// The same, with those lines in force that let only calls of `push.example` through.
    pub(super) fn start_for_one_name(self, server: &Fanfare) -> Proxy {
        let lines: &[&str] = match self {
            Self::Nginx => &["if ($host != push.example) { return 421; }\n"],
            Self::Haproxy => &[
                "http-request deny status 421 unless { req.hdr(host),host_only -i push.example }\n",
            ],
            Self::Caddy => &["@foreign not host push.example\n", "respond @foreign 421\n"],
        };
        let lines: Vec<_> = lines.iter().map(|line| (format!("# {line}"), *line)).collect();
        let edits: Vec<_> = lines.iter().map(|(off, on)| (off.as_str(), *on)).collect();
        self.start_before(server.address, server.admin, &edits)
    }

    fn start_before(self, target: SocketAddr, admin: SocketAddr, edits: &[(&str, &str)]) -> Proxy {
        let to: &[(&str, &str)] = match self {
            Self::Nginx => &[("server 127.0.0.1:8080 ", &format!("server {target} "))],
            Self::Haproxy => &[
                (A, &format!("server a {target} port {}\n", admin.port())),
                (B, "# no second server\n"),
            ],
            Self::Caddy => {
                &[("reverse_proxy 127.0.0.1:8080 ", &format!("reverse_proxy {target} "))]
            }
        };
        self.start_with(&[to, edits].concat())
    }

    fn start_with(self, edits: &[(&str, &str)]) -> Proxy {
        self.start_with_file(self.file(), edits)
    }

    fn start_with_file(self, source: &str, edits: &[(&str, &str)]) -> Proxy {
        let folder = tempfile::tempdir().expect("a folder");
        let address = own_address();
        let mut config = text(source);
        for (from, to) in edits.iter().copied().chain(self.everywhere(address).iter().map(pair)) {
            assert_eq!(config.matches(from).count(), 1, "{from} in {source}");
            config = config.replace(from, to);
        }
        let file = folder.path().join("config");
        std::fs::write(&file, self.own_folders(&config, folder.path())).expect("a file");
        let mut command = self.command(folder.path(), &file);
        // It is read only when something is wrong, and then the folder is still there.
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        command.stdout(Stdio::null()).stderr(log);
        let mut process = Process::start(&mut command);
        eventually("the proxy listens", || {
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(!process.is_over(), "{self:?} has ended: {said}");
            TcpStream::connect(address).is_ok()
        });
        Proxy { address, _process: process, _folder: folder }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Nginx => "deploy/nginx/fanfare.conf",
            Self::Haproxy => "deploy/haproxy/haproxy.cfg",
            Self::Caddy => "deploy/caddy/Caddyfile",
        }
    }

    fn everywhere(self, address: SocketAddr) -> Vec<(&'static str, String)> {
        match self {
            Self::Nginx => vec![("listen 8000 ", format!("listen {address} "))],
            Self::Haproxy => vec![("bind :8000", format!("bind {address}"))],
            // An address in front of it would be taken for the name of the host.
            Self::Caddy => {
                let (ip, port) = (address.ip(), address.port());
                vec![("\n:8000 {", format!("\n:{port} {{\n\tbind {ip}"))]
            }
        }
    }

    /// Where it writes: into a folder of the test's own.
    fn own_folders(self, config: &str, folder: &Path) -> String {
        match self {
            Self::Nginx => {
                let mut http = "http {\n".to_owned();
                for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
                    let _ = writeln!(http, "{kind}_temp_path {}/{kind};", folder.display());
                }
                config.replacen("http {\n", &http, 1)
            }
            Self::Haproxy => config.to_owned(),
            // Its administration listens on a fixed port. (What it persists goes into `HOME`.)
            Self::Caddy => format!("{{\n\tadmin off\n}}\n{config}"),
        }
    }

    fn command(self, folder: &Path, file: &Path) -> Command {
        match self {
            Self::Nginx => {
                let mut command = Command::new("nginx");
                // One process, so that it ends with its number.
                let single = "daemon off; master_process off;";
                command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(file);
                command.args(["-g", &format!("{single} pid {}/pid;", folder.display())]);
                command
            }
            Self::Haproxy => {
                let mut command = Command::new("haproxy");
                command.args(["-db", "-f"]).arg(file);
                command
            }
            Self::Caddy => {
                let mut command = Command::new("caddy");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                command
                    .env("HOME", folder)
                    .env_remove("XDG_CONFIG_HOME")
                    .env_remove("XDG_DATA_HOME");
                command
            }
        }
    }
}

/// HAProxy in front of two servers, which looks at them five times a second instead of once.
pub(super) fn haproxy_for(a: &Fanfare, b: &Fanfare, quickly: bool) -> Proxy {
    let server =
        |name, of: &Fanfare| format!("server {name} {} port {}\n", of.address, of.admin.port());
    let (a, b) = (server("a", a), server("b", b));
    let inter = if quickly { "inter 200ms fall 1" } else { "inter 1s fall 1" };
    Kind::Haproxy.start_with(&[(A, &a), (B, &b), ("inter 1s fall 1", inter)])
}

/// HAProxy in front of the nodes of one hub, with the file that is meant for them.
pub(super) fn haproxy_for_nodes(nodes: &[Fanfare; 3]) -> Proxy {
    let mut edits = vec![("bind :8404".to_owned(), format!("bind {}", own_address()))];
    for (number, node) in (1..).zip(nodes) {
        let to = format!("node-{number} {} port {}\n", node.address, node.admin.port());
        edits.push((format!("node-{number} node-{number}:8080 port 9090\n"), to));
    }
    let edits: Vec<_> = edits.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    Kind::Haproxy.start_with_file("deploy/haproxy/cluster.cfg", &edits)
}

const A: &str = "server a 127.0.0.1:8080 port 9090\n";
const B: &str = "server b 127.0.0.1:8081 port 9091\n";

fn pair<'a>(edit: &'a (&'static str, String)) -> (&'a str, &'a str) {
    (edit.0, &edit.1)
}
