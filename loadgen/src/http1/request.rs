//! The request for a stream, as a browser's `EventSource` makes it.

use crate::plan::Target;

/// Writes the request for a subscriber's stream, which goes on after an id unless that is empty.
/// `n` and `topic` fill the places of those names.
pub(crate) fn write_get(
    target: &Target,
    number: u32,
    topic: u32,
    last_id: &[u8],
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(b"GET ");
    // Where every subscriber has a topic of its own the two numbers are the same.
    let place = if target.path.0.contains("{topic}") { topic } else { number };
    target.path.write(place, b"", out);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(target.endpoint.authority.as_bytes());
    out.extend_from_slice(b"\r\naccept: text/event-stream\r\ncache-control: no-store\r\n");
    for (name, value) in &target.headers {
        header(name.as_bytes(), value.as_bytes(), out);
    }
    if !last_id.is_empty() {
        header(b"last-event-id", last_id, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    // An id comes from the server and may hold anything but line ends, which the parser took away.
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
