//! The hub under test: requests in either dialect, each with a bounded time and a description
//! that can be repeated by hand.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

use crate::answer::{Answer, shown, text};
use crate::outcome::{Checked, Stop};
use crate::stream::Subscription;
use crate::token::{Keys, detail, legacy_claims};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// draft-07, spoken by hubs before 1.0.
    Legacy,
    /// 1.0, draft-08.
    One,
}

/// What the caller says about the hub.
#[derive(Debug, Clone)]
pub struct Target {
    pub url: reqwest::Url,
    pub keys: Keys,
    /// Those without a token may read public events.
    pub anonymous: bool,
    /// An origin that the hub lets use credentials, if one is known.
    pub allowed_origin: Option<String>,
    /// For one request, and for the next event of a stream.
    pub patience: Duration,
}

/// The hub in one dialect.
#[derive(Debug, Clone)]
pub struct Hub {
    pub dialect: Dialect,
    pub target: Target,
    http: reqwest::Client,
}

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    hub: &'a Hub,
    method: &'static str,
    path: Option<String>,
    query: Vec<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What is encoded in a variable of a path (RFC 6570, section 3.2.2): all but the unreserved
/// characters, because a hub that announces a path leaves those as they are.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

impl Hub {
    pub fn new(target: Target, dialect: Dialect, http: reqwest::Client) -> Self {
        Self { dialect, target, http }
    }

    /// A topic that nobody has used before.
    pub fn fresh(&self) -> String {
        format!("https://conformance.example/{}", uuid::Uuid::new_v4())
    }

    /// The parameter of an exact selector.
    pub fn selector(&self) -> &'static str {
        if self.dialect == Dialect::One { "match" } else { "topic" }
    }

    /// A selector of all topics one segment below a topic.
    pub fn below(&self, topic: &str) -> (&'static str, String) {
        match self.dialect {
            Dialect::One => ("match_urlpattern", format!("{topic}/:name")),
            Dialect::Legacy => ("topic", format!("{topic}/{{name}}")),
        }
    }

    pub fn cursor_parameter(&self) -> &'static str {
        if self.dialect == Dialect::One { "last_event_id" } else { "lastEventID" }
    }

    pub fn cursor_header(&self) -> &'static str {
        if self.dialect == Dialect::One { "Mercure-Last-Event-ID" } else { "Last-Event-ID" }
    }

    /// A valid token with exactly these grants; of the other dialect if only that has a key, and
    /// none where the hub is open.
    pub fn token(&self, publish: &[&str], subscribe: &[&str]) -> Checked<Option<String>> {
        let keys = &self.target.keys;
        let one = keys.issuer.as_ref();
        let legacy = keys.legacy.as_ref();
        match (self.dialect, one, legacy) {
            (Dialect::One, Some(issuer), _) | (_, Some(issuer), None) => {
                let mut details = Vec::new();
                for (action, topics) in [("publish", publish), ("subscribe", subscribe)] {
                    if !topics.is_empty() {
                        details.push(detail(&[action], topics));
                    }
                }
                issuer.sign(&issuer.claims(&serde_json::Value::from(details))).map(Some)
            }
            (_, _, Some(key)) => {
                key.sign(Some("JWT"), &legacy_claims(publish, subscribe)).map(Some)
            }
            (_, None, None) => Ok(None),
        }
    }

    /// As [`Self::token`], where a check is of nothing but tokens.
    pub fn needed_token(&self, publish: &[&str], subscribe: &[&str]) -> Checked<String> {
        self.own_key()?;
        self.token(publish, subscribe)?.ok_or_else(|| Stop::skipped("no key given"))
    }

    /// That there is a key of this dialect.
    pub fn own_key(&self) -> Checked {
        let keys = &self.target.keys;
        let (given, flag) = match self.dialect {
            Dialect::One => {
                (keys.issuer.is_some(), "--issuer with --issuer-secret or --issuer-key")
            }
            Dialect::Legacy => (keys.legacy.is_some(), "--jwt-secret or --jwt-key"),
        };
        if given { Ok(()) } else { Err(Stop::skipped(format!("no key given ({flag})"))) }
    }

    pub fn call(&self, method: &'static str) -> Call<'_> {
        Call { hub: self, method, path: None, query: vec![], headers: vec![], body: None }
    }

    /// A subscription as whoever may read public events and nothing else.
    pub fn get(&self) -> Checked<Call<'_>> {
        self.reading("GET")
    }

    pub fn reading(&self, method: &'static str) -> Checked<Call<'_>> {
        if self.target.anonymous {
            return Ok(self.call(method));
        }
        let unrelated = self.fresh();
        Ok(self.call(method).bearer(self.token(&[], &[&unrelated])?.as_deref()))
    }

    pub async fn subscribe(&self, selectors: &[&str]) -> Checked<Subscription> {
        let name = self.selector();
        selectors.iter().fold(self.get()?, |call, value| call.query(name, value)).open().await
    }

    /// A publish with every grant.
    pub fn post(&self, fields: &[(&str, &str)]) -> Checked<Call<'_>> {
        Ok(self.call("POST").bearer(self.token(&["*"], &[])?.as_deref()).form(fields))
    }

    /// A publish that has to be accepted; its id.
    pub async fn publish(&self, fields: &[(&str, &str)]) -> Checked<String> {
        Ok(self.post(fields)?.send().await?.status(&[200])?.body)
    }
}

impl Call<'_> {
    /// Below the hub's own path.
    pub fn below(mut self, path: &str) -> Self {
        let hub = self.hub.target.url.path().trim_end_matches('/');
        self.path = Some(format!("{hub}{path}"));
        self
    }

    /// From the root of the host.
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    pub fn query(self, name: &str, value: &str) -> Self {
        let pair = format!("{}={}", encoded(name).replace("%5F", "_"), encoded(value));
        self.raw_query(&pair)
    }

    pub fn raw_query(mut self, pair: &str) -> Self {
        self.query.push(pair.to_owned());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bearer(self, token: Option<&str>) -> Self {
        match token {
            Some(token) => self.header("Authorization", &format!("Bearer {token}")),
            None => self,
        }
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
        self.raw_form(&fields.iter().map(pair).collect::<Vec<_>>().join("&"))
    }

    pub fn raw_form(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// A response whose body is read, unless it is a stream.
    pub async fn send(self) -> Checked<Answer> {
        let patience = self.hub.target.patience;
        let (sent, response) = self.exchange().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut answer = Answer { status, headers, body: String::new(), sent };
        if !answer.is_stream() {
            match tokio::time::timeout(patience, text(response)).await {
                Ok(Ok(body)) => answer.body = body,
                Ok(Err(error)) => return Err(answer.unlike("a whole body", &error.to_string())),
                Err(_) => return Err(answer.unlike("a whole body", "no end of it")),
            }
        }
        Ok(answer)
    }

    /// A stream that was accepted.
    pub async fn open(self) -> Checked<Subscription> {
        let patience = self.hub.target.patience;
        let (sent, response) = self.exchange().await?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(Subscription::new(response, sent, patience));
        }
        let body = tokio::time::timeout(patience, text(response)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        Err(Stop::failed(sent, "200 and a stream", format!("{status} {}", shown(&body))))
    }

    async fn exchange(self) -> Checked<(String, reqwest::Response)> {
        let mut url = self.hub.target.url.clone();
        if let Some(path) = &self.path {
            url.set_path(path);
        }
        url.set_query((!self.query.is_empty()).then(|| self.query.join("&")).as_deref());
        let sent = self.describe(&url);
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|error| Stop::failed(sent.clone(), "a method", error.to_string()))?;
        let mut request = self.hub.http.request(method, url);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_bytes());
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        match tokio::time::timeout(self.hub.target.patience, request.send()).await {
            Ok(Ok(response)) => Ok((sent, response)),
            Ok(Err(error)) => Err(Stop::failed(sent, "a response", format!("{error:?}"))),
            Err(_) => Err(Stop::failed(sent, "a response", "none in time")),
        }
    }

    /// The request in one line. Tokens are cut: they are long, and credentials.
    fn describe(&self, url: &reqwest::Url) -> String {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut line = format!("{} {}{}", self.method, url.path(), shown(&query));
        for (name, value) in &self.headers {
            let value = if ["Authorization", "Cookie"].contains(&name.as_str()) {
                format!("{}…", value.chars().take(40).collect::<String>())
            } else {
                shown(value)
            };
            line.push_str(&format!(" [{name}: {value}]"));
        }
        if let Some(body) = &self.body {
            line.push_str(&format!(" {}", shown(body)));
        }
        line
    }
}
