//! The chart of `deploy/helm/fanfare`, as Helm renders it with a table of values: that Kubernetes takes what it
//! makes, that the server takes its settings, and that what cannot work is refused with the next step.

mod described;
mod manifests;
mod monitoring;
mod promises;
mod refusals;
mod release;
mod schemas;
mod settings;
