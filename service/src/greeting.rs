//! What the server says on standard output when it begins: where it listens, and what to try.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The pages, by path.
const PAGES: [(&str, &str); 6] = [
    ("/", "home"),
    ("/demo/clock", "the time"),
    ("/demo/system", "this machine's processor and memory"),
    ("/demo/training", "a training run's progress"),
    ("/demo/stocks", "a stock ticker"),
    ("/demo/console", "publish and subscribe by hand"),
];

/// Where a server listens, as it was bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoundAddresses<'a> {
    pub tcp: &'a [SocketAddr],
    pub unix: &'a [PathBuf],
    /// Whether TLS is spoken there.
    pub is_tls: bool,
    pub admin: &'a [SocketAddr],
}

/// The addresses, one a line; with the demonstrations also their pages and two commands to try.
#[must_use]
pub fn greeting(bound: &BoundAddresses<'_>, demos: bool) -> String {
    let mut text = String::new();
    let scheme = if bound.is_tls { "https" } else { "http" };
    for address in bound.tcp {
        let _ = writeln!(text, "listening on {scheme}://{address}");
    }
    for path in bound.unix {
        let _ = writeln!(text, "listening on unix:{}", path.display());
    }
    for address in bound.admin {
        let _ = writeln!(text, "admin on http://{address}");
    }
    let Some(&first) = bound.tcp.first().filter(|_| demos) else { return text };
    let base = format!("{scheme}://{}", reachable(first));
    text.push('\n');
    for (path, what) in PAGES {
        let _ = writeln!(text, "  {:<42} {what}", format!("{base}{path}"));
    }
    let _ = writeln!(text, "\n  subscribe  curl -N {base}/events/hello");
    let _ = writeln!(text, "  publish    curl -d 'Hello, world' {base}/events/hello\n");
    text
}

/// No client can open the address that stands for all of them; the loopback address is one of them.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(loopback, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(addresses: &[&str], demos: bool) -> Vec<String> {
        lines_of(addresses, false, demos)
    }

    fn lines_of(addresses: &[&str], is_tls: bool, demos: bool) -> Vec<String> {
        let tcp: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let admin = ["127.0.0.1:9090".parse().unwrap()];
        let text =
            greeting(&BoundAddresses { tcp: &tcp, is_tls, admin: &admin, ..<_>::default() }, demos);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn with_tls_everything_but_the_admin_listener_is_at_https() {
        let text = lines_of(&["127.0.0.1:8443"], true, true);
        assert_eq!(text[0], "listening on https://127.0.0.1:8443");
        assert_eq!(text[1], "admin on http://127.0.0.1:9090");
        let text = text[2..].join("\n");
        assert!(text.contains("curl -N https://127.0.0.1:8443/events/hello"), "{text}");
        assert!(!text.contains("http://"), "{text}");
    }

    #[test]
    fn the_addresses_come_first_one_a_line() {
        let expected = [
            "listening on http://127.0.0.1:8080",
            "listening on http://[::1]:8080",
            "admin on http://127.0.0.1:9090",
        ];
        assert_eq!(lines(&["127.0.0.1:8080", "[::1]:8080"], true)[..3], expected);
        assert_eq!(lines(&["127.0.0.1:8080", "[::1]:8080"], false), expected);
    }

    #[test]
    fn commands_name_an_address_that_can_be_opened() {
        let text = lines(&["0.0.0.0:80"], true).join("\n");
        assert!(text.contains("curl -N http://127.0.0.1:80/events/hello"), "{text}");
    }
}
