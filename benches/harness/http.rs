//! The few requests that the harness makes itself: whether a server serves, and how it responds
//! while loadgen loads it. Each is on a connection of its own, so that accepting is part of it.

use std::time::Duration;

use ureq::Agent;

/// Longer than any response should take, and short enough to notice a server that hangs.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A client that keeps no connection.
#[derive(Debug)]
pub(crate) struct Client(Agent);

impl Client {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(0)
            // Servers that the harness started are no business of a proxy of the machine.
            .proxy(None)
            // A page that is not there is a response, too.
            .http_status_as_error(false)
            .build();
        Self(config.new_agent())
    }

    /// Whether the response to a GET is 200. The body is not read: it may be a stream.
    pub(crate) fn is_ok(&self, url: &str) -> bool {
        let response = self.0.get(url).header("accept", "text/event-stream, */*").call();
        response.is_ok_and(|response| response.status() == 200)
    }

    /// The whole body of the response to a GET.
    pub(crate) fn get(&self, url: &str) -> Result<String, ureq::Error> {
        self.0.get(url).call()?.body_mut().read_to_string()
    }

    /// The whole body of the response to a POST.
    pub(crate) fn post(&self, url: &str, body: &str) -> Result<String, ureq::Error> {
        self.0.post(url).send(body)?.body_mut().read_to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn only_200_is_ok_and_a_stream_is_not_waited_for() {
        for (status, is_ok) in [("200 OK", true), ("503 Service Unavailable", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let url = format!("http://{}/", listener.local_addr().expect("its address"));
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                let _ = stream.read(&mut [0; 4_096]);
                let head = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
                stream.write_all(head.as_bytes()).expect("it reads");
                // Open until the client leaves.
                let _ = stream.read(&mut [0; 1]);
            });
            assert_eq!(Client::new().is_ok(&url), is_ok);
            server.join().expect("it ends");
            assert!(!Client::new().is_ok(&url), "nobody is there any more");
        }
    }
}
