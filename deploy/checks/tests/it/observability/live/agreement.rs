//! What the panels say beside what the load generator has counted by itself.

use serde_json::Value;

use super::super::dashboards::{self, Choices, Dashboard};
use super::super::prometheus::{Curve, Prometheus, now};
use super::SUBSCRIBERS;

/// Long enough that a scrape which comes a little early or late is no matter.
const STEADY: &str = "10s";
/// How far figures of two programs may be apart. They are scraped at different moments, far apart on a busy
/// machine; what is counted twice, or not at all, is further away.
const TOLERANCE: f64 = 0.25;

/// The sum over all curves of a panel's query at one moment.
fn figure(prometheus: &Prometheus, place: [&str; 3], moment: f64, range: &str) -> f64 {
    let [file, title, legend] = place;
    let choices = Choices { rate_interval: range, ..Choices::ALL };
    let dashboards = dashboards::all();
    let panels = dashboards.iter().filter(|one| one.file == file).flat_map(Dashboard::panels);
    let mut queries = panels.filter(|panel| panel.title() == title).flat_map(|one| one.queries());
    let query = queries.find(|query| legend.is_empty() || query.legend == legend);
    let query = choices.fill(&query.unwrap_or_else(|| panic!("no panel {place:?}")).expression);
    prometheus.at(&query, Some(moment)).iter().map(Curve::value).sum()
}

fn near(what: &str, one: f64, other: f64) {
    assert!((one - other).abs() <= TOLERANCE * other.abs(), "{what}: {one} and {other}");
}

/// While it measures, the panels of both programs say the same. What was due is no measure: on a
/// machine with other work the load generator is late.
pub(super) fn the_panels_agree(prometheus: &Prometheus, steady: f64) {
    let panel = |file, title, legend| figure(prometheus, [file, title, legend], steady, STEADY);
    let subscribers = f64::from(SUBSCRIBERS);
    assert_eq!(panel("overview.json", "Subscribers", ""), subscribers);
    assert_eq!(panel("load-test.json", "Connected", ""), 1.0);

    let written = panel("load-test.json", "Received and delivered", "server delivered");
    let read = panel("load-test.json", "Received and delivered", "loadgen received");
    near("delivered and received", written, read);
    let sent = panel("load-test.json", "Published on both sides", "loadgen");
    near("published and sent", panel("overview.json", "Published", ""), sent);
    near(
        "amplification",
        panel("overview.json", "Amplification", "deliveries an event"),
        subscribers,
    );

    // A delivery ends for the server before it ends for the reader. Both are known up to a bucket, so
    // the lower bound of the server's must not be above the upper one of the reader's.
    let [server, client] = ["server ${quantile:text}", "sent → read ${quantile:text}"]
        .map(|legend| panel("load-test.json", "Client and server times", legend));
    assert!(bucket(server).0 <= bucket(client).1, "p99: server {server}, client {client}");
}

/// When a run has ended, the panels say of all of it what its result says.
pub(super) fn the_panels_agree_with_the_result(prometheus: &Prometheus, begin: f64, run: &Value) {
    let end = now();
    let whole = format!("{}s", (end - begin).ceil());
    let panel = |title, legend| figure(prometheus, ["load-test.json", title, legend], end, &whole);
    assert_eq!(run["correctness"]["gaps"], 0);
    assert_eq!((panel("Delivery ratio", ""), panel("Missed", "")), (1.0, 0.0));
    assert_eq!(run["correctness"]["duplicates"], 0);
    assert_eq!(panel("Repeated", ""), 0.0);

    for (legend, times) in
        [("due → read ${quantile:text}", "intended"), ("sent → read ${quantile:text}", "actual")]
    {
        let shown = panel("Client and server times", legend);
        let percentiles = run["delivery"][times]["percentiles"].as_array().expect("a list");
        let p99 = percentiles.iter().find(|one| one["quantile"] == 0.99).expect("a p99");
        let exact = p99["ms"].as_f64().expect("a time") / 1000.0;
        // The panel knows the bucket and nothing below it; the result is exact to one of 100.
        let (lower, upper) = bucket(shown);
        assert!(
            lower <= exact * 1.01 && exact <= upper * 1.01,
            "{legend}: {shown}, in fact {exact}"
        );
    }
}

/// The bounds of the bucket that a time falls into.
fn bucket(seconds: f64) -> (f64, f64) {
    const BOUNDS: [f64; 16] = [
        5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5,
        10.0,
    ];
    let above = BOUNDS.iter().position(|bound| seconds <= *bound).expect("under 10 s");
    (if above == 0 { 0.0 } else { BOUNDS[above - 1] }, BOUNDS[above])
}
