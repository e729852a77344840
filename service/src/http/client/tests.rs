use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

type HeaderLines<'a> = &'a [(&'static str, &'a str)];

const PROXY: &str = "10.0.0.1";

fn headers(lines: HeaderLines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn client(peer: &str, lines: HeaderLines<'_>) -> RequestClient {
    let proxies = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|network| network.parse().unwrap());
    let proxies: TrustedProxies = proxies.into_iter().collect();
    proxies.client(Some(peer.parse().unwrap()), &headers(lines))
}

fn address(text: &str) -> ClientAddress {
    text.parse::<IpAddr>().unwrap().into()
}

#[test]
fn a_trusted_proxy_names_its_client_in_either_header() {
    let cases: [(HeaderLines<'_>, &str); 23] = [
        (&[], PROXY),
        (&[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        (&[("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
        (&[("x-forwarded-for", "2001:db8:1::1")], "2001:db8:1::1"),
        (&[("x-forwarded-for", "[2001:db8:1::1]:4711")], "2001:db8:1::1"),
        (&[("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1"),
        // The client's own invention stands to the left of what the proxy has added.
        (&[("x-forwarded-for", "203.0.113.9, 192.0.2.1")], "192.0.2.1"),
        (&[("x-forwarded-for", "rubbish,192.0.2.1")], "192.0.2.1"),
        (&[("x-forwarded-for", "\u{e9}, 192.0.2.1")], "192.0.2.1"),
        (&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        // Proxies behind one another are trusted as far as they are known.
        (&[("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        (&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        (&[("forwarded", "for=192.0.2.1")], "192.0.2.1"),
        (&[("forwarded", "For=\"192.0.2.1:80\";proto=http;by=10.0.0.1")], "192.0.2.1"),
        (&[("forwarded", "for=\"[2001:db8:1::1]:_x\"")], "2001:db8:1::1"),
        (&[("forwarded", "for=[2001:db8:1::1]")], "2001:db8:1::1"),
        (&[("forwarded", "for=\"192.0.2.1:_x\"")], "192.0.2.1"),
        (&[("forwarded", "for=\"192.0.2.1:4711\"")], "192.0.2.1"),
        (&[("forwarded", "for=203.0.113.9 , for=192.0.2.1;ext=\"a,b;c\\\"\"")], "192.0.2.1"),
        (&[("forwarded", "for=192.0.2.1, for=10.0.0.2")], "192.0.2.1"),
        (&[("forwarded", "for=203.0.113.9"), ("forwarded", "for=192.0.2.1;")], "192.0.2.1"),
        (&[("forwarded", "for=unknown, for=192.0.2.1")], "192.0.2.1"),
        (&[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
    ];
    for (lines, expected) in cases {
        let found = client(PROXY, lines);
        assert_eq!(found.address, address(expected), "{lines:?}");
        assert!(found.behind_proxy);
        assert_eq!(client("::ffff:10.0.0.1", lines), found, "{lines:?}");
    }
}

#[test]
fn what_cannot_be_read_counts_for_the_proxy() {
    let cases: [HeaderLines<'_>; 18] = [
        &[("x-forwarded-for", "")],
        &[("x-forwarded-for", "192.0.2.1,")],
        &[("x-forwarded-for", "192.0.2.1, unknown")],
        &[("x-forwarded-for", "192.0.2.1 203.0.113.9")],
        &[("x-forwarded-for", "192.0.2.999")],
        &[("x-forwarded-for", "[2001:db8:1::1")],
        &[("x-forwarded-for", "[2001:db8:1::1]x")],
        &[("x-forwarded-for", "192.0.2.1, \u{e9}")],
        &[("x-forwarded-for", "192.0.2.1, rubbish, 10.0.0.2")],
        &[("forwarded", "")],
        &[("forwarded", "proto=https")],
        &[("forwarded", "for=192.0.2.1, for=_hidden")],
        &[("forwarded", "for=\"192.0.2.1")],
        // A quote that a client opens must not hide what the proxy appends.
        &[("forwarded", "for=\"203.0.113.9, for=192.0.2.1")],
        &[("forwarded", "for=192.0.2.1;for=203.0.113.9")],
        &[("forwarded", "for=_hidden;for=203.0.113.9")],
        &[("forwarded", "192.0.2.1")],
        // One of the two is the client's own.
        &[("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "192.0.2.1")],
    ];
    for lines in cases {
        assert_eq!(client(PROXY, lines).address, address(PROXY), "{lines:?}");
    }
}

#[test]
fn nobody_else_is_believed() {
    let lines = [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1;proto=https"),
        ("x-forwarded-proto", "https"),
    ];
    for peer in ["203.0.113.5", "2001:db8:1::5", "127.0.0.1"] {
        let found = client(peer, &lines);
        let itself = RequestClient { address: address(peer), scheme: None, behind_proxy: false };
        assert_eq!(found, itself, "{peer}");
    }
    let untrusted = TrustedProxies::default().client(None, &headers(&lines));
    assert_eq!(untrusted.address, None::<IpAddr>.into());
}

#[test]
fn a_proxy_on_a_socket_without_an_address_is_believed_where_it_is_trusted() {
    let proxies = TrustedProxies::from_iter([TrustedProxy::Unix]);
    let found = proxies.client(None, &headers(&[("x-forwarded-for", "192.0.2.1")]));
    assert_eq!(found.address, address("192.0.2.1"));
    assert!(found.behind_proxy);
}

#[test]
fn the_scheme_is_that_by_which_the_client_called() {
    let cases: [(HeaderLines<'_>, Option<&str>); 10] = [
        (&[("x-forwarded-for", "192.0.2.1")], None),
        (&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "HTTPS")], Some("https")),
        (&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "gopher")], None),
        (
            &[("x-forwarded-for", "192.0.2.1, 10.0.0.2"), ("x-forwarded-proto", "https")],
            Some("https"),
        ),
        (
            &[("x-forwarded-for", "192.0.2.1, 10.0.0.2"), ("x-forwarded-proto", "https, http")],
            Some("https"),
        ),
        (
            &[("x-forwarded-for", "192.0.2.1, 10.0.0.2"), ("x-forwarded-proto", "ws, https, http")],
            Some("https"),
        ),
        (&[("forwarded", "for=192.0.2.1;proto=https")], Some("https")),
        (&[("forwarded", "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http")], Some("https")),
        (
            &[
                ("forwarded", "for=192.0.2.1"),
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-proto", "http"),
            ],
            Some("http"),
        ),
        (&[("x-forwarded-proto", "https")], None),
    ];
    for (lines, expected) in cases {
        assert_eq!(client(PROXY, lines).scheme, expected, "{lines:?}");
    }
}

proptest! {
    #[test]
    fn whatever_a_client_sends_what_its_proxy_appends_counts(invented in "[ -~]{0,60}") {
        let line = format!("{invented}, 192.0.2.1");
        let found = client(PROXY, &[("x-forwarded-for", &line)]);
        prop_assert_eq!(found.address, address("192.0.2.1"));
        // `Forwarded` has quotes, which may make it unreadable, and then counts for the proxy.
        let line = format!("{invented}, for=192.0.2.1");
        let found = client(PROXY, &[("forwarded", &line)]).address;
        prop_assert!(found == address("192.0.2.1") || found == address(PROXY));
    }
}
