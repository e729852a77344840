//! The shapes: the load that every server gets. Each is one call of `loadgen run`, whose flags say
//! all that there is to it.

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) subscribers: u64,
    /// Flags of loadgen, without those that depend on the server.
    pub(crate) flags: Vec<String>,
    pub(crate) publishes: bool,
}

/// 10,000 subscribers and 10 events a second.
pub(crate) const BROADCAST: &str = "broadcast";
/// 1,000 subscribers and as many events as one waiting publisher gets through.
pub(crate) const THROUGHPUT: &str = "throughput";
/// 19,000 subscribers and nothing published.
pub(crate) const IDLE: &str = "idle";

/// All shapes, smaller ones to try the comparison itself.
pub(crate) fn all(quick: bool) -> Vec<Shape> {
    let (many, some, most) = if quick { (1_000, 200, 2_000) } else { (10_000, 1_000, 19_000) };
    let (long, short) = if quick { ("3s", "3s") } else { ("10s", "9s") };
    // 19,000 leave a server some files under the limit of 20,000 that is common on small machines.
    vec![
        shape(BROADCAST, many, &format!("-r 10 -d {long}"), true),
        // Without a warm-up: a server that gets through few events would never come to an end of
        // it.
        shape(THROUGHPUT, some, &format!("-r 2000 --warmup 0s -d {short}"), true),
        shape(IDLE, most, "--warmup 0s -d 1s --hold", false),
    ]
}

fn shape(name: &'static str, subscribers: u64, flags: &str, publishes: bool) -> Shape {
    // Connecting to some servers is slow; and what has not arrived 10 s later is not there.
    let patience = "--connect-timeout 30s --ramp-timeout 60s";
    let rest = if publishes { "--payload 150 --tail 10s" } else { "--tail 1s" };
    let flags = format!("-c {subscribers} {flags} {rest} {patience}");
    Shape { name, subscribers, flags: flags.split(' ').map(str::to_owned).collect(), publishes }
}
