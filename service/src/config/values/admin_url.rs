//! Where the admin listener of a running server is reached.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use url::Url;

use super::{Address, Host};

/// A URL, or an address as it is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct AdminUrl(pub(in crate::config) Url);

impl FromStr for AdminUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = if text.contains("://") { text.to_owned() } else { of_address(text)? };
        let example = "write one such as http://127.0.0.1:9090";
        let url = Url::parse(&url).map_err(|error| format!("is no URL ({error}); {example}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("an admin listener speaks HTTP; {example}"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("has a path behind the address; {example}"));
        }
        Ok(Self(url))
    }
}

/// All addresses are reached on loopback.
fn of_address(text: &str) -> Result<String, String> {
    let address = match text.parse::<Address>()?.host {
        Host::Address(address) => crate::greeting::reachable(address),
        Host::Any(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Host::Name(name, port) => return Ok(format!("http://{name}:{port}")),
        Host::Unix(_) => {
            return Err("the admin listener is no unix socket; write 127.0.0.1:9090".to_owned());
        }
    };
    Ok(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_they_are_listened_on_and_urls_are_understood() {
        let cases = [
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090/"),
            (" https://admin.example/\n", "https://admin.example/"),
            ("127.0.0.1:1", "http://127.0.0.1:1/"),
            ("0.0.0.0:1", "http://127.0.0.1:1/"),
            ("[::]:1", "http://[::1]:1/"),
            (":9090", "http://127.0.0.1:9090/"),
            ("fanfare-0.fanfare-pods:9090", "http://fanfare-0.fanfare-pods:9090/"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<AdminUrl>().unwrap().0.as_str(), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("", "such as 127.0.0.1:8080"),
            ("9090", "write 127.0.0.1:9090"),
            ("127.0.0.1", "write 127.0.0.1:8080"),
            ("http://", "such as http://127.0.0.1:9090"),
            ("ftp://127.0.0.1:1", "speaks HTTP"),
            ("http://127.0.0.1:9090/status", "has a path"),
            ("unix:/run/fanfare.sock", "no unix socket"),
        ];
        for (text, advice) in cases {
            let message = text.parse::<AdminUrl>().unwrap_err();
            assert!(message.contains(advice), "{text}: {message}");
        }
    }
}
