//! Subscribers that read slowly or not at all: slow, stopped, vanished. They are counted apart, the
//! server may do about them what it likes, and those that read as fast as they can get everything
//! meanwhile.
//!
//! Small buffers on both sides let the server feel them within a second. Those that read as fast as
//! they can have large ones, which hold seconds of events while a busy machine holds the reader up.
//! Which subscribers have a class is spread evenly, so their number is the share but for one.

use std::time::Duration;

use crate::support::{Ending, Faults, Ran, Stub, WhenSlow, loadgen};

/// Ten subscribers of events of 4,000 bytes, of which small buffers hold two or three.
const FLAGS: &str = "-c 10 --payload 4000 --retry 50ms --receive-buffer 1MB";

/// How long a write may take at a server that closes who is slow.
const LIMIT: Duration = Duration::from_millis(500);

/// Forty events a second for two, and time in which to send them if that is held up.
const TWO_SECONDS: &str = "--schedule steps:40/2s,0/3s";

/// For several times as long as it takes to feel that a subscriber is slow, and for that one to see
/// that it was closed.
const FIVE_SECONDS: &str = "--schedule steps:20/5s,0/3s";

fn stub(when_slow: WhenSlow) -> Stub {
    Stub::start(Faults { send_buffer: Some(4096), when_slow, ..Faults::default() })
}

/// What became of a class.
fn of(ran: &Ran, class: &str, what: &str) -> u64 {
    ran.count(&format!("/trouble/classes/{class}/{what}"))
}

/// The fast ones have everything, the others are of this class; says how many of those there are.
fn assert_the_others_are_complete(ran: &Ran, class: &str, share: u64) -> u64 {
    ran.assert_all_arrived(10);
    let hindered = of(ran, class, "subscribers");
    assert!(hindered.abs_diff(share) <= 1 && hindered > 0, "{class}: {hindered}");
    let sent = ran.count("/publishing/sent");
    assert_eq!(ran.count("/delivery/received"), (10 - hindered) * sent);
    assert_eq!(of(ran, class, "expected"), hindered * sent, "{class}");
    hindered
}

#[test]
fn a_slow_reader_gets_a_part_and_is_no_loss() {
    let stub = stub(WhenSlow::Wait);
    let flags = format!("{FLAGS} {TWO_SECONDS} --slow-share 0.3 --slow-rate 20kB");
    let ran = loadgen(&stub.load("load", &flags));
    assert_the_others_are_complete(&ran, "slow", 3);
    let (received, expected) = (of(&ran, "slow", "received"), of(&ran, "slow", "expected"));
    assert!((1..expected).contains(&received), "{received} of {expected}");
    assert_eq!((of(&ran, "slow", "gaps"), of(&ran, "slow", "closed")), (0, 0));
    assert!(ran.words().contains("none saw the server close its stream"), "{}", ran.stdout);
}

#[test]
fn a_slow_reader_that_is_closed_comes_back_and_is_closed_again() {
    let stub = stub(WhenSlow::Close(LIMIT));
    // What its buffer holds takes it longer than the limit, and it sees the end behind that.
    let flags = format!("{FLAGS} {FIVE_SECONDS} --slow-share 0.2 --slow-rate 3kB");
    let ran = loadgen(&stub.load("load", &flags));
    let slow = assert_the_others_are_complete(&ran, "slow", 2);
    let closed = of(&ran, "slow", "closed");
    assert!(closed >= slow, "{closed} of {slow}");
    assert_eq!(ran.count("/trouble/classes/slow/until_closed/count"), closed);
    let when_slow =
        stub.store().ends().iter().filter(|end| end.how == Ending::WhenSlow).count() as u64;
    // One may have been closed by the server when the generator had ended already.
    assert!((closed..=closed + slow).contains(&when_slow), "{closed} seen, {when_slow} closed");
    assert_eq!(ran.count("/trouble/closed_by_server"), 0, "that is of fast ones");
    assert!(stub.store().requests().len() as u64 > 10, "they came back");
}

#[test]
fn a_slow_reader_that_is_told_of_its_losses_has_no_gaps() {
    let stub = stub(WhenSlow::Skip(Duration::from_millis(200)));
    let flags = format!("{FLAGS} {TWO_SECONDS} --slow-share 0.2 --slow-rate 30kB");
    let ran = loadgen(&stub.load("load", &flags));
    ran.assert_ended(0, "fine");
    ran.assert_faults(&[]);
    assert!(of(&ran, "slow", "announced") > 0, "{}", ran.stdout);
    assert_eq!(of(&ran, "slow", "gaps"), 0, "{}", ran.stdout);
    assert!(ran.words().contains("that were announced"), "{}", ran.stdout);
}

#[test]
fn a_stopped_reader_reads_nothing_and_sees_that_it_is_closed() {
    let stub = stub(WhenSlow::Close(LIMIT));
    let flags = format!("{FLAGS} {FIVE_SECONDS} --stopped-share 0.3");
    let ran = loadgen(&stub.load("load", &flags));
    let stopped = assert_the_others_are_complete(&ran, "stopped", 3);
    assert_eq!(of(&ran, "stopped", "received"), 0);
    assert_eq!(of(&ran, "stopped", "closed"), stopped);
    let soonest = ran.figure("/trouble/classes/stopped/until_closed/min_ms");
    assert!(soonest >= LIMIT.as_secs_f64() * 1e3, "{soonest}");
    assert_eq!(stub.store().requests().len(), 10, "it does not come back");
}

#[test]
fn a_vanished_reader_never_learns_that_it_was_closed() {
    let stub = stub(WhenSlow::Close(LIMIT));
    let flags = format!("{FLAGS} {FIVE_SECONDS} --vanished-share 0.3");
    let ran = loadgen(&stub.load("load", &flags));
    let vanished = assert_the_others_are_complete(&ran, "vanished", 3);
    assert_eq!((of(&ran, "vanished", "received"), of(&ran, "vanished", "closed")), (0, 0));
    let when_slow =
        stub.store().ends().iter().filter(|end| end.how == Ending::WhenSlow).count() as u64;
    assert_eq!(when_slow, vanished, "the server gave them up");
}

#[test]
fn all_handicaps_together_are_counted_apart() {
    let stub = stub(WhenSlow::Wait);
    let flags = "--slow-share 0.2 --slow-rate 10kB --stopped-share 0.2 --vanished-share 0.2";
    let ran = loadgen(&stub.load("load", &format!("{FLAGS} -r 40 {flags}")));
    ran.assert_all_arrived(10);
    let classes = ["slow", "stopped", "vanished"];
    let hindered: u64 = classes.iter().map(|class| of(&ran, class, "subscribers")).sum();
    assert!((5..=7).contains(&hindered), "{hindered}");
    let sent = ran.count("/publishing/sent");
    assert_eq!(ran.count("/delivery/received"), (10 - hindered) * sent);
}
