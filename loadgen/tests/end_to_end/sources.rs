//! Where connections come from, and what is said on them: seen from the other end.
//!
//! All of 127.0.0.0/8 is this machine, so several source addresses need no preparation.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Stub, loadgen};

#[test]
fn connections_come_from_all_source_addresses_in_turn() {
    let stub = Stub::start();
    let ran = loadgen(&format!(
        "run --subscribe http://{}/events -c 40 -d 1s --warmup 0s --source 127.0.0.2-127.0.0.5",
        stub.address
    ));
    assert_eq!(ran.count("/subscribers/connected"), 40, "{}", ran.stdout);
    // Without publishers, whatever the server sends by itself is what was meant.
    assert_eq!(ran.count("/delivery/received"), 40);
    assert!(ran.at("/publishing").is_null() && ran.at("/delivery/reach").is_null());
    let mut by_source = BTreeMap::<String, usize>::new();
    let mut pairs = BTreeSet::new();
    for caller in stub.callers() {
        *by_source.entry(caller.from.ip().to_string()).or_default() += 1;
        // A port may come again from another address, but not from the same one.
        assert!(pairs.insert(caller.from), "{} twice", caller.from);
    }
    let expected = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"].map(|ip| (ip.into(), 10));
    assert_eq!(by_source, BTreeMap::from(expected));
}

#[test]
fn a_network_and_a_single_address_are_sources_too() {
    let stub = Stub::start();
    let ran = loadgen(&format!(
        "run --subscribe http://{}/events -c 6 -d 1s --warmup 0s --source 127.0.1.0/30 \
         --source 127.0.2.9",
        stub.address
    ));
    assert_eq!(ran.count("/subscribers/connected"), 6, "{}", ran.stdout);
    let sources: BTreeSet<_> =
        stub.callers().iter().map(|caller| caller.from.ip().to_string()).collect();
    // The first and the last address of a network are not for hosts.
    assert_eq!(sources, ["127.0.1.1", "127.0.1.2", "127.0.2.9"].map(str::to_owned).into());
}

#[test]
fn every_subscriber_says_what_it_was_told_to_say() {
    let stub = Stub::start();
    let ran = loadgen(&format!(
        "run --subscribe http://{}/events?for={{n}} -c 3 -d 1s --warmup 0s --token secret \
         --cookie a=1 --cookie b=2 -H X-Tenant:blue",
        stub.address
    ));
    let mut request_count = Vec::new();
    for caller in stub.callers() {
        for line in ["authorization: Bearer secret", "cookie: a=1; b=2", "x-tenant: blue"] {
            let said = caller.head.iter().any(|said| said.eq_ignore_ascii_case(line));
            assert!(said, "no {line} in {:?}", caller.head);
        }
        request_count.push(caller.head[0].clone());
    }
    request_count.sort();
    let expected = [0, 1, 2].map(|number| format!("GET /events?for={number} HTTP/1.1"));
    assert_eq!(request_count, expected);
    let result = ran.result.expect("a result").to_string();
    assert!(!result.contains("Bearer") && ran.stdout.contains("3 of 3"), "{}", ran.stdout);
}
