//! What a run found, for a person to read.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Flags;
use super::subscribers::Counts;

pub(crate) struct Report {
    pub(crate) flags: Flags,
    pub(crate) events: u64,
    pub(crate) acknowledged: u64,
    pub(crate) counts: Counts,
    pub(crate) latency: Histogram<u64>,
    pub(crate) elapsed: Duration,
    pub(crate) connect_time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) empty_bytes: u64,
    pub(crate) idle_bytes: u64,
    pub(crate) busy_bytes: u64,
}

impl Report {
    /// Everything arrived, once and in order.
    pub(crate) fn is_complete(&self) -> bool {
        let expected = self.events * self.flags.subscribers as u64;
        self.counts.received == expected && self.counts.missing == 0 && self.counts.repeated == 0
    }

    #[expect(clippy::print_stdout, reason = "the report is what the program is for")]
    pub(crate) fn print(&self) {
        let Flags { subscribers, rate, seconds, payload, .. } = self.flags;
        let Counts { received, missing, repeated } = self.counts;
        let expected = self.events * subscribers as u64;
        let ms = |quantile: f64| self.latency.value_at_quantile(quantile) as f64 / 1e6;
        let each =
            |bytes: u64| bytes.saturating_sub(self.empty_bytes) / (subscribers as u64).max(1);
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!("{subscribers} subscribers, {rate} events/s of {payload} bytes for {seconds} s");
        println!(
            "  connected     {:.2} s ({:.0} a second)",
            self.connect_time.as_secs_f64(),
            subscribers as f64 / self.connect_time.as_secs_f64()
        );
        println!("  published     {} of {}", self.acknowledged, self.events);
        println!(
            "  delivered     {received} of {expected}; missing {missing}, repeated {repeated}"
        );
        println!("  deliveries    {:.0} a second", received as f64 / self.elapsed.as_secs_f64());
        println!(
            "  server CPU    {:.2} µs a delivery ({:.1} s in all)",
            self.cpu.as_secs_f64() * 1e6 / received.max(1) as f64,
            self.cpu.as_secs_f64()
        );
        println!(
            "  latency       p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms (from when it was due)",
            ms(0.5),
            ms(0.9),
            ms(0.99),
            self.latency.max() as f64 / 1e6
        );
        println!(
            "  memory        {:.1} MiB empty, {:.1} MiB idle ({} bytes a subscriber), {:.1} MiB after the run ({} bytes a subscriber)",
            mib(self.empty_bytes),
            mib(self.idle_bytes),
            each(self.idle_bytes),
            mib(self.busy_bytes),
            each(self.busy_bytes)
        );
        println!("{}", if self.is_complete() { "complete: none lost" } else { "INCOMPLETE" });
    }
}

#[expect(clippy::print_stderr, reason = "there is no log in a measuring program")]
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("fanout: {error:#}");
}
