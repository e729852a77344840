//! Where brokers are, and what a stream is called.

use std::str::FromStr;

use url::Url;

/// The URL of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct BrokerUrl(String);

impl BrokerUrl {
    pub(in crate::config) fn into_text(self) -> String {
        self.0
    }
}

impl FromStr for BrokerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let url: Result<Url, _> = text.parse();
        let url = url.map_err(|_| "is no URL; write one such as nats://127.0.0.1:4222")?;
        if !["nats", "tls"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(
                "has to begin with nats:// or tls://; write one such as nats://127.0.0.1:4222",
            );
        }
        // It would stand in every list of processes.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "has a user or a password; give a file with --nats-user-file or --nats-credentials, and write a URL such as nats://127.0.0.1:4222",
            );
        }
        if !["", "/"].contains(&url.path()) || url.query().is_some() || url.fragment().is_some() {
            return Err("has more than a host and a port; write one such as nats://127.0.0.1:4222");
        }
        Ok(Self(text.to_owned()))
    }
}

/// The URL of a broker's monitoring port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct MonitorUrl(Url);

impl MonitorUrl {
    pub(in crate::config) fn into_url(self) -> Url {
        self.0
    }
}

impl FromStr for MonitorUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const UNFIT: &str =
            "is no URL of a monitoring port; write one such as http://127.0.0.1:8222";
        let url: Url = text.parse().map_err(|_| UNFIT)?;
        let is_plain = ["", "/"].contains(&url.path())
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_plain {
            return Err(UNFIT);
        }
        Ok(Self(url))
    }
}

/// The name of a stream, which is a part of its subject too.
///
/// # Errors
/// When it is none, with an example of one.
pub(in crate::config) fn stream_name(text: &str) -> Result<String, &'static str> {
    const UNFIT: &str = "no name of a stream; write 1 to 32 letters, digits, - and _ that begin with a letter, such as fanfare";
    let text = text.trim();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins && text.len() <= 32 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(UNFIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_by_a_url_without_secrets() {
        for text in ["nats://127.0.0.1:4222", "tls://broker.example", "nats://[::1]:4222"] {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().into_text(), text);
        }
        let refused = [
            ("broker:4222", "begin with nats://"),
            ("http://broker:4222", "begin with nats://"),
            ("nats://", "begin with nats://"),
            ("nats://me:secret@broker", "--nats-credentials"),
            ("nats://broker/path", "a host and a port"),
            ("", "is no URL"),
        ];
        for (text, expected) in refused {
            let error = text.parse::<BrokerUrl>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_monitoring_port_is_named_by_a_url_of_a_host() {
        for text in ["http://127.0.0.1:8222", "https://broker.example/", "http://[::1]:8222"] {
            assert!(text.parse::<MonitorUrl>().is_ok(), "{text}");
        }
        for text in
            ["", "broker:8222", "nats://broker:8222", "http://broker/varz", "http://me@broker"]
        {
            assert!(text.parse::<MonitorUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stream_has_a_name_that_a_subject_can_have() {
        assert_eq!(stream_name(" push_eu-1 "), Ok("push_eu-1".to_owned()));
        for text in ["", "1a", "a.b", "a b", "a*", &"a".repeat(33)] {
            assert!(stream_name(text).is_err(), "{text}");
        }
    }
}
