//! A run: each requirement by its checks, one after the other, so that what a hub is sent can be
//! read in its log.

use crate::catalogue::{Check, Requirement, Way, of};
use crate::hub::{Dialect, Hub, Target};
use crate::outcome::{Finding, Outcome};

/// A requirement and what came of it.
#[derive(Debug)]
pub struct Line {
    pub requirement: &'static Requirement,
    pub outcome: Outcome,
    /// The check that decided, where there is one.
    pub check: Option<&'static str>,
}

/// Which requirements are meant; all where `only` is empty. `R19` is that of every dialect.
pub fn selected(dialects: &[Dialect], only: &[String]) -> Vec<(Dialect, &'static Requirement)> {
    let wanted = |requirement: &Requirement| {
        let short = requirement.id.rsplit('/').next().unwrap_or_default();
        only.is_empty() || only.iter().any(|id| id == requirement.id || id == short)
    };
    dialects
        .iter()
        .flat_map(|&dialect| of(dialect).iter().map(move |requirement| (dialect, requirement)))
        .filter(|(_, requirement)| wanted(requirement))
        .collect()
}

pub async fn run(
    target: &Target,
    http: &reqwest::Client,
    requirements: &[(Dialect, &'static Requirement)],
) -> Vec<Line> {
    let mut lines = Vec::new();
    for &(dialect, requirement) in requirements {
        let hub = Hub::new(target.clone(), dialect, http.clone());
        let (outcome, check) = match requirement.way {
            Way::NotTestable(why) => (Outcome::NotTestable { why: why.to_owned() }, None),
            Way::Checks(checks) => all(&hub, checks).await,
        };
        lines.push(Line { requirement, outcome, check });
    }
    lines
}

/// A failure decides, else a check that passed, else why all were skipped.
async fn all(hub: &Hub, checks: &[Check]) -> (Outcome, Option<&'static str>) {
    let mut decided = (Outcome::Pass, None);
    let mut passed = false;
    for check in checks {
        // Far more than the sum of its waits: a check cannot hang, whatever it meets.
        let limit = hub.target.patience * 60;
        let outcome = match tokio::time::timeout(limit, (check.run)(hub)).await {
            Ok(checked) => Outcome::from(checked),
            Err(_) => Outcome::Fail(Finding {
                sent: format!("the check {}", check.name),
                expected: format!("its end within {limit:?}"),
                came: "none".to_owned(),
            }),
        };
        match outcome {
            Outcome::Fail(_) => return (outcome, Some(check.name)),
            Outcome::Pass => passed = true,
            skipped => decided = (skipped, Some(check.name)),
        }
    }
    if passed { (Outcome::Pass, None) } else { decided }
}
