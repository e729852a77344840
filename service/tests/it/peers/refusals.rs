//! Clients that keep their connection publish on after an error: the HTTP clients that come with Python
//! and Node, which do not try again by themselves.

use super::process::Process;
use crate::support::TestServer;

#[tokio::test]
async fn an_error_does_not_cost_the_next_event_of_a_client_that_keeps_its_connection() {
    let server = TestServer::start().await;
    let address = server.address.to_string();
    let mut expected = String::new();
    for size in [10, 200_000, 5_000_000] {
        // An event of 200 kB is none that is refused.
        let last = if size > 1 << 20 { 413 } else { 200 };
        for (request, status) in [
            ("POST /nowhere", 404),
            ("PUT /events/t", 405),
            ("POST /events/t", 403),
            ("POST /.well-known/mercure", 415),
            ("POST /events/t", last),
        ] {
            expected += &format!("{size} {request} {status}\ngood 200\n");
        }
    }
    for process in [
        Process::python("publish_after_errors.py", &[&address]),
        Process::node("publish_after_errors.mjs", &[&address]),
    ] {
        assert_eq!(process.finish().await.concat(), expected);
    }
}
