//! What a person sees while a run goes on: a live view on a terminal, one line a second elsewhere.
//! Both go to standard error, so that standard output holds the report and nothing else.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measure::Compact;
use crate::numbers;
use crate::readers::Progress;
use crate::run::{Phase, Running, View};

/// The view that fits where standard error goes.
pub(crate) fn of_stderr(is_quiet: bool) -> Box<dyn View> {
    if is_quiet {
        Box::new(Silence)
    } else if io::stderr().is_terminal() {
        Box::new(Live::new())
    } else {
        Box::new(Lines::default())
    }
}

/// Nothing.
#[derive(Debug)]
pub(crate) struct Silence;

impl View for Silence {
    fn ramp(&mut self, _: &Progress, _: u64) {}
    fn running(&mut self, _: &Running<'_>) {}
    fn end(&mut self) {}
    fn closed(&mut self, _: &Running<'_>) {}
}

/// What has come since the last line.
#[derive(Default)]
struct Since {
    at: Option<Instant>,
    deliveries: u64,
    latency: Compact,
}

impl Since {
    /// Deliveries a second since the last call, and the latencies of that time, when a second is
    /// over.
    fn take(&mut self, progress: &Progress, every: Duration) -> Option<(f64, Compact)> {
        self.latency.merge(&progress.latency);
        let now = Instant::now();
        let before = *self.at.get_or_insert(now);
        let time = now - before;
        if time < every {
            return None;
        }
        let deliveries = progress.deliveries();
        let rate = deliveries.saturating_sub(self.deliveries) as f64 / time.as_secs_f64();
        self.at = Some(now);
        self.deliveries = deliveries;
        Some((rate, std::mem::take(&mut self.latency)))
    }
}

fn quantiles(latency: &Compact) -> String {
    if latency.count() == 0 {
        return "p50 –  p99 –".to_owned();
    }
    let at = |quantile| numbers::ms(crate::result::milliseconds(latency.quantile(quantile)));
    format!("p50 {}  p99 {}", at(0.5), at(0.99))
}

fn troubles(progress: &Progress, refused: u64) -> String {
    let mut text = String::new();
    for (count, what) in [
        (progress.wrong(), "wrong"),
        (progress.failures, "failed"),
        (refused, "refused"),
        (progress.counts.reconnects, "reconnects"),
    ] {
        if count > 0 {
            text.push_str(&format!("  {} {what}", numbers::count(count)));
        }
    }
    text
}

/// One line a second.
#[derive(Default)]
struct Lines {
    ramp: Since,
    since: Since,
    complete: bool,
}

impl View for Lines {
    fn ramp(&mut self, progress: &Progress, requested: u64) {
        let all = progress.counts.connected + progress.counts.gave_up >= requested;
        let first_time = all && !std::mem::replace(&mut self.complete, all);
        if self.ramp.take(progress, Duration::from_secs(1)).is_some() && !all || first_time {
            say(&format!(
                "connecting  {} of {}{}",
                numbers::count(progress.counts.connected),
                numbers::count(requested),
                troubles(progress, 0)
            ));
        }
    }

    fn running(&mut self, state: &Running<'_>) {
        if let Some((rate, latency)) = self.since.take(state.progress, Duration::from_secs(1)) {
            say(&line(state, rate, &latency));
        }
    }

    fn end(&mut self) {}

    fn closed(&mut self, _: &Running<'_>) {}
}

fn line(state: &Running<'_>, rate: f64, latency: &Compact) -> String {
    let progress = state.progress;
    let phase = match progress.behind {
        Some(0) if state.phase == Phase::Tail && progress.absent > 0 => {
            format!("waiting for {} to reconnect", numbers::quantity(progress.absent, "subscriber"))
        }
        Some(0) if state.phase == Phase::Tail => "waiting for the end".to_owned(),
        Some(1) if state.phase == Phase::Tail => "waiting for 1 delivery".to_owned(),
        Some(behind) if state.phase == Phase::Tail => {
            format!("waiting for {} deliveries", numbers::count(behind))
        }
        _ => {
            format!("{:>3.0} s of {:.0} s", state.elapsed.as_secs_f64(), state.length.as_secs_f64())
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    let rate = rate.max(0.0).round() as u64;
    // Without publishers of its own, loadgen does not know what is sent.
    let sent = state
        .publishing
        .map_or_else(String::new, |_| format!("  {} sent", numbers::count(state.sent())));
    format!(
        "{phase}  {} streams{sent}  {} deliveries/s  {}{}",
        numbers::count(progress.open),
        numbers::count(rate),
        quantiles(latency),
        troubles(progress, state.refused())
    )
}

fn say(line: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A bar that is redrawn.
struct Live {
    bar: ProgressBar,
    since: Since,
    text: String,
    is_running: bool,
}

impl Live {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        Self { bar, since: Since::default(), text: String::new(), is_running: false }
    }

    fn style(&self, template: &str) {
        // A constant; the plain bar would do as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
    }
}

impl View for Live {
    fn ramp(&mut self, progress: &Progress, requested: u64) {
        if self.bar.length() != Some(requested) {
            self.style("{spinner} connecting {bar:30.cyan/dim} {human_pos} of {human_len}{msg}");
            self.bar.set_length(requested);
        }
        self.bar.set_message(troubles(progress, 0));
        self.bar.set_position(progress.counts.connected);
    }

    fn running(&mut self, state: &Running<'_>) {
        if !std::mem::replace(&mut self.is_running, true) {
            self.style("{spinner} {prefix} {bar:30.green/dim} {percent:>3} %\n  {msg}");
            self.bar.set_position(0);
            self.bar.set_prefix("publishing");
            self.bar.set_length(u64::try_from(state.length.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        if state.phase == Phase::Tail {
            self.bar.set_prefix("tail      ");
        }
        if let Some((rate, latency)) = self.since.take(state.progress, Duration::from_millis(500)) {
            self.text = line(state, rate, &latency);
        }
        self.bar.set_message(self.text.clone());
        let elapsed = u64::try_from(state.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_position(elapsed.min(self.bar.length().unwrap_or(u64::MAX)));
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn closed(&mut self, _: &Running<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_figures_only_of_what_is_measured() {
        let progress = |behind, absent| Progress { behind, absent, ..Progress::default() };
        let shown =
            |phase, progress: &Progress, publishing: Option<&crate::publish::PublishProgress>| {
                let (elapsed, length) = (Duration::from_secs(2), Duration::from_secs(5));
                line(
                    &Running { progress, phase, elapsed, length, publishing },
                    0.0,
                    &Compact::default(),
                )
            };
        let publish_progress = crate::publish::PublishProgress::default();
        let rest = "  0 streams  0 sent  0 deliveries/s  p50 –  p99 –";
        for (behind, absent, begin) in [
            (Some(0), 0, "waiting for the end"),
            (Some(0), 1, "waiting for 1 subscriber to reconnect"),
            (Some(1), 0, "waiting for 1 delivery"),
            (Some(2000), 3, "waiting for 2,000 deliveries"),
        ] {
            let line = shown(Phase::Tail, &progress(behind, absent), Some(&publish_progress));
            assert_eq!(line, format!("{begin}{rest}"));
        }
        let line = shown(Phase::Measuring, &progress(None, 0), None);
        assert_eq!(line, "  2 s of 5 s  0 streams  0 deliveries/s  p50 –  p99 –");
    }
}
