//! What one client may take, and who says which client a request comes from.

use clap::Args;

use crate::config::values::{Listed, Rate, count, rate};
use crate::http::{ClientLimitSettings, PublishRate, TrustedProxy};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits of each client")]
pub(super) struct ClientLimitFlags {
    /// Address or network of a proxy whose Forwarded, X-Forwarded-For and X-Forwarded-Proto are
    /// believed, such as 10.0.0.0/8, or unix for those on Unix sockets; may be given several times (or
    /// separated by commas)
    #[arg(
        long = "trusted-proxy",
        env = "FANFARE_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    trusted_proxies: Vec<Listed<TrustedProxy>>,
    /// The most streams that one address may have open, or one network of IPv6 (/64); 0 for no limit
    #[arg(long, env = "FANFARE_STREAMS_PER_ADDRESS", value_name = "N",
          value_parser = count(0..=usize::MAX), default_value_t = 0)]
    streams_per_address: usize,
    /// The most streams that may be open with tokens for the same subject; 0 for no limit
    #[arg(long, env = "FANFARE_STREAMS_PER_TOKEN", value_name = "N",
          value_parser = count(0..=usize::MAX), default_value_t = 0)]
    streams_per_token: usize,
    /// The most selectors that all streams with tokens for the same subject may have together; 0 for no
    /// limit
    #[arg(long, env = "FANFARE_SUBSCRIPTIONS_PER_TOKEN", value_name = "N",
          value_parser = count(0..=usize::MAX), default_value_t = 0)]
    subscriptions_per_token: usize,
    /// How many events a second each address, and each token, may publish; for a minute or an hour, such
    /// as 30/m; 0 for no limit
    #[arg(long, env = "FANFARE_PUBLISH_RATE", value_name = "N[/s]",
          value_parser = rate, default_value = "0")]
    publish_rate: Rate,
    /// How many events may be published at once after a pause, where --publish-rate is given
    #[arg(long, env = "FANFARE_PUBLISH_BURST", value_name = "N",
          value_parser = count(1..=u32::MAX), default_value_t = 100)]
    publish_burst: u32,
}

impl ClientLimitFlags {
    /// `connections_per_address` limits the requests of those who come through a proxy.
    pub(super) fn settings(&self, connections_per_address: Option<usize>) -> ClientLimitSettings {
        let limit = |number: usize| (number > 0).then_some(number);
        let burst = self.publish_burst;
        ClientLimitSettings {
            proxies: Listed::all(&self.trusted_proxies).into_iter().collect(),
            requests_per_address_max: connections_per_address,
            streams_per_address_max: limit(self.streams_per_address),
            streams_per_token_max: limit(self.streams_per_token),
            subscriptions_per_token_max: limit(self.subscriptions_per_token),
            publish_rate: self
                .publish_rate
                .interval
                .map(|interval| PublishRate { interval, burst }),
        }
    }
}
