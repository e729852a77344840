//! The one sentence on a whole run. What it says of deliveries it has from the claims, which rest
//! on what was looked at.

use crate::claims::Basis;
use crate::result::{Outcome, Run};

/// One sentence on the whole. What it says of deliveries it has from what was looked at.
pub(super) fn headline(outcome: Outcome, run: &Run) -> String {
    let basis = Basis::of(run);
    let end = match outcome {
        Outcome::Pass => return capital(&fine(basis, run)) + ".",
        Outcome::SloMissed => "An SLO was missed",
        Outcome::Invalid => "The figures say more about the load generator than about the server",
        Outcome::Wrong => "What arrived is not what was sent",
        Outcome::Unreachable => "No subscriber could connect, so nothing was checked",
    };
    match (outcome, basis.shortcoming()) {
        // The outcome says it already, or the losses do.
        (Outcome::Unreachable | Outcome::Wrong, _) | (_, None) => format!("{end}."),
        (Outcome::SloMissed, Some(why)) => capital(&why) + ".",
        (_, Some(why)) => format!("{end}: {why}."),
    }
}

fn fine(basis: Basis, run: &Run) -> String {
    let complete = run.delivery.reach.is_none_or(|reach| reach >= 1.0);
    let claim = match basis {
        Basis::Verified(claim) if complete => claim.all_is_right(),
        Basis::Verified(claim) => return claim.what_came_is_right(),
        Basis::Held(claim) => claim.sentence(),
        Basis::Accepted(claim) => claim.sentence(),
        // No run that is judged here passes with these.
        Basis::Counted(_) | Basis::Nothing(_) | Basis::Unsaid => "nothing was verified".to_owned(),
    };
    match run.slos.len() {
        0 => claim,
        1 => claim + ", and the SLO was met",
        _ => claim + ", and every SLO was met",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
