//! Entry points for fuzzing what this folder reads: forms, lines of events, hosts and origins,
//! whose requests proxies pass on, and paths of active subscriptions.

use std::net::{IpAddr, Ipv4Addr};

use hyper::Request;
use hyper::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

pub use super::ndjson::fuzzing::ndjson;

use super::active_subscriptions::is_read_as_written;
use super::beginning::BeginningRequest;
use super::client::{ClientAddress, TrustedProxies, TrustedProxy};
use super::parameters::{pairs, path_part};
use super::publish::form_fields;
use super::{OriginPolicy, ServedHosts};
use crate::event::fuzzing::{check_draft, check_message};
use crate::hub::Beginning;

/// A query or the body of a form.
///
/// # Panics
/// When a pair does not survive being written and read again.
pub fn form(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match path_part(text) {
        Ok(part) => assert!(part.len() <= text.len()),
        Err(problem) => check_message(&problem.to_string()),
    }
    let found = match pairs(text) {
        Ok(found) => found,
        Err(problem) => return check_message(&problem.to_string()),
    };
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let written: Vec<String> =
        found.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let written = written.join("&");
    assert_eq!(pairs(&written).ok().as_ref(), Some(&found));
    check_draft(form_fields(found));
}

/// A query that says where a stream begins, at a time.
///
/// # Panics
/// When it is to begin with more than it may, or with what has yet to be.
pub fn beginning(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(parameters) = pairs(text) else { return };
    let now_ms = 1_795_961_700_000;
    let Ok(now) = Timestamp::from_millisecond(now_ms) else { return };
    match BeginningRequest::of(&parameters, now) {
        Err(problem) => check_message(&problem.to_string()),
        Ok(BeginningRequest { beginning, .. }) => {
            let (count, since) = match beginning {
                Beginning::Newest { count, since_ms } => (count.get(), since_ms),
                Beginning::Since(ms) => (1, Some(ms)),
                Beginning::Next | Beginning::Everything => (1, None),
            };
            assert!((1..=10_000).contains(&count), "{text}");
            assert!(since.is_none_or(|ms| ms <= now_ms.unsigned_abs()), "{text}");
        }
    }
}

/// What follows the path of active subscriptions.
///
/// # Panics
/// When it means something else once it is written as the hub writes it.
pub fn subscription_path(bytes: &[u8]) {
    let Ok(rest) = std::str::from_utf8(bytes) else { return };
    match is_read_as_written(rest) {
        Ok(is_read) => assert!(is_read || !rest.starts_with('/'), "{rest:?}"),
        Err(problem) => check_message(&problem.to_string()),
    }
}

/// The host that a request calls and the origin that it comes from, a line each.
///
/// # Panics
/// When a foreign host or origin is taken for this machine's.
pub fn host_and_origin(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |&byte| byte == b'\n');
    let (host, origin) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(request) = Request::builder().header(HOST, host).header(ORIGIN, origin).body(()) else {
        return;
    };
    let hosts = ServedHosts { loopback: true, ..ServedHosts::default() };
    match hosts.check(&request) {
        Ok(()) => assert!(may_be_loopback(host), "{:?}", String::from_utf8_lossy(host)),
        Err(problem) => check_message(&problem.to_string()),
    }
    let policy = OriginPolicy { loopback: true, ..OriginPolicy::default() };
    match policy.check_publish(&request) {
        Ok(()) => assert!(may_be_loopback(origin), "{:?}", String::from_utf8_lossy(origin)),
        Err(problem) => check_message(&problem.to_string()),
    }
    let open = OriginPolicy { same_host: true, ..OriginPolicy::default() };
    if open.check_publish(&request).is_ok() {
        let without_scheme = origin.windows(3).position(|window| window == b"://");
        let authority = without_scheme.map(|at| &origin[at + 3..]).unwrap_or_default();
        assert!(!authority.is_empty(), "an origin without a scheme is none");
    }
}

/// What a client writes into the headers by which proxies name clients.
///
/// # Panics
/// When a stranger is believed, or a client is another than the one that its proxy adds.
pub fn forwarded(bytes: &[u8]) {
    let proxy = IpAddr::from(Ipv4Addr::LOCALHOST);
    let added = IpAddr::from([192, 0, 2, 1]);
    let proxies = TrustedProxies::from_iter([TrustedProxy::Network(proxy.into())]);
    let client = |peer: IpAddr, name: &HeaderName, value: &[u8]| -> Option<ClientAddress> {
        let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_bytes(value).ok()?)]);
        Some(proxies.client(Some(peer), &headers).address)
    };
    let common = HeaderName::from_static("x-forwarded-for");
    for name in [&FORWARDED, &common] {
        let found = client(added, name, bytes);
        assert!(found.is_none_or(|found| found == added.into()), "a stranger is believed");
    }
    let found = client(proxy, &common, &[bytes, b", 192.0.2.1"].concat());
    assert!(found.is_none_or(|found| found == added.into()), "{found:?}");
    // A quote of the client's may make the whole unreadable.
    let found = client(proxy, &FORWARDED, &[bytes, b", for=192.0.2.1"].concat());
    let known = [added.into(), proxy.into()];
    assert!(found.is_none_or(|found| known.contains(&found)), "{found:?}");
}

/// Every way to write this machine holds one of these: `localhost`, an address in 127.0.0.0/8, or
/// `::1` in any of its forms, which are made of zeros, colons and a one.
fn may_be_loopback(name: &[u8]) -> bool {
    let name: Vec<u8> = percent_decode(name).collect();
    let name = name.to_ascii_lowercase();
    let holds = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    // An address may also be written as one number, or in hexadecimal or octal parts.
    let digits = |byte: &u8| byte.is_ascii_hexdigit() || b"x.:/htps".contains(byte);
    let is_number = name.iter().all(digits);
    is_number || holds(b"localhost") || holds(b"127.") || (holds(b":") && holds(b"1]"))
}
