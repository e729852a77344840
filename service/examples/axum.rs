#![expect(clippy::print_stdout, reason = "a program for people to try")]

// cargo run [ADDRESS [ADDRESS OF THE STREAMS]]
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use fanfare::embed::{Fanfare, NewEvent, PublishError, Publisher};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

#[derive(serde::Deserialize, serde::Serialize)]
struct Change {
    /// Made by whoever sends it, so that it can be sent again.
    id: String,
    status: String,
    last: bool,
}

/// Publishes a change of an order to those who look at it.
async fn change(
    State(publisher): State<Publisher>,
    Path(order): Path<String>,
    Json(change): Json<Change>,
) -> Result<String, (StatusCode, String)> {
    let event = NewEvent::on(format!("orders/{order}")).event_type("status").id(&change.id);
    let event = event.data(serde_json::json!({"status": &change.status}).to_string());
    let event = if change.last { event.ending_topic() } else { event };
    match publisher.publish(event).await {
        Ok(receipt) if receipt.is_repeat => Ok(format!("{} was there already\n", receipt.id)),
        Ok(receipt) => Ok(format!("{}\n", receipt.id)),
        Err(error) => Err((status_of(&error), format!("{error}\n"))),
    }
}

fn status_of(error: &PublishError) -> StatusCode {
    match error {
        PublishError::Refused { .. } => StatusCode::BAD_REQUEST,
        PublishError::IdTaken | PublishError::TopicEnded { .. } => StatusCode::CONFLICT,
        // With the same id it can be sent again, whatever has happened.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut addresses = std::env::args().skip(1);
    let listener = addresses.next().unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(listener).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let streams = addresses.next().unwrap_or("127.0.0.1:8080".to_owned());
    let fanfare = Fanfare::builder()
        .setting("listen", streams)
        // The pages of this application may read the streams.
        .setting("cors-origin", &origin)
        // With a key nobody publishes from outside, for nobody has it; reading stays open.
        .setting("jwt-secret", random_key())
        .setting("anonymous-subscribe", "true")
        .setting("drain-window", "1s")
        .start()
        .await?;
    println!("application on {origin}");
    println!("streams on http://{}", fanfare.addresses()[0]);

    let routes = Router::new().route("/orders/{order}", post(change));
    let application = axum::serve(listener, routes.with_state(fanfare.publisher()));
    let asked_to_end = async {
        let _ = ctrl_c().await;
    };
    // First its own requests end, then the streams that have what these published.
    application.with_graceful_shutdown(asked_to_end).await?;
    fanfare.shutdown().await;
    println!("ended in order");
    Ok(())
}

fn random_key() -> String {
    (0..4).map(|_| format!("{:016x}", rand::random::<u64>())).collect()
}
