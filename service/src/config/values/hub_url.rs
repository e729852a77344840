//! The URL by which clients know the hub.

use std::str::FromStr;

use url::Url;

use crate::http::HostName;

/// The path of the hub, for a URL that is an origin alone.
const PATH: &str = "/.well-known/mercure";

/// The URL of the hub as a whole, whose path may have been left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct HubUrl(Url);

impl HubUrl {
    pub(in crate::config) fn into_url(self) -> Url {
        self.0
    }
}

impl FromStr for HubUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let url: Result<Url, _> = text.parse();
        let mut url = url.map_err(|_| "is no URL; write one such as https://push.example")?;
        let host = url.host_str().and_then(|host| host.parse::<HostName>().ok());
        let host = host.ok_or("has no host; write one such as https://push.example")?;
        // Without TLS a token could be read by anybody on its way.
        if url.scheme() != "https" && !(url.scheme() == "http" && host.is_loopback()) {
            return Err(
                "is not https, and http is for loopback only, because tokens could be read on their way; write one such as https://push.example",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user or a password; write one such as https://push.example");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment; write one such as https://push.example");
        }
        match url.path() {
            "" | "/" => url.set_path(PATH),
            PATH => {}
            _ => {
                return Err(
                    "has another path than /.well-known/mercure, where the hub is; write one such as https://push.example",
                );
            }
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_alone_is_the_hub_at_its_usual_path() {
        for text in [
            "https://push.example",
            "https://PUSH.example:443/",
            "https://push.example/.well-known/mercure",
        ] {
            let url = text.parse::<HubUrl>().unwrap().into_url();
            assert_eq!(url.as_str(), "https://push.example/.well-known/mercure", "{text}");
        }
        assert!("http://127.0.0.1:8080".parse::<HubUrl>().is_ok());
        assert!("http://localhost:8080".parse::<HubUrl>().is_ok());
    }

    #[test]
    fn a_url_that_clients_cannot_have_is_refused() {
        let cases = [
            ("push.example", "is no URL"),
            ("https://", "is no URL"),
            ("urn:hub", "has no host"),
            ("http://push.example", "is not https"),
            ("ftp://push.example", "is not https"),
            ("https://push.example/hub", "another path"),
            ("https://user@push.example", "a user"),
            ("https://:pw@push.example", "a user"),
            ("https://push.example/?a", "a query"),
            ("https://push.example/#a", "a fragment"),
        ];
        for (text, expected) in cases {
            let problem = text.parse::<HubUrl>().unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
