//! What an operator sees: metrics, dashboards and rules, held against each other and against a real
//! Prometheus that watches a real server under load.
//!
//! From what needs nothing to what needs everything: the files by themselves (`dashboards`, `rules`,
//! `provisioning`), their names against what the programs export (`names`), Prometheus's own checks
//! (`promtool`), the numbers that queries give for invented series (`figures`), and a server, a load
//! generator and a Prometheus at work (`live`, `alerting`).

mod alerting;
mod dashboards;
mod exported;
mod figures;
mod live;
mod names;
mod open_metrics;
mod prometheus;
mod promql;
mod promtool;
mod provisioning;
mod rules;
mod server;
mod visitor;
