//! Nodes on brokers that do what real ones do at their worst.

use std::time::Duration;

use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::stream::SharedStream as _;
use super::nodes::{Answer, SimulatedNode, check, settled};
use super::{SimulatedBrokers, SimulatedStream};
use crate::event::Sequence;

const NODES: usize = 3;
/// Longer than a message can be stored after it was sent.
const LATE_MAX: Duration = Duration::from_secs(3);
/// Longer than a leader needs to notice that it is alone.
const LONG_AGO: Duration = Duration::from_secs(60);
const TROUBLED_FOR: Duration = Duration::from_secs(60);

/// What happens to the brokers from time to time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happening {
    Nothing,
    Election,
    Reconnect,
    CutOff,
    /// A node's broker is cut off from the others, and stays so.
    IsolatedBroker,
    Garbage,
    /// What was confirmed is lost.
    Rollback,
    /// The stream is made anew.
    Anew,
}

async fn happen(stream: &SimulatedStream, happening: Happening) {
    let with = |change: fn(&mut SimulatedBrokers)| change(&mut stream.brokers());
    match happening {
        Happening::Nothing => {}
        Happening::Election => {
            with(SimulatedBrokers::lose_leader);
            let ms = stream.brokers().random().random_range(500..9_000);
            sleep(Duration::from_millis(ms)).await;
            with(SimulatedBrokers::elect);
        }
        Happening::Reconnect | Happening::CutOff => {
            let node = stream.brokers().random().random_range(0..NODES);
            if happening == Happening::CutOff {
                stream.brokers().cut_off(node, true);
                let ms = stream.brokers().random().random_range(100..20_000);
                sleep(Duration::from_millis(ms)).await;
                stream.brokers().cut_off(node, false);
            }
            stream.brokers().reconnect(node);
        }
        Happening::IsolatedBroker => {
            let mut brokers = stream.brokers();
            let node = brokers.random().random_range(0..NODES);
            brokers.isolate(node);
        }
        Happening::Garbage => with(SimulatedBrokers::take_garbage),
        Happening::Rollback => {
            let count = stream.brokers().random().random_range(1..20);
            stream.brokers().lose_tail(count);
        }
        Happening::Anew => {
            with(SimulatedBrokers::make_anew);
            (0..NODES).for_each(|node| stream.brokers().reconnect(node));
        }
    }
}

/// Three nodes, at which several publish all the time.
async fn run(seed: u64, happenings: &[Happening], may_lose: bool) {
    let stream = SimulatedStream::new(seed, 5);
    let mut nodes = Vec::new();
    for node in 0..NODES {
        nodes.push(SimulatedNode::start(stream.of_node(node)).await);
    }
    let until = Instant::now() + TROUBLED_FOR;
    let chaos = async {
        while Instant::now() < until {
            let (at, ms) = {
                let mut brokers = stream.brokers();
                let random = brokers.random();
                (random.random_range(0..happenings.len()), random.random_range(0..4_000))
            };
            sleep(Duration::from_millis(ms)).await;
            happen(&stream, happenings[at]).await;
        }
        stream.brokers().heal();
    };
    let publishing = async {
        let (mut all, mut number) = (JoinSet::new(), 0);
        while Instant::now() < until {
            for node in &nodes {
                let count = stream.brokers().random().random_range(1..4);
                let event = |at| (None, format!("event {number} {at}"));
                all.spawn(node.publish((0..count).map(event).collect()));
                number += 1;
            }
            // The same id at two nodes at once, or at one again.
            let id = format!("id {}", number / 9);
            let event = vec![(Some(id.clone()), id)];
            all.spawn(nodes[number % NODES].publish(event.clone()));
            all.spawn(nodes[(number / 3) % NODES].publish(event));
            sleep(Duration::from_millis(200)).await;
        }
        all.join_all().await.into_iter().flatten().collect::<Vec<Answer>>()
    };
    let ((), answers) = tokio::join!(chaos, publishing);
    // One that starts now shows the same as those that saw it happen.
    nodes.push(SimulatedNode::start(stream.of_node(NODES)).await);
    // What was sent last may still be on its way.
    sleep(LATE_MAX).await;
    settled(&nodes, &stream).await;
    check(&nodes, &answers, may_lose, seed);
    let confirmed = answers.iter().filter(|answer| matches!(answer, Answer::Confirmed { .. }));
    assert!(confirmed.count() > 100, "seed {seed}: hardly anything was confirmed");
}

#[tokio::test(start_paused = true)]
async fn whatever_brokers_confirm_late_or_not_at_all_nothing_is_lost_doubled_or_shown_differently()
{
    use Happening::{CutOff, Election, Garbage, IsolatedBroker, Nothing, Reconnect};
    for seed in 0..20 {
        let all = [Nothing, Election, Reconnect, CutOff, IsolatedBroker, Garbage];
        run(seed, &all, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_has_lost_the_others_is_left_for_another_one_while_it_still_answers() {
    let stream = SimulatedStream::new(0, 0);
    let isolated = SimulatedNode::start(stream.of_node(0)).await;
    let other = SimulatedNode::start(stream.of_node(1)).await;
    stream.brokers().isolate(0);
    let at_both = tokio::join!(
        isolated.publish(vec![(None, "here".to_owned())]),
        other.publish(vec![(None, "there".to_owned())])
    );
    let answers: Vec<Answer> = at_both.0.into_iter().chain(at_both.1).collect();
    let confirmed = answers.iter().all(|answer| matches!(answer, Answer::Confirmed { .. }));
    assert!(confirmed, "{answers:?}");
    check(&[isolated, other], &answers, false, 0);
    assert_eq!(stream.brokers().probes(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_no_broker_is_better_a_node_stays_and_probes_them_again() {
    let stream = SimulatedStream::new(0, 0);
    let _node = SimulatedNode::start(stream.of_node(0)).await;
    let began = Instant::now();
    let connections = stream.connections();
    stream.brokers().lose_leader();
    // A majority has been heard of at most a second before, and looks are a second apart.
    for (until, probes) in [(2, 0), (6, 1), (10, 2), (60, 14)] {
        sleep_until(began + Duration::from_secs(until)).await;
        assert_eq!(stream.brokers().probes(), probes, "after {until} s");
    }
    assert_eq!(stream.connections(), connections, "it stayed where it was");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_cut_off_long_ago_is_left_too() {
    let stream = SimulatedStream::new(0, 0);
    let node = SimulatedNode::start(stream.of_node(0)).await;
    stream.brokers().lose_leader();
    stream.brokers().isolate(0);
    sleep(LONG_AGO).await;
    // The others have found each other again, and this one has not.
    stream.brokers().elect();
    let answers = node.publish(vec![(None, "here".to_owned())]).await;
    assert!(matches!(answers[..], [Answer::Confirmed { .. }]), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn brokers_that_lose_what_they_confirmed_are_noticed_by_all_nodes_which_show_the_same_then() {
    use Happening::{Anew, CutOff, Election, Nothing, Rollback};
    for seed in 100..115 {
        run(seed, &[Nothing, Election, CutOff, Rollback, Anew], true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_missing_in_the_middle_is_a_hole_for_whoever_reads_later() {
    let stream = SimulatedStream::new(0, 0);
    let first = SimulatedNode::start(stream.of_node(0)).await;
    for number in 1..=20 {
        first.publish(vec![(None, number.to_string())]).await;
    }
    stream.brokers().lose(Sequence(10));
    let later = SimulatedNode::start(stream.of_node(1)).await;
    let (epoch, mut shown) = first.shown();
    shown.retain(|(sequence, ..)| *sequence != 10);
    assert_eq!(later.shown(), (epoch, shown));
    assert_eq!((first.state.status().holes, later.state.status().holes), (0, 1));
    // Whoever reads over it is told of a gap of which nobody knows how much was in it.
    let bounds = later.state.lock().replica.window().bounds();
    assert_eq!(bounds.last_uncounted, Sequence(10));
}
