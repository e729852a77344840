use super::*;

#[tokio::test]
async fn a_stream_ends_with_its_token_on_both_protocols() {
    let server = start(&[&LEGACY, &["--heartbeat", "0s"]]).await;
    let connection = Http2::open(&server).await;
    let token = legacy(&["--subscribe", "*", "--expires", "5s"]);
    let mut stream = EventStream::open(server.get("/events/t").bearer_auth(&token)).await;
    let bearer = format!("Bearer {token}");
    let request = connection.ask_with("/events/t", &[("authorization", &bearer)]).await;
    let mut over_http2 = request.stream().await;
    while let Some(last) = stream.next().await {
        assert_eq!(last.data, "", "nothing but when to come back");
    }
    while over_http2.frame().await.is_ok_and(|frame| frame.is_some()) {}
    let ended = "fanfare_streams_closed_total{reason=\"token_expired\"}";
    eventually("both have ended", async || server.figure(ended).await == 2.0).await;
    // A stream ends up to a tenth of a second before its token.
    let expired = async || {
        let probe = server.client.head(server.url("/events/t")).bearer_auth(&token).send();
        probe.await.unwrap().status() == 401
    };
    eventually("the token expires", expired).await;
    let (status, challenge, detail) = refusal(server.get("/events/t").bearer_auth(&token)).await;
    assert_eq!(status, 401);
    assert!(detail.contains("expired") && challenge.contains("error_description"), "{detail}");
    assert_eq!(server.figure("fanfare_tokens_refused_total{reason=\"time\"}").await, 2.0);
}

#[tokio::test]
async fn a_request_that_lasts_longer_than_its_token_publishes_nothing_more() {
    let server = start(&[&LEGACY]).await;
    let token = legacy(&["--publish", "*", "--expires", "5s"]);
    let (lines, body) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(4);
    let line = || Ok("{\"topic\":\"t\",\"data\":\"x\"}\n".to_owned());
    lines.send(line()).await.unwrap();
    let stream = futures_util::stream::unfold(body, async |mut body| {
        let line = body.recv().await?;
        Some((line, body))
    });
    let request = server
        .post("/events")
        .bearer_auth(&token)
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(Box::pin(stream)));
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"{\"id\":"), "{first:?}");
    let expired = async || {
        let probe = server.post("/events/t").bearer_auth(&token).body("probe").send();
        probe.await.unwrap().status() == 401
    };
    eventually("the token expires", expired).await;
    lines.send(line()).await.unwrap();
    let second: Value = serde_json::from_slice(&response.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!(second["status"], 401, "{second}");
}
