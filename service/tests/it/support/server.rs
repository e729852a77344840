//! A server as a user would start it: by flags, only on ports that the system chooses.

use std::net::SocketAddr;

use clap::Parser as _;
use fanfare::app::App;
use fanfare::config::{Cli, Task};
use fanfare::hub::Hub;
use fanfare::lifecycle::Shutdown;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::own_address;

/// A running server; it is told to end when it is dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) client: Client,
    /// For what only the server itself may publish.
    pub(crate) hub: Hub,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl TestServer {
    /// With the defaults, but a short drain.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further flags.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags).await
    }

    /// At an address that stays free when it ends, for another server that comes back to it.
    pub(crate) async fn start_at_own_address(flags: &[&str]) -> Self {
        Self::start_at(&own_address().to_string(), flags).await
    }

    /// At an address.
    pub(crate) async fn start_at(listen: &str, flags: &[&str]) -> Self {
        let fixed =
            ["fanfare", "--listen", listen, "--admin-listen", "127.0.0.1:0", "--shards", "2"];
        let drain =
            if flags.contains(&"--drain-window") { vec![] } else { vec!["--drain-window", "0s"] };
        let all = fixed.iter().chain(&drain).chain(flags);
        let task = Cli::try_parse_from(all).expect("flags").into_task().expect("settings");
        let Task::Serve(config) = task else { panic!("{task:?}") };
        let app = App::build(&config).expect("a server");
        let (address, admin) = (app.addresses()[0], app.admin_addresses()[0]);
        let hub = app.hub().clone();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            let _ = stopped.await;
            Shutdown::Requested
        };
        let running = tokio::spawn(async move {
            app.run(stopped, std::future::pending()).await;
        });
        Self { address, admin, client: client(), hub, stop: Some(stop), running }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    /// Publishes and returns the id.
    pub(crate) async fn publish(&self, topic: &str, data: impl Into<reqwest::Body>) -> String {
        let response = self.post(&format!("/events/{topic}")).body(data).send().await;
        accepted(response.expect("an answer")).await
    }

    /// Publishes a form and returns the id.
    pub(crate) async fn publish_form(&self, fields: &[(&str, &str)]) -> String {
        let response = self.post("/.well-known/mercure").body(form(fields));
        let response = response.header("content-type", "application/x-www-form-urlencoded");
        accepted(response.send().await.expect("an answer")).await
    }

    /// Publishes many events at once, each a topic and its data, and returns the ids.
    pub(crate) async fn publish_all(&self, events: &[(&str, String)]) -> Vec<String> {
        let line = |(topic, data): &(&str, String)| json!({"topic": topic, "data": data});
        let lines: String = events.iter().map(|event| line(event).to_string() + "\n").collect();
        let request = self.post("/events").header("content-type", "application/x-ndjson");
        let responses = accepted(request.body(lines).send().await.expect("an answer")).await;
        let ids = responses.lines().map(|response| {
            let response: Value = serde_json::from_str(response).expect("JSON");
            response["id"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
        });
        ids.collect()
    }

    /// A figure of `/metrics`, by its name and labels as they are written there.
    pub(crate) async fn figure(&self, series: &str) -> f64 {
        let [value] = self.stats([series]).await;
        value
    }

    /// Several stats of one moment.
    pub(crate) async fn stats<const COUNT: usize>(&self, series: [&str; COUNT]) -> [f64; COUNT] {
        stats(&self.client, &format!("http://{}", self.admin), series).await
    }

    /// Closes the connections that this client keeps for its next requests.
    pub(crate) fn forget_connections(&mut self) {
        self.client = client();
    }

    /// Asks the server to end, without waiting.
    pub(crate) fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Ends the server in order and waits for it.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        self.running.await.expect("the server ends in order");
    }
}

/// No limit on idle connections, and no proxies: only this server.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// Figures of an admin listener, all of one moment. A name without labels is the sum over all of
/// them.
pub(crate) async fn stats<const COUNT: usize>(
    client: &Client,
    admin: &str,
    series: [&str; COUNT],
) -> [f64; COUNT] {
    let response = client.get(format!("{admin}/metrics")).send().await.expect("metrics");
    let text = response.text().await.expect("text");
    series.map(|series| {
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(series)?;
            let value = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            Some(value.parse::<f64>().expect("a number"))
        });
        values.reduce(|sum, value| sum + value).unwrap_or_else(|| panic!("no series {series}"))
    })
}

/// The bytes of an event with an id and one line of data.
pub(crate) fn frame(id: &str, data: &str) -> String {
    format!("id: {id}\ndata: {data}\n\n")
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

async fn accepted(response: Response) -> String {
    let status = response.status();
    let body = response.text().await.expect("a body");
    assert_eq!(status, 200, "{body}");
    body
}
