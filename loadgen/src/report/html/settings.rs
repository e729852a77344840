//! Where and how the run was made, folded away, and how to read the page.
//!
//! Two runs can be compared only if these agree, but they are not what is read first.
//! Settings come from users and stay as they wrote them.

use maud::{Markup, html};

use crate::numbers;
use crate::result::{Environment, Run};

use super::table::{self, TableRow};

pub(super) fn section(run: &Run) -> Markup {
    let setting = |(name, value): (&String, &serde_json::Value)| -> TableRow {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), vec![value])
    };
    let settings: Vec<TableRow> = run.settings.iter().map(setting).collect();
    let environment = environment(run);
    html! {
        section {
            h3 { "Environment and settings" }
            @if !environment.is_empty() {
                details {
                    summary { "Environment" }
                    (table::facts(&environment))
                }
            }
            @if !settings.is_empty() {
                details {
                    summary { "Settings" }
                    (table::words_table("Settings in effect", &[], &settings))
                }
            }
        }
    }
}

fn environment(run: &Run) -> Vec<(&'static str, String)> {
    let Environment { loadgen, command, cpu, kernel, clock_source, boot_id, limits, .. } =
        &run.environment;
    let machine = &run.environment;
    let some = |n: u64, text: String| if n > 0 { text } else { String::new() };
    let (first, last) = limits.local_ports;
    let facts = [
        ("loadgen", loadgen.clone()),
        ("Command", command.join(" ")),
        ("Run", run.run_id.clone()),
        ("Scenario", run.scenario_hash.clone()),
        ("Processor", cpu.clone()),
        ("Cores it may use", some(machine.cores, numbers::count(machine.cores))),
        ("Memory", some(machine.memory, numbers::size(machine.memory))),
        ("Kernel", kernel.clone()),
        ("Clock source", clock_source.clone()),
        ("Boot", boot_id.clone()),
        ("Open files", some(limits.open_files, numbers::count(limits.open_files))),
        ("Local ports", some(last.into(), format!("{first} to {last}"))),
        ("Backlog", some(limits.backlog, numbers::count(limits.backlog))),
        ("Receive buffers (bytes)", limits.receive_buffer.clone()),
        ("Send buffers (bytes)", limits.send_buffer.clone()),
    ];
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect()
}

/// What a reader must know to read the figures rightly.
pub(super) fn how_to_read() -> Markup {
    html! {
        section.guide {
            h2 { "How to read this" }
            dl {
                div {
                    dt { "Intended and actual" }
                    dd {
                        "Intended latency counts from the moment an event was due; it is what "
                        "a user would have seen. Actual latency counts from the moment its "
                        "publish call began. When a server stalls, the publisher waits with "
                        "it, and the events it could not send look fast: that is coordinated "
                        "omission. Judge a server by the intended."
                    }
                }
                div {
                    dt { "Loopback" }
                    dd {
                        "Where a run is marked so, generator and server were on one machine: "
                        "there was no network between them, and they shared its processors. "
                        "Compare such figures only with others of the same machine."
                    }
                }
                div {
                    dt { "Percentiles" }
                    dd {
                        "They come from histograms that were merged over all workers and never "
                        "from averages of percentiles. A dash means that there were too few "
                        "values for that percentile to say more than the largest."
                    }
                }
                div {
                    dt { "Counting undelivered as infinite" }
                    dd {
                        "A server that loses its slowest events looks faster than it is. In "
                        "this row they count, as events that take for ever."
                    }
                }
            }
        }
    }
}
