//! Reads a stream with reqwest-eventsource: URL COUNT [TOKEN].
//!
//! It comes back by itself, with the id of the last event, for as long as somebody polls it on behind
//! an error.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest_eventsource::retry::Constant;
use reqwest_eventsource::{Event, EventSource};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut left: usize = given[1].parse()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.get(&given[0]);
    if let Some(token) = given.get(2) {
        request = request.bearer_auth(token);
    }
    let mut stream = EventSource::new(request)?;
    stream.set_retry_policy(Box::new(Constant::new(Duration::from_millis(100), None)));
    while left > 0 {
        match stream.next().await {
            Some(Ok(Event::Open)) => {}
            Some(Ok(Event::Message(event))) => {
                println!("{}", json!({ "id": event.id, "event": event.event, "data": event.data }));
                left -= 1;
            }
            Some(Err(error)) => eprintln!("{error}"),
            // A status other than 200 is the end of it.
            None => return Err("it has given up".into()),
        }
    }
    Ok(())
}
