//! This host's processor and memory, every second, as they really are.

use std::time::Duration;

use serde::Serialize;
use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind};

use super::source::{NextEvent, Source};

const MB: f64 = 1_048_576.0;

/// Samples the host.
#[derive(Debug)]
pub(super) struct System {
    host: sysinfo::System,
}

#[derive(Debug, Serialize)]
struct Sample {
    cpu_percent: f64,
    memory_percent: f64,
    memory_used_mb: f64,
    memory_total_mb: f64,
}

impl System {
    pub(super) fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self { host: sysinfo::System::new()? })
    }

    fn sample(&mut self) -> Sample {
        self.host.refresh_cpu_usage();
        self.host.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        sample(
            f64::from(self.host.global_cpu_usage()),
            self.host.used_memory() as f64,
            self.host.total_memory() as f64,
        )
    }
}

impl Source for System {
    /// Use of the processor is a difference, so there have to be two looks at it.
    fn begin(&mut self) -> Duration {
        self.host.refresh_cpu_usage();
        MINIMUM_CPU_UPDATE_INTERVAL
    }

    fn next(&mut self) -> NextEvent {
        NextEvent::unnamed(serde_json::to_string(&self.sample()).unwrap_or_default())
    }

    fn pause(&mut self) -> Duration {
        Duration::from_secs(1)
    }
}

fn sample(cpu_percent: f64, used_bytes: f64, total_bytes: f64) -> Sample {
    let memory_percent = if total_bytes > 0.0 { used_bytes / total_bytes * 100.0 } else { 0.0 };
    Sample {
        cpu_percent: rounded(cpu_percent.clamp(0.0, 100.0), 1),
        memory_percent: rounded(memory_percent, 1),
        memory_used_mb: rounded(used_bytes / MB, 2),
        memory_total_mb: rounded(total_bytes / MB, 2),
    }
}

/// Rounds to a number of decimals.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_one_decimal_and_megabytes_two() {
        let sample = sample(12.54, 6_914_500_000.0, 16_790_000_000.0);
        let json = serde_json::to_string(&sample).unwrap();
        let expected = r#"{"cpu_percent":12.5,"memory_percent":41.2,"memory_used_mb":6594.18,"memory_total_mb":16012.19}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn the_values_of_this_host_are_plausible() {
        let mut system = System::new().unwrap();
        system.begin();
        let sample = system.sample();
        assert!((0.0..=100.0).contains(&sample.cpu_percent), "{sample:?}");
        assert!(sample.memory_used_mb > 0.0, "{sample:?}");
        assert!(sample.memory_used_mb < sample.memory_total_mb, "{sample:?}");
    }
}
