//! Where the server listens, and for whom.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::ArgPredicate;
use clap::{ArgAction, Args};

use crate::auth::Authority;
use crate::config::ConfigError;
use crate::config::resolve::{Network, is_loopback};
use crate::config::values::{Address, Host, Listed, boolean};
use crate::http::{HostName, Origin, OriginPolicy, ServedHosts};
use crate::sockets::InheritedSockets;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
pub(super) struct ListeningFlags {
    /// Address of the public listener: 127.0.0.1:8080, [::1]:8080, a name with all its addresses
    /// as in localhost:8080, :8080 for all addresses of the machine, or unix:/run/fanfare.sock; may
    /// be given several times (or separated by commas). Sockets that a supervisor hands over
    /// (LISTEN_FDS) are served in the place of these
    #[arg(
        long,
        env = "FANFARE_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    listen: Vec<Listed<Address>>,
    /// Address of the admin listener, which serves metrics, probes, the status, the open streams and a
    /// page that shows them; written as for --listen
    #[arg(
        long,
        env = "FANFARE_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090"
    )]
    admin_listen: Address,
    /// Let everybody who reaches the listeners publish and subscribe, also where they are not on
    /// loopback: for a closed network, or a container whose port is published on loopback
    #[arg(long, env = "FANFARE_OPEN", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    open: bool,
    /// Name or address of a host that is served, such as push.example, whatever its port; may be
    /// given several times (or separated by commas). Requests for other hosts are refused; on
    /// loopback, loopback names are served always. Without it, every host is served with --open,
    /// and where every request needs a token
    #[arg(long = "host", env = "FANFARE_HOST", value_name = "NAME", value_delimiter = ',')]
    hosts: Vec<Listed<HostName>>,
    /// Origin whose pages may subscribe and publish, such as https://app.example or
    /// capacitor://localhost, or null; may be given several times (or separated by commas)
    #[arg(
        long = "cors-origin",
        env = "FANFARE_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    cors_origins: Vec<Listed<Origin>>,
    /// Serve the demonstrations and their pages; with --nats they are off, because every server would
    /// publish them
    #[arg(long, env = "FANFARE_DEMOS", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = true, default_value_if("nats", ArgPredicate::IsPresent, "false"),
          default_missing_value = "true")]
    pub(super) demos: bool,
}

/// What the flags come to.
pub(super) struct Listeners {
    pub(super) public: Vec<SocketAddr>,
    pub(super) unix: Vec<PathBuf>,
    pub(super) inherited: Option<Arc<InheritedSockets>>,
    pub(super) admin: Vec<SocketAddr>,
    /// Whether other machines can reach a public listener.
    pub(super) open_to_network: bool,
    /// Whether all public listeners are on loopback.
    pub(super) is_local: bool,
    pub(super) hosts: ServedHosts,
    pub(super) origins: OriginPolicy,
}

/// The public sockets: those of the flags, or those of a supervisor.
struct Sockets {
    /// What was given for each address, and the address.
    listen: Vec<(String, SocketAddr)>,
    unix: Vec<PathBuf>,
    inherited: Option<Arc<InheritedSockets>>,
}

impl ListeningFlags {
    fn sockets(&self, network: &Network) -> Result<Sockets, ConfigError> {
        let unusable = |error: io::Error| ConfigError::Inherited { reason: error.to_string() };
        if let Some(sockets) = (network.inherited)().map_err(unusable)? {
            let addresses = sockets.addresses().map_err(unusable)?;
            let listen = addresses.into_iter().map(|address| (address.to_string(), address));
            return Ok(Sockets {
                listen: listen.collect(),
                unix: vec![],
                inherited: Some(sockets),
            });
        }
        let (mut unix, mut tcp) = (Vec::new(), Vec::new());
        for given in Listed::all(&self.listen) {
            match given.host {
                Host::Unix(path) if unix.contains(&path) => {}
                Host::Unix(path) => unix.push(path),
                _ => tcp.push(given),
            }
        }
        let no_tcp = tcp.is_empty() && !unix.is_empty();
        let listen = if no_tcp { vec![] } else { network.listeners("--listen", &tcp)? };
        Ok(Sockets { listen, unix, inherited: None })
    }

    /// `named` are hosts that other flags name.
    pub(super) fn resolve(
        &self,
        network: &Network,
        authority: &Authority,
        named: Vec<HostName>,
    ) -> Result<Listeners, ConfigError> {
        let Sockets { listen, unix, inherited } = self.sockets(network)?;
        let foreign = listen.iter().find(|(_, address)| !is_loopback(*address));
        let has_unix =
            !unix.is_empty() || inherited.as_ref().is_some_and(|sockets| sockets.has_unix());
        let is_open = matches!(authority, Authority::Open);
        let needs_token = matches!(authority, Authority::Tokens { anonymous_subscribe: false, .. });
        if let (Some((given, address)), true) = (foreign, is_open && !self.open) {
            return Err(ConfigError::NotLoopback { given: given.clone(), address: *address });
        }
        let hosts = self.served_hosts(&listen, has_unix, needs_token, named);
        if let (Some((given, _)), true) = (foreign, hosts.is_empty()) {
            return Err(ConfigError::NoHost { given: given.clone() });
        }
        let admin =
            network.listeners("--admin-listen", std::slice::from_ref(&self.admin_listen))?;
        Ok(Listeners {
            hosts,
            origins: OriginPolicy {
                listed: Listed::all(&self.cors_origins),
                is_https: false,
                loopback: is_open,
                // A host that is listed cannot be made to resolve to us by somebody else.
                same_host: foreign.is_some() || !Listed::all(&self.hosts).is_empty(),
            },
            open_to_network: is_open && foreign.is_some(),
            is_local: foreign.is_none(),
            public: listen.into_iter().map(|(_, address)| address).collect(),
            unix,
            inherited,
            admin: admin.into_iter().map(|(_, address)| address).collect(),
        })
    }

    fn served_hosts(
        &self,
        listen: &[(String, SocketAddr)],
        has_unix: bool,
        needs_token: bool,
        named: Vec<HostName>,
    ) -> ServedHosts {
        let hosts = [Listed::all(&self.hosts), named].concat();
        ServedHosts {
            // With tokens a name that was made to resolve to us wins nothing, unless some see events
            // without one.
            any: (self.open || needs_token) && hosts.is_empty(),
            // Whoever can reach a unix socket is on this machine.
            loopback: has_unix || listen.iter().any(|(_, address)| is_loopback(*address)),
            named: hosts,
        }
    }
}
