//! What the generator itself cost, and what the server cost.
//!
//! The load generator comes first: the first doubt about a value is whether it was the limit.
//! Of the server's metrics only those that changed are in a result.

use maud::{Markup, html};

use crate::numbers;
use crate::result::{Run, Server, ServerProcess};

use super::table::{self, TableRow};

/// More rows of metrics than a person reads; the result file has them all.
const MOST_METRICS: usize = 200;

pub(super) fn section(run: &Run) -> Markup {
    html! {
        (generator(run))
        @if let Some(server) = &run.server { (cost_of_server(server)) }
    }
}

fn generator(run: &Run) -> Markup {
    let own = &run.own;
    let workers: Vec<TableRow> = own
        .workers
        .iter()
        .map(|worker| {
            let waiting = worker.waiting.map(numbers::percent);
            let cells = vec![
                numbers::percent(worker.cpu),
                waiting.unwrap_or_else(|| numbers::ABSENT.to_owned()),
                numbers::count(worker.deliveries),
            ];
            (worker.name.clone(), cells)
        })
        .collect();
    let head = ["Worker", "Of a core", "Waited for a core", "Deliveries"].map(str::to_owned);
    html! {
        section {
            h3 { "The load generator itself" }
            p.remark {
                "A load generator that is late or short of CPU measures itself. These figures say "
                "how far that was so." @if own.memory > 0 {
                    " It held " (numbers::size(own.memory)) " of memory at the end."
                }
            }
            (table::figures_table("Workers, while publishing", &head, &workers))
            (table::percentiles("Delay that the load generator added", &[
                ("Data waited to be read", own.reading_lag.as_ref()),
                ("Timers ran late", own.timer_lateness.as_ref()),
            ]))
        }
    }
}

fn cost_of_server(server: &Server) -> Markup {
    let rows = server.process.as_ref().map(process).unwrap_or_default();
    let metrics = &server.metrics;
    let change = |metric: &crate::result::MetricChange| -> TableRow {
        let cells = [metric.before, metric.after, metric.after - metric.before];
        (metric.series.clone(), cells.map(numbers::plain).into())
    };
    let shown: Vec<TableRow> = metrics.iter().take(MOST_METRICS).map(change).collect();
    let head = ["Series", "Before", "After", "Change"].map(str::to_owned);
    html! {
        section {
            h3 { "The server" }
            (table::facts(&rows))
            @for note in &server.notes { p.remark { (note) } }
            @if !metrics.is_empty() {
                details {
                    summary { "Metrics that changed (" (metrics.len()) ")" }
                    (table::figures_table("Of the server's metrics page", &head, &shown))
                    @if metrics.len() > MOST_METRICS {
                        p.remark {
                            "The first " (MOST_METRICS) " are shown; the result file has all."
                        }
                    }
                }
            }
        }
    }
}

fn process(process: &ServerProcess) -> Vec<(&'static str, String)> {
    let us = |us: f64| format!("{} µs", numbers::number(us));
    let rows = [
        ("Command", Some(process.command.clone())),
        ("Process", Some(process.pid.to_string())),
        ("CPU", Some(numbers::seconds(process.cpu_seconds))),
        ("CPU for each delivery", process.cpu_us_per_delivery.map(us)),
        ("CPU for each connection", process.cpu_us_per_connection.map(us)),
        ("Memory before", Some(numbers::size(process.memory_before))),
        ("Memory with all connected", Some(numbers::size(process.memory_connected))),
        ("Memory at the end", Some(numbers::size(process.memory_after))),
        ("Memory for each subscriber", process.memory_per_subscriber.map(numbers::bytes)),
        ("Sockets in the kernel before", process.sockets_before.map(numbers::size)),
        ("Sockets with all connected", process.sockets_connected.map(numbers::size)),
        ("Sockets at most", process.sockets_peak.map(numbers::size)),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::result::MetricChange;

    #[test]
    fn no_more_metrics_are_shown_than_anyone_reads() {
        let mut server = sample::run().server.expect("there");
        let metric = |at: usize| MetricChange { series: at.to_string(), before: 0.0, after: 1.0 };
        server.metrics = (0..500).map(metric).collect();
        let page = cost_of_server(&server).into_string();
        assert!(page.contains(">199<") && !page.contains(">200</th>"));
        assert!(page.contains("Metrics that changed (500)"));
    }
}
