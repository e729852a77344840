//! AdminClient the admin listener, and what is wrong when it does not answer.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::runtime::{self, Runtime};
use url::Url;

use super::status::{ServerStatus, StatusSample};
use crate::config::TopSettings;

/// How long the server may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many of the slowest streams are asked for.
const STREAMS: usize = 100;

/// Why a server cannot be watched.
#[derive(Debug, Error)]
pub enum TopError {
    /// Nobody answers there.
    #[error(
        "cannot reach {admin} ({reason}); is the server running, and is this its --admin-listen? Give its address with --admin"
    )]
    Unreachable {
        /// The admin listener.
        admin: Url,
        /// What the system said.
        reason: String,
    },
    /// It does not answer in time.
    #[error("{admin} did not answer within 5 s; the server is stuck, or its machine is overloaded")]
    TimedOut {
        /// The admin listener.
        admin: Url,
    },
    /// It answers something else.
    #[error(
        "{url} is no page of an admin listener of Fanfare ({what}); give the address of --admin-listen with --admin, not that of --listen"
    )]
    NotFanfare {
        /// What was requested.
        url: String,
        /// What it answered.
        what: String,
    },
    /// It does not let us.
    #[error("{url} answered {status}: {detail}{advice}")]
    NotAllowed {
        /// What was requested.
        url: String,
        /// Its status.
        status: StatusCode,
        /// What it says.
        detail: String,
        /// What would do.
        advice: &'static str,
    },
    /// There is no runtime, or no terminal, to be had.
    #[error("cannot use the terminal or the network: {0}; `fanfare top --once` needs no terminal")]
    Io(#[from] io::Error),
}

/// Asks one server.
#[derive(Debug)]
pub(super) struct AdminClient {
    client: Client,
    runtime: Runtime,
    settings: TopSettings,
}

impl AdminClient {
    pub(super) fn new(settings: &TopSettings) -> Result<Self, TopError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::builder().timeout(TIMEOUT).no_proxy().build();
        let client = client.map_err(io::Error::other)?;
        Ok(Self { client, runtime, settings: settings.clone() })
    }

    /// Both pages. That the streams are not to be seen is no error, unless a token was to prove that
    /// they are.
    pub(super) fn sample(&self) -> Result<StatusSample, TopError> {
        let server_json = self.get("status")?;
        let server: ServerStatus = read(&self.url("status"), &server_json)?;
        let path = format!("streams?sort=lag&limit={STREAMS}");
        let (streams, streams_json) = match self.get(&path) {
            Ok(json) => (Ok(read(&self.url(&path), &json)?), json),
            Err(TopError::NotAllowed { detail, advice, .. }) if self.settings.token.is_none() => {
                (Err(format!("{detail}{advice}")), Value::Null)
            }
            Err(error) => return Err(error),
        };
        Ok(StatusSample { server, server_json, streams, streams_json })
    }

    fn url(&self, path: &str) -> Url {
        let admin = &self.settings.admin;
        admin.join(path).unwrap_or_else(|_| admin.clone())
    }

    fn get(&self, path: &str) -> Result<Value, TopError> {
        let url = self.url(path);
        let mut request = self.client.get(url.clone());
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            Ok((response.status(), response.bytes().await?))
        });
        let (status, body) = answer.map_err(|error: reqwest::Error| self.no_answer(&error))?;
        let json = serde_json::from_slice::<Value>(&body).ok();
        match (status, json) {
            (StatusCode::OK, Some(json)) => Ok(json),
            (StatusCode::OK, None) => {
                Err(TopError::NotFanfare { url: url.into(), what: "it is no JSON".to_owned() })
            }
            // The public listener has problems of the same form, and no such pages.
            (status, Some(problem))
                if status != StatusCode::NOT_FOUND && problem["detail"].is_string() =>
            {
                Err(self.refused(url, status, problem["detail"].as_str().unwrap_or_default()))
            }
            (status, _) => {
                Err(TopError::NotFanfare { url: url.into(), what: format!("it answered {status}") })
            }
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> TopError {
        let admin = self.settings.admin.clone();
        if error.is_timeout() {
            return TopError::TimedOut { admin };
        }
        TopError::Unreachable { admin, reason: cause_of(error) }
    }

    fn refused(&self, url: Url, status: StatusCode, detail: &str) -> TopError {
        let advice = match (status, &self.settings.token) {
            (StatusCode::UNAUTHORIZED, None) => "; give the file with it with --token-file",
            (StatusCode::UNAUTHORIZED, Some(_)) => {
                "; is what --token-file names the file of the server's --admin-token-file?"
            }
            _ => "",
        };
        TopError::NotAllowed { url: url.into(), status, detail: detail.to_owned(), advice }
    }
}

fn read<T: DeserializeOwned>(url: &Url, json: &Value) -> Result<T, TopError> {
    T::deserialize(json)
        .map_err(|error| TopError::NotFanfare { url: url.to_string(), what: error.to_string() })
}

/// The last one says what the system said.
fn cause_of(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
