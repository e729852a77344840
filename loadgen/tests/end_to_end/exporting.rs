//! The program's own metrics while it loads the real server: two programs that share no code count
//! the same events, and the page is one that Prometheus takes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::common::page::{Page, address};
use crate::support::{Fanfare, eventually, start};

const LINGER: &str = "--metrics-listen 127.0.0.1:0 --metrics-linger 10m";

#[test]
fn the_page_and_the_page_of_the_server_count_the_same() {
    for further in ["", "--http 2", "--processes 2", "--cut-every 300ms --retry 20ms"] {
        let server = Fanfare::start();
        let going = start(&server.load("load", &format!("-c 20 -r 100 {further} {LINGER}")));
        let pages = Page::until_done(address(&going));
        going.ask_to_end();
        let ran = going.wait();
        ran.assert_all_arrived(20);
        let page = pages.last().expect("one at least");
        let published = page.count("loadgen_events_published_total");
        assert_eq!(published, ran.count("/publishing/acknowledged"), "{further}");
        assert_eq!(page.count("loadgen_events_received_total"), 20 * published, "{further}");
        // Without a warm-up every delivery is timed.
        assert_eq!(page.count("loadgen_delivery_seconds_count"), 20 * published, "{further}");
        let reconnects = ran.count("/trouble/reconnects");
        assert_eq!(page.count("loadgen_reconnects_total"), reconnects, "{further}");
        assert_eq!(page.count("loadgen_connects_total"), 20 + reconnects, "{further}");
        assert_eq!(reconnects > 0, further.contains("--cut-every"));
        // To a stream that is cut the server delivers more than is read.
        let delivered = || server.figure("fanfare_events_delivered_total");
        eventually("the server has counted", || delivered() >= 20 * published);
        assert!(reconnects > 0 || delivered() == 20 * published, "{further}");
        assert_eq!(page.count("loadgen_disconnects_total"), 0, "cuts on purpose are none");
    }
}

#[test]
fn prometheus_takes_the_page_and_has_nothing_to_say_of_it() {
    let server = Fanfare::start();
    let going = start(&server.load("load", &format!("-c 5 -r 20 {LINGER}")));
    let address = address(&going);
    eventually("events flow", || Page::scrape(address).count("loadgen_events_received_total") > 0);
    let page = Page::scrape(address);
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of the Debian package prometheus");
    check.stdin.take().expect("asked for").write_all(page.text.as_bytes()).expect("it reads");
    let check = check.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&check.stdout) + String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success() && said.is_empty(), "{said}\n{}", page.text);
}
