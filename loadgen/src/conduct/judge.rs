//! The judgement of a run: were the deliveries right, may its figures be believed, were the goals
//! met. Rules first, words beside them; nothing here measures.

use super::Ask;
use super::lateness::{self, Late, MORE_READERS};
use crate::plan::{Plan, Reconnect, Verify};
use crate::result::{Outcome, Publishing, Run, Verdict};

/// Share of a core above which a worker may have been the limit.
const BUSY: f64 = 0.85;

/// Share of the schedule that must have been sent.
const SENT: f64 = 0.99;

/// Judges a run whose figures are complete.
pub(super) fn judge(plan: &Plan, ask: &Ask<'_>, run: &mut Run) {
    run.goals = ask.goals.iter().map(|goal| goal.check(run)).collect();
    let mut findings = Findings::default();
    reachable(plan, run, &mut findings);
    if findings.outcome != Outcome::Unreachable {
        deliveries(plan, run, &mut findings);
        believable(ask, run, &mut findings);
        goals(run, &mut findings);
        notes(plan, run, &mut findings);
    }
    run.verdict = Verdict {
        outcome: findings.outcome,
        exit_code: exit_code(findings.outcome),
        headline: headline(findings.outcome, run).to_owned(),
        reasons: findings.reasons,
        notes: findings.notes,
    };
}

/// What the program returns for an outcome.
pub(crate) fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fine => 0,
        Outcome::GoalMissed => 2,
        Outcome::Wrong => 3,
        Outcome::Invalid => 4,
        Outcome::Unreachable => 5,
    }
}

fn headline(outcome: Outcome, run: &Run) -> &'static str {
    let complete = run.delivery.reach.is_none_or(|reach| reach >= 1.0);
    match outcome {
        Outcome::Fine if !complete => {
            "What arrived is right, but not everything arrived: nothing was lost without a word."
        }
        Outcome::Fine => "Everything arrived as it was sent, and every goal was met.",
        Outcome::GoalMissed => "A goal was missed.",
        Outcome::Invalid => "The figures say more about the generator than about the server.",
        Outcome::Wrong => "What arrived is not what was sent.",
        Outcome::Unreachable => "No subscriber could connect.",
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
    let (asked, connected) = (run.subscribers.asked, run.subscribers.connected);
    let failures: Vec<_> =
        run.subscribers.failures.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let failures = failures.join(", ");
    if connected == 0 && asked > 0 {
        let target = plan.targets.first().map_or("", |target| target.endpoint.authority.as_str());
        let reason =
            format!("{target}: {failures}. Is the server running there, and is the path right?");
        findings.add(Outcome::Unreachable, reason);
    } else if connected < asked {
        let reason = format!(
            "{connected} of {asked} subscribers were connected when publishing began: {failures}"
        );
        findings.add(Outcome::GoalMissed, reason);
    }
}

fn deliveries(plan: &Plan, run: &Run, findings: &mut Findings) {
    if run.trouble.away > 0 && plan.trouble.reconnect != Reconnect::Never {
        let reason = format!(
            "{} subscribers whose streams had ended did not come back before the end",
            run.trouble.away
        );
        findings.add(Outcome::GoalMissed, reason);
    }
    let found = &run.correctness;
    let counts = [
        (found.gaps, "events were lost, and nobody told their subscribers"),
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

fn believable(ask: &Ask<'_>, run: &Run, findings: &mut Findings) {
    let is_interrupted = ask.interrupted.load(std::sync::atomic::Ordering::Relaxed);
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

/// Whether what was asked for was sent, and accepted.
fn schedule(run: &Run, is_interrupted: bool, findings: &mut Findings) {
    let Some(publishing) = run.publishing.as_ref().filter(|publishing| publishing.slots > 0) else {
        return;
    };
    // Who interrupts a run knows why the rest of the schedule was not sent.
    if !is_interrupted && (publishing.sent as f64) < publishing.slots as f64 * SENT {
        let share = publishing.sent as f64 / publishing.slots as f64;
        let reason = format!(
            "only {:.1} % of the schedule was sent: each publisher waits for its answer, {}; try more \
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
        findings.add(Outcome::GoalMissed, reason);
    }
    if publishing.sent > 0
        && run.delivery.received == 0
        && run.subscribers.connected > 0
        && publishing.acknowledged > 0
        && run.correctness.gaps > 0
    {
        findings.notes.push(
            "nothing at all arrived: do --subscribe and --publish mean the same topic?".to_owned(),
        );
    }
}

/// How long an answer took, where that was measured.
fn wait(publishing: &Publishing) -> String {
    publishing.acknowledgement.as_ref().map_or_else(
        || {
            "whose time was not measured: no event that was due after the warm-up was accepted"
                .into()
        },
        |answers| format!("which took {:.2} ms in the median", answers.at(0.5)),
    )
}

fn goals(run: &Run, findings: &mut Findings) {
    for goal in run.goals.iter().filter(|goal| !goal.met) {
        let measured = goal.measured.as_deref().unwrap_or("it could not be measured");
        findings.add(Outcome::GoalMissed, format!("{}: {measured}", goal.expression));
    }
}

fn notes(plan: &Plan, run: &Run, findings: &mut Findings) {
    let notes = &mut findings.notes;
    let closed = run.trouble.closed_by_server + run.trouble.errors.values().sum::<u64>();
    if closed > 0 {
        notes.push(format!(
            "{closed} streams of subscribers that read as fast as they can ended without being asked"
        ));
    }
    if run.correctness.foreign > 0 {
        notes.push(format!(
            "{} events were not of this run: somebody else publishes on these topics, or the server \
             sends events of its own",
            run.correctness.foreign
        ));
    }
    if run.delivery.negative > 0 {
        notes.push(format!(
            "{} events arrived before they were due by the clock: it is wrong by at least {:.3} ms",
            run.delivery.negative,
            -run.delivery.most_negative_ms.unwrap_or(0.0)
        ));
    }
    if let Some(publishing) = run.publishing.as_ref().filter(|publishing| !publishing.open_loop) {
        notes.push(format!(
            "{} events a second is what one waiting publisher a lane got through: a closed loop, whose \
             latency is not that of a load",
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
