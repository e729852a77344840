//! The real program under attack, and the healthy clients beside it: a publisher, a subscriber of
//! one topic and one of everything.

use std::fs;
use std::time::Duration;

use reqwest::Client;
use tokio::time::timeout;

use crate::support::{EventStream, PATIENCE, PROGRAM, Program};

/// The longest iteration that a shard may have had, by its own CPU time: twice the bound, because the
/// kernel charges a thread for interrupts and for what receivers have to do, and a multiple of it for
/// code that is not optimised.
const ITERATION_MAX_CPU_SECONDS: f64 = if cfg!(debug_assertions) { 0.1 } else { 0.01 };
/// And by the clock, for machines whose cores are taken, where a thread that waits for one is in the
/// middle of an iteration: the limit above is the sharp one. Whatever an attack can prolong goes on for
/// as long as the attack is large.
const ITERATION_MAX_SECONDS: f64 = 10.0;
/// How long a round may take before the healthy are given up: it takes milliseconds, and less than
/// the clients' own patience, so that this is what a failure says.
const ROUND_MAX: Duration = Duration::from_secs(20);
/// The topic of the healthy.
const TOPIC: &str = "healthy";
/// What starts the data of the healthy publisher's events.
const MARK: &str = "healthy event ";

/// The program, and those who only want to be served.
pub(super) struct Scene {
    pub(super) program: Program,
    client: Client,
    streams: Vec<EventStream>,
    published: u64,
    resident_before: u64,
    resident_max: u64,
}

impl Scene {
    /// With small limits nowhere but in these flags.
    pub(super) async fn start(flags: &[&str]) -> Self {
        known_flags(flags);
        let mut all = vec!["--shards", "2"];
        if !flags.contains(&"--demos=true") {
            all.push("--demos=false");
        }
        all.extend(flags);
        let program = Program::start_with_one_heap(&all);
        let client = Client::builder().no_proxy().build().unwrap();
        let mut streams = Vec::new();
        for path in [&format!("/events/{TOPIC}"), "/.well-known/mercure?topic=*"] {
            let request = client.get(format!("{}{path}", program.url));
            streams.push(EventStream::open(request).await);
        }
        let mut scene =
            Self { program, client, streams, published: 0, resident_before: 0, resident_max: 0 };
        // What a first request allocates for good is no attacker's doing.
        scene.rounds(2).await;
        scene.resident_before = scene.resident();
        scene.resident_max = scene.resident_before;
        scene
    }

    /// So many events are published, each after both subscribers have the one before it.
    pub(super) async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.published += 1;
            let data = format!("{MARK}{}", self.published);
            let round = async {
                self.publish(&data).await;
                for stream in &mut self.streams {
                    assert_eq!(next_of_the_healthy(stream).await, data);
                }
            };
            let served = timeout(ROUND_MAX, round).await;
            assert!(served.is_ok(), "the healthy are not served: {data}");
            self.resident_max = self.resident_max.max(self.resident());
        }
    }

    /// Rounds until a number that an attack moves stands still: it has done what it can.
    pub(super) async fn rounds_until_still(&mut self, number: impl Fn() -> u64) {
        const STILL: usize = 2 * super::ROUNDS;
        let (mut last, mut still) = (number(), 0);
        while still < STILL {
            self.rounds(1).await;
            let now = number();
            still = if now == last { still + 1 } else { 0 };
            last = now;
        }
    }

    async fn publish(&self, data: &str) {
        let url = format!("{}/events/{TOPIC}", self.program.url);
        let response = self.client.post(url).body(data.to_owned()).send().await.expect("an answer");
        let status = response.status();
        assert_eq!(status, 200, "a healthy publisher: {}", response.text().await.unwrap());
    }

    /// The values of a metric, one for each of its series.
    pub(super) async fn gauge(&self, name: &str) -> Vec<f64> {
        let url = format!("{}/metrics", self.program.admin);
        let response = timeout(PATIENCE, self.client.get(url).send()).await;
        let page = response.expect("metrics in time").expect("metrics").text().await.unwrap();
        let values = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            // A name may be that of one series, with its labels.
            let is_it = rest.starts_with([' ', '{']);
            is_it.then(|| rest.rsplit(' ').next().unwrap().parse().expect("a number"))
        });
        let values: Vec<f64> = values.collect();
        assert!(!values.is_empty(), "the program has no metric {name}");
        values
    }

    /// The sum of a metric over its series.
    pub(super) async fn sum(&self, name: &str) -> f64 {
        self.gauge(name).await.into_iter().sum()
    }

    /// Asserts that a metric counts and is bounded.
    pub(super) async fn assert_counted(&self, name: &str, max: u64) {
        let value = self.sum(name).await;
        assert!(value <= max as f64, "{name} is {value}, and may be {max}");
    }

    /// Asserts how much more memory the process has had than before the attack.
    pub(super) fn assert_grew_at_most(&mut self, mebibytes: u64, attack: &str) {
        let grew = self.grew() >> 20;
        assert!(grew <= mebibytes, "{attack}: grew by {grew} MiB, and may grow by {mebibytes} MiB");
    }

    /// How many bytes more than before the attack the process has had at most.
    pub(super) fn grew(&mut self) -> u64 {
        self.resident_max = self.resident_max.max(self.resident());
        self.resident_max.saturating_sub(self.resident_before)
    }

    /// What the process holds in memory, as the system counts it.
    pub(super) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.program.child.id());
        let status = fs::read_to_string(path).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Asserts that no iteration of any shard has been long, that all shards live, and that the
    /// healthy are served. For during an attack.
    pub(super) async fn assert_shards_are_prompt(&self, attack: &str) {
        for (name, max) in [
            ("fanfare_shard_iteration_seconds_max", ITERATION_MAX_SECONDS),
            ("fanfare_shard_iteration_cpu_seconds_max", ITERATION_MAX_CPU_SECONDS),
        ] {
            let longest = self.gauge(name).await.into_iter().fold(0.0, f64::max);
            assert!(longest <= max, "{attack}: {name} is {longest}, and may be {max}");
        }
        assert_eq!(self.sum("fanfare_shards_failed").await, 0.0, "{attack}");
    }

    pub(super) fn address(&self) -> &str {
        self.program.address()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.program.url)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The streams of the healthy, to see how they end.
    pub(super) fn into_parts(self) -> (Program, Vec<EventStream>) {
        (self.program, self.streams)
    }
}

/// The data of the healthy publisher's next event; those of attackers are passed over.
async fn next_of_the_healthy(stream: &mut EventStream) -> String {
    loop {
        let event = stream.next().await.expect("a stream that goes on");
        if event.data.starts_with(MARK) {
            return event.data;
        }
        assert_ne!(event.event.as_deref(), Some("fanfare-gap"), "events are missing: {event:?}");
    }
}

/// A flag that the program does not know keeps it from starting, which says less.
fn known_flags(flags: &[&str]) {
    let help = std::process::Command::new(PROGRAM).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    for flag in flags.iter().filter(|flag| flag.starts_with("--")) {
        let name = flag.split('=').next().unwrap();
        assert!(help.contains(name), "the program has no flag {name}");
    }
}
