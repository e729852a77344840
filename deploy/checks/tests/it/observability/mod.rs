//! What an operator sees: metrics, dashboards and rules, held against each other and against a real
//! Prometheus that watches a real server under load.

mod server;
