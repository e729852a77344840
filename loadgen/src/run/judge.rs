//! The verdict on a run: were the deliveries right, are its values valid, were the SLOs
//! met. Rules first, words beside them; nothing here measures.

use super::RunRequest;
use super::headline::headline;
use super::lateness::{self, Late, MORE_READERS};
use crate::claims::{Basis, Nothing};
use crate::numbers;
use crate::plan::{Plan, Reconnect, Verify};
use crate::readers::MIN_RECONNECT_INTERVAL;
use crate::result::{Outcome, PublishingResult, Run, Verdict};

/// Share of a core above which a worker may have been the limit.
const BUSY: f64 = 0.85;

/// Share of the schedule that must have been sent.
const SENT: f64 = 0.99;

/// Judges a run whose figures are complete.
pub(super) fn judge(plan: &Plan, request: &RunRequest<'_>, run: &mut Run) {
    run.slos = request.slos.iter().map(|slo| slo.check(run)).collect();
    let mut findings = Findings::default();
    reachable(plan, run, &mut findings);
    if findings.outcome != Outcome::Unreachable {
        deliveries(plan, run, &mut findings);
        streams(request, run, &mut findings);
        believable(request, run, &mut findings);
        // Behind what may be why.
        checked(run, &mut findings);
        slos(run, &mut findings);
        notes(plan, run, &mut findings);
    }
    run.verdict = Verdict {
        outcome: findings.outcome,
        exit_code: exit_code(findings.outcome),
        headline: headline(findings.outcome, run),
        reasons: findings.reasons,
        notes: findings.notes,
    };
}

/// What the program returns for an outcome.
pub(crate) fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => 0,
        Outcome::SloMissed => 2,
        Outcome::Wrong => 3,
        Outcome::Invalid => 4,
        Outcome::Unreachable => 5,
    }
}

#[derive(Default)]
struct Findings {
    outcome: Outcome,
    reasons: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    fn add(&mut self, outcome: Outcome, reason: String) {
        self.outcome = self.outcome.max(outcome);
        self.reasons.push(reason);
    }
}

fn reachable(plan: &Plan, run: &Run, findings: &mut Findings) {
    let (requested, connected) = (run.subscribers.requested, run.subscribers.connected);
    let failures: Vec<_> =
        run.subscribers.failures.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let failures = failures.join(", ");
    if connected == 0 && requested > 0 {
        let target = plan.targets.first().map_or("", |target| target.endpoint.authority.as_str());
        let reason = format!("{target}: {failures}. {}", advice(run));
        findings.add(Outcome::Unreachable, reason);
    } else if connected < requested {
        let reason = format!(
            "{connected} of {requested} subscribers were connected when publishing began: {failures}"
        );
        findings.add(Outcome::SloMissed, reason);
    }
}

/// What to do about the failure that most attempts met.
fn advice(run: &Run) -> &'static str {
    let most = run.subscribers.failures.iter().max_by_key(|(_, count)| **count);
    match most.map_or("", |(kind, _)| kind.as_str()) {
        kind if kind.starts_with("coded as") => {
            "Switch compression off for event streams: each event would wait for the next"
        }
        "status 401" | "status 403" => {
            "Does it need --token, --header, or http://USER:PASSWORD@HOST?"
        }
        kind if kind.starts_with("status 3") => {
            "Redirects are not followed: give the address that it names"
        }
        _ => "Is the server running there, and is the path right?",
    }
}

/// A run in which nothing was verified does not pass, however little went wrong.
fn checked(run: &Run, findings: &mut Findings) {
    let step = match Basis::of(run) {
        Basis::Counted(_) if run.publishing.is_none() => {
            "nothing was verified: only events that loadgen publishes can be; let it (--publish URL), \
             or another one"
        }
        Basis::Counted(_) | Basis::Nothing(Nothing::Arrived(_)) => {
            "nothing was verified: do --subscribe and --publish mean the same topic?"
        }
        Basis::Nothing(Nothing::Parsed) => {
            "nothing was verified: take a smaller N for --verify sample=N, or more --connections"
        }
        Basis::Nothing(Nothing::Came { .. }) => {
            "nothing was verified: does the server send events on its own while the run goes on? If \
             not, give --publish URL, or --hold where none is to come"
        }
        Basis::Nothing(Nothing::Accepted | Nothing::Taken(_) | Nothing::Unreached) => {
            "nothing was verified"
        }
        Basis::Verified(_) | Basis::Held(_) | Basis::Accepted(_) | Basis::Unsaid => return,
    };
    findings.add(Outcome::SloMissed, step.to_owned());
}

/// Disconnects that were not injected. An SLO about them says how many may be.
fn streams(request: &RunRequest<'_>, run: &Run, findings: &mut Findings) {
    let strange = run.correctness.strange_streams;
    if strange > 0 {
        let reason = format!(
            "{strange} streams of text/event-stream held no line that an event stream can have: is \
             the path that of a stream?"
        );
        findings.add(Outcome::SloMissed, reason);
    }
    let faults = &run.faults;
    let failed: u64 = faults.errors.values().sum();
    let ended = faults.closed_by_server + failed;
    if ended > 0 {
        let mut text = format!(
            "{ended} streams of fast subscribers ended unexpectedly: {} closed by the server, {failed} \
             failed; subscribers reconnected {} times",
            faults.closed_by_server, faults.reconnects
        );
        if faults.lengthened > 0 {
            text += &format!(
                "; {} reconnect delays were lengthened, because no subscriber reconnects within {} ms",
                faults.lengthened,
                MIN_RECONNECT_INTERVAL.as_millis()
            );
        }
        if request.slos.iter().any(|slo| slo.figure.to_string() == "disconnects") {
            findings.notes.push(text);
        } else {
            text += "; if that is expected, say how many may end with --slo 'disconnects<=N'";
            findings.add(Outcome::SloMissed, text);
        }
    }
}

fn deliveries(plan: &Plan, run: &Run, findings: &mut Findings) {
    if run.faults.away > 0 && plan.faults.reconnect != Reconnect::Never {
        let reason = format!(
            "{} subscribers whose streams had ended had not reconnected when the run ended",
            run.faults.away
        );
        findings.add(Outcome::SloMissed, reason);
    }
    let found = &run.correctness;
    let counts = [
        (found.gaps, "events were lost and not announced"),
        (found.duplicates, "events arrived again"),
        (found.reordered, "events arrived after later ones of the same publisher and topic"),
        (found.corrupted, "events arrived with other bytes than were sent"),
        (found.wrong_topic, "events arrived at subscribers of other topics"),
        (found.broken_streams, "streams broke the rules of HTTP or of event streams"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        findings.add(Outcome::Wrong, format!("{count} {what}"));
    }
}

fn believable(request: &RunRequest<'_>, run: &Run, findings: &mut Findings) {
    let is_interrupted = request.interrupted.load(std::sync::atomic::Ordering::Relaxed);
    if is_interrupted {
        findings.add(Outcome::Invalid, "the run was interrupted".to_owned());
    }
    for late in lateness::judge(run) {
        match late {
            Late::Invalid(reason) => findings.add(Outcome::Invalid, reason),
            Late::Note(note) => findings.notes.push(note),
        }
    }
    for worker in run.own.workers.iter().filter(|worker| worker.cpu > BUSY) {
        let reason = format!(
            "{} used {:.0} % of a core, so it may have been the limit; try {MORE_READERS}",
            worker.name,
            worker.cpu * 100.0
        );
        findings.add(Outcome::Invalid, reason);
    }
    schedule(run, is_interrupted, findings);
}

/// Whether the schedule was sent, and accepted.
fn schedule(run: &Run, is_interrupted: bool, findings: &mut Findings) {
    let Some(publishing) = run.publishing.as_ref().filter(|publishing| publishing.slots > 0) else {
        return;
    };
    // In an interrupted run the reason is known.
    if !is_interrupted && (publishing.sent as f64) < publishing.slots as f64 * SENT {
        let share = publishing.sent as f64 / publishing.slots as f64;
        let reason = format!(
            "only {:.1} % of the schedule was sent: each publisher waits for its response, {}; try more \
             --publishers or a lower --rate",
            share * 100.0,
            wait(publishing)
        );
        findings.add(Outcome::Invalid, reason);
    }
    let refused: u64 = publishing.refusals.values().sum();
    if refused > 0 {
        let kinds: Vec<_> =
            publishing.refusals.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        let reason = format!("{refused} events were not accepted: {}", kinds.join(", "));
        findings.add(Outcome::SloMissed, reason);
    }
}

/// How long a response took, where that was measured.
fn wait(publishing: &PublishingResult) -> String {
    publishing.acknowledgement.as_ref().map_or_else(
        || {
            "whose time was not measured: no event that was due after the warm-up was accepted"
                .into()
        },
        |response_times| {
            format!("which took {} in the median", numbers::ms(response_times.at(0.5)))
        },
    )
}

fn slos(run: &Run, findings: &mut Findings) {
    for slo in run.slos.iter().filter(|slo| !slo.met) {
        let measured = slo.measured.as_deref().unwrap_or("it could not be measured");
        findings.add(Outcome::SloMissed, format!("{}: {measured}", slo.expression));
    }
}

fn notes(plan: &Plan, run: &Run, findings: &mut Findings) {
    let notes = &mut findings.notes;
    let failures = &run.subscribers.failures;
    let failed: u64 = failures.values().sum();
    if failed > 0 && run.subscribers.connected >= run.subscribers.requested {
        let kinds: Vec<_> = failures.iter().map(|(kind, n)| format!("{kind} ({n})")).collect();
        notes.push(format!(
            "{failed} attempts to connect failed and were made again: {}",
            kinds.join(", ")
        ));
    }
    if run.faults.ended > 0 {
        notes.push(format!(
            "{} streams were closed because their topics had ended, as the server said (fanfare-end)",
            run.faults.ended
        ));
    }
    if run.correctness.foreign > 0 {
        notes.push(format!(
            "{} events were not of this run: another publisher uses these topics, or the server sends \
             events of its own",
            run.correctness.foreign
        ));
    }
    if run.delivery.negative > 0 {
        notes.push(format!(
            "{} events arrived before they were due by the clock: it is wrong{}",
            run.delivery.negative,
            run.delivery.most_negative_ms.map_or_else(String::new, |least| {
                format!(" by at least {}", numbers::ms(least.abs()))
            })
        ));
    }
    let closed_loop = |publishing: &&PublishingResult| !publishing.open_loop && publishing.sent > 0;
    if let Some(publishing) = run.publishing.as_ref().filter(closed_loop) {
        notes.push(format!(
            "{} events a second is what publishers that wait for each response got through: a closed \
             loop, whose latency is not that of a load",
            publishing.reached_rate.round()
        ));
    }
    if let Verify::Sample(every) = plan.verify {
        notes.push(format!(
            "one subscriber in {every} was parsed and verified; for the others bytes were counted and \
             events estimated from them"
        ));
    }
    if run.subscribers.protocol != "HTTP/1.1" {
        notes.push(
            "over HTTP/2 and TLS time stamps are taken when a frame has been decoded, not when the \
             kernel handed it over"
                .to_owned(),
        );
    }
}
