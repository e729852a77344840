//! What a plan as a whole must be, beside what each setting must be: within the limits that people set,
//! and of things that go together.

use super::{Plan, PlanError, Protocol, PublishStyle, Settings, Span, Verify, defaults};

impl Settings {
    /// Refuses more than the limits allow, which are there so that a slip of the keyboard is no attack.
    pub(super) fn check_limits(&self, plan: &Plan) -> Result<(), PlanError> {
        let bound = self.limit_connections.unwrap_or(defaults::LIMIT_CONNECTIONS);
        if plan.ramp.connections > bound {
            return Err(PlanError::Bound {
                what: "--connections",
                requested: plan.ramp.connections.to_string(),
                bound: bound.to_string(),
                flag: "--limit-connections",
            });
        }
        let bound = self.limit_rate.unwrap_or(defaults::LIMIT_RATE);
        let peak = plan.publishing.as_ref().and_then(|publishing| publishing.schedule.peak());
        if let Some(peak) = peak.filter(|peak| *peak > bound) {
            return Err(PlanError::Bound {
                what: "the rate",
                requested: peak.to_string(),
                bound: bound.to_string(),
                flag: "--limit-rate",
            });
        }
        let bound = self.limit_duration.map_or(defaults::LIMIT_DURATION, |span| span.0);
        if plan.timing.publishing() > bound {
            return Err(PlanError::Bound {
                what: "the warm-up and duration of",
                requested: Span(plan.timing.publishing()).to_string(),
                bound: Span(bound).to_string(),
                flag: "--limit-duration",
            });
        }
        Ok(())
    }
}

/// Refuses what is wrong only together.
pub(super) fn check_together(plan: &Plan) -> Result<(), PlanError> {
    let http2 = plan.targets.iter().any(|target| target.protocol != Protocol::Http1);
    let tls = plan.targets.iter().any(|target| target.endpoint.tls);
    if (http2 || tls) && plan.faults.vanished_share > 0.0 {
        return Err(PlanError::Conflict("--vanished-share works with plain HTTP/1.1 only"));
    }
    if (http2 || tls) && matches!(plan.verify, Verify::Sample(_)) {
        return Err(PlanError::Conflict("--verify sample works with plain HTTP/1.1 only"));
    }
    if plan.failover {
        check_failover(plan, http2 || tls)?;
    }
    let cuts = plan.faults.cut_every.is_some() || plan.faults.storm.is_some();
    if cuts && matches!(plan.verify, Verify::Sample(_)) {
        return Err(PlanError::Conflict(
            "--verify sample reads no event ids, so disconnected streams could not resume: leave out \
             --verify sample, or --cut-every and --storm-at",
        ));
    }
    if plan.faults.storm.is_some_and(|(at, _)| at >= plan.timing.publishing()) {
        return Err(PlanError::Conflict(
            "--storm-at is after the end of publishing: it must be below --warmup and --duration together",
        ));
    }
    if plan.ramp.connections == 0 && plan.publishing.is_none() {
        return Err(PlanError::Conflict(
            "there is nothing to do without subscribers and publishers: give --connections or --publish",
        ));
    }
    if let Some(publishing) = &plan.publishing
        && publishing.style == PublishStyle::Ndjson
        && publishing.targets.iter().any(|target| target.endpoint.tls)
    {
        return Err(PlanError::Conflict("--publish-style ndjson works over plain http only"));
    }
    Ok(())
}

fn check_failover(plan: &Plan, is_other_transport: bool) -> Result<(), PlanError> {
    let publishing = plan.publishing.as_ref();
    let places = publishing.map_or(0, |publishing| publishing.targets.len());
    let conflict = if plan.targets.len() < 2 && places < 2 {
        "--failover needs a server to go on at: give --subscribe URL or --publish URL once more"
    } else if is_other_transport {
        "--failover works with plain HTTP/1.1 only"
    } else if publishing.is_some_and(|publishing| publishing.style == PublishStyle::Ndjson) {
        "--publish-style ndjson sends all events in one request, which cannot go on elsewhere: leave \
         out --failover, or choose another style"
    } else {
        return Ok(());
    };
    Err(PlanError::Conflict(conflict))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Settings;

    #[test]
    fn failover_needs_another_server_and_requests_that_can_be_made_there() {
        let one = "'http://127.0.0.1:1/x'";
        let two = format!("[{one}, 'http://127.0.0.1:2/x']");
        let tls = "['https://127.0.0.1:1/x', 'https://127.0.0.1:2/x']";
        for (text, problem) in [
            (format!("subscribe = {two}"), ""),
            (format!("subscribe = [{one}]\npublish = {two}"), ""),
            (format!("subscribe = [{one}]\npublish = {one}"), "give --subscribe URL"),
            (format!("subscribe = {tls}"), "plain HTTP/1.1"),
            (format!("subscribe = {two}\nhttp = '2'"), "plain HTTP/1.1"),
            (format!("subscribe = {two}\npublish = {two}\npublish-style = 'ndjson'"), "ndjson"),
        ] {
            let text = format!("failover = true\n{text}");
            let settings = Settings::default().over_text(Path::new("scenario"), &text);
            let plan = settings.expect("a scenario").plan();
            match plan {
                Ok(_) => assert_eq!(problem, "", "{text}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!problem.is_empty() && error.contains(problem), "{text}: {error}");
                }
            }
        }
    }
}
