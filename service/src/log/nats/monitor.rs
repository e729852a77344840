//! Whether the brokers write to their disks before they confirm: only their monitoring ports say that.

use std::time::Duration;

use reqwest::{Client, redirect};
use serde::Deserialize;
use url::Url;

use super::settings::NatsLogSettings;

const WAIT_MAX: Duration = Duration::from_secs(2);
/// Far more than a broker says of itself.
const BYTES_MAX: usize = 1 << 20;

/// What a broker says of itself (`/varz`), as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Varz {
    #[serde(default)]
    server_name: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Debug, Default, Deserialize)]
struct JetStream {
    config: Option<JetStreamConfig>,
}

#[derive(Debug, Default, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

/// What is known of the syncs of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum BrokerSyncs {
    Always,
    Later { broker: String },
    Unknown { reason: String },
}

/// Warns of each broker that may lose what it confirmed in a power failure, and where that cannot be seen.
pub(super) async fn see_syncs(settings: &NatsLogSettings) {
    if settings.monitors.is_empty() {
        tracing::warn!(
            "it cannot be seen whether the brokers write to their disks before they confirm; see to it that their configuration says `sync_interval: always`, and give their monitoring ports with --nats-monitor"
        );
        return;
    }
    for url in &settings.monitors {
        match syncs_of(url).await {
            BrokerSyncs::Always => tracing::debug!(%url, "the broker syncs before it confirms"),
            BrokerSyncs::Later { broker } => tracing::warn!(
                broker,
                "the broker confirms events before they are on its disk, and a power failure can take them; write `sync_interval: always` into the jetstream part of its configuration"
            ),
            BrokerSyncs::Unknown { reason } => tracing::warn!(
                %url,
                reason,
                "it cannot be seen whether the broker writes to its disk before it confirms; see to it that its monitoring port (`http_port`) can be reached"
            ),
        }
    }
}

async fn syncs_of(url: &Url) -> BrokerSyncs {
    match ask(url).await {
        Ok(body) => read(&body),
        Err(error) => BrokerSyncs::Unknown { reason: error.to_string() },
    }
}

fn read(body: &[u8]) -> BrokerSyncs {
    match serde_json::from_slice(body) {
        Ok(Varz { jetstream: JetStream { config: Some(config) }, server_name }) => {
            if config.sync_always {
                BrokerSyncs::Always
            } else {
                BrokerSyncs::Later { broker: server_name }
            }
        }
        Ok(_) => BrokerSyncs::Unknown { reason: "it says nothing of JetStream".to_owned() },
        Err(error) => BrokerSyncs::Unknown { reason: error.to_string() },
    }
}

async fn ask(url: &Url) -> Result<Vec<u8>, reqwest::Error> {
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(WAIT_MAX).build()?;
    let mut url = url.clone();
    url.set_path("/varz");
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while body.len() <= BYTES_MAX
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_says_whether_it_syncs_before_it_confirms() {
        let later = BrokerSyncs::Later { broker: "a".to_owned() };
        let cases = [
            (
                r#"{"server_name":"a","jetstream":{"config":{"sync_always":true}}}"#,
                BrokerSyncs::Always,
            ),
            (r#"{"server_name":"a","jetstream":{"config":{"sync_interval":120}}}"#, later),
        ];
        for (body, expected) in cases {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
        for body in [r#"{"jetstream":{}}"#, "{}", "", "<html>"] {
            assert!(matches!(read(body.as_bytes()), BrokerSyncs::Unknown { .. }), "{body}");
        }
    }
}
