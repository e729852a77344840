//! What a collector sees of requests.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rustix::process::Signal;
use serde_json::Value;

use super::collector::{Collector, attribute, hex};
use crate::support::{EventStream, Program};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn start(collector: &Collector, flags: &[&str]) -> Program {
    let url = collector.url();
    let fixed = ["--otlp-endpoint", &url, "--drain-window", "0s"];
    Program::start(&[&fixed[..], flags].concat())
}

/// The end of the program sends what waits.
async fn end(mut program: Program) {
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

fn of(span: &Span, key: &str) -> String {
    attribute(&span.attributes, key)
}

#[tokio::test]
async fn a_publish_is_a_span_of_its_callers_trace() {
    let collector = Collector::start().await;
    let program = start(&collector, &[]);
    let request = client()
        .post(format!("{}/events/secret", program.url))
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .header("tracestate", "vendor=value")
        .body("x");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let names: Vec<&str> = response.headers().keys().map(hyper::http::HeaderName::as_str).collect();
    assert!(!names.iter().any(|name| name.starts_with("trace")), "{names:?}");
    let id = response.text().await.unwrap();
    end(program).await;

    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.trace_state, "vendor=value");
    assert_eq!(span.name, "POST /events/{topic}");
    assert_eq!(span.kind(), SpanKind::Server);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    let expected = [
        ("http.request.method", "POST"),
        ("http.route", "/events/{topic}"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("messaging.system", "fanfare"),
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.message.id", &id),
        ("error.type", ""),
    ];
    for (key, value) in expected {
        assert_eq!(of(span, key), value, "{key}");
    }
    assert!(!format!("{span:?}").contains("secret"), "topics are the data of users: {span:?}");
    let resource = collector.resource();
    assert_eq!(attribute(&resource, "service.name"), "fanfare");
    assert_eq!(attribute(&resource, "service.version"), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn the_span_of_a_stream_ends_with_its_head_and_that_of_a_batch_with_the_batch() {
    let collector = Collector::start().await;
    let program = start(&collector, &[]);
    let client = client();
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let url = format!("{}/events/t", program.url);
    let mut stream = EventStream::open(client.get(&url).header("traceparent", &parent)).await;
    let lines = "{\"topic\":\"t\",\"data\":\"1\"}\n{\"no\":1}\n{\"topic\":\"t\",\"data\":\"2\"}\n";
    let batch = client
        .post(format!("{}/events", program.url))
        .header("content-type", "application/x-ndjson")
        .header("traceparent", &parent)
        .body(lines);
    assert_eq!(batch.send().await.unwrap().text().await.unwrap().lines().count(), 3);
    assert_eq!(stream.data(2).await, ["1", "2"]);
    // A page and a question about methods have no span.
    assert_eq!(client.get(&program.url).send().await.unwrap().status(), 200);
    let options = client.request(reqwest::Method::OPTIONS, &url).send().await.unwrap();
    assert_eq!(options.status(), 204);
    end(program).await;

    let spans = collector.spans();
    let [streamed, batched] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(streamed.name, "GET /events/{topic}");
    assert_eq!(of(streamed, "http.response.status_code"), "200");
    assert_eq!(of(streamed, "messaging.system"), "");
    assert!(streamed.end_time_unix_nano < batched.start_time_unix_nano, "its stream went on");
    assert_eq!(batched.name, "POST /events");
    assert_eq!(of(batched, "messaging.batch.message_count"), "2");
    for span in [streamed, batched] {
        assert_eq!(hex(&span.parent_span_id), PARENT);
    }
}

#[tokio::test]
async fn a_bad_traceparent_is_ignored_and_the_decision_of_a_good_one_is_heeded() {
    let collector = Collector::start().await;
    let program = start(&collector, &["--trace-sample", "0"]);
    let cases = [
        (Some(format!("00-{TRACE}-{PARENT}-01")), true),
        (Some(format!("00-{TRACE}-{PARENT}-00")), false),
        (Some(format!("00-{}-{PARENT}-01", TRACE.to_uppercase())), false),
        (Some("nonsense".to_owned()), false),
        (None, false),
    ];
    for (parent, _) in &cases {
        let mut request = client().post(format!("{}/events/t", program.url)).body("x");
        if let Some(parent) = parent {
            request = request.header("traceparent", parent);
        }
        assert_eq!(request.send().await.unwrap().status(), 200, "{parent:?}");
    }
    end(program).await;
    let recorded = cases.iter().filter(|(_, recorded)| *recorded).count();
    assert_eq!(collector.spans().len(), recorded);
}

#[tokio::test]
async fn traces_that_begin_here_have_an_id_that_their_log_lines_name() {
    let collector = Collector::start().await;
    let url = collector.url();
    let flags = ["--otlp-endpoint", &url, "--drain-window", "0s", "--log-format", "json"];
    let filter = ["--log-level", "info,fanfare::http=debug"];
    let (program, said) = Program::start_logged(&[&flags[..], &filter].concat());
    let form = client().post(format!("{}/.well-known/mercure", program.url)).body("x");
    assert_eq!(form.send().await.unwrap().status(), 415);
    end(program).await;

    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(span.name, "POST /.well-known/mercure");
    assert!(span.parent_span_id.is_empty(), "{span:?}");
    assert_eq!(of(span, "http.response.status_code"), "415");
    assert_eq!(span.status.clone().unwrap_or_default().code, 0, "the client's errors are not ours");
    let text = std::io::read_to_string(said).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let responded: Vec<Value> = lines.filter(|line| line["message"] == "answered").collect();
    assert_eq!(responded.len(), 1, "{text}");
    assert_eq!(responded[0]["span"]["trace_id"], hex(&span.trace_id));
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_a_warning_and_nothing_else() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", away.local_addr().unwrap());
    drop(away);
    let flags = ["--otlp-endpoint", &url, "--drain-window", "0s", "--log-format", "json"];
    let (program, said) = Program::start_logged(&flags);
    let response = client().post(format!("{}/events/t", program.url)).body("x").send().await;
    assert_eq!(response.unwrap().status(), 200);
    end(program).await;
    let text = std::io::read_to_string(said).unwrap();
    let notified = text.lines().filter(|line| line.contains("cannot send traces")).count();
    assert_eq!(notified, 1, "{text}");
    assert!(text.contains(&url), "{text}");
}
