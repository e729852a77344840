//! Nothing but tests: what operators get is used here as they would use it.
//!
//! `tests/it/observability` holds the metrics, dashboards and rules against each other and against a
//! real Prometheus; `tests/it/deploying` holds the files of `deploy/` against their own linters and
//! schemas, and puts real proxies in front of real servers.
