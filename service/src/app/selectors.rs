//! What compiles selectors, and what they are relative to.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::topic::{SelectorCompiler, TopicResolver};

/// What compiles the selectors of subscribers, and what the grants of tokens: apart, so that neither
/// takes the memory of the other.
pub(super) fn compilers(
    config: &Config,
    addresses: &[SocketAddr],
) -> (SelectorCompiler, SelectorCompiler) {
    let (settings, resolver) = (&config.http, topic_resolver(config, addresses));
    let of_subscribers = SelectorCompiler::new(settings.selectors_bytes_max, resolver.clone());
    (of_subscribers, SelectorCompiler::new(settings.grants_bytes_max, resolver))
}

/// What relative topics and URL patterns are relative to: the hub, at its public URL or else at its
/// first address.
fn topic_resolver(config: &Config, addresses: &[SocketAddr]) -> TopicResolver {
    if let Some(url) = config.public_urls.first() {
        return TopicResolver::new(url.clone());
    }
    let Some(address) = addresses.first() else { return TopicResolver::default() };
    let host = match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let scheme = if config.certificates.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{host}:{}/.well-known/mercure", address.port());
    url.parse().map_or_else(|_| TopicResolver::default(), TopicResolver::new)
}
