//! How many events there were in streams that were not parsed, by how many bytes an event took in
//! those that were.

/// Events in so many counted bytes; 0 before there is anything to go by.
pub(crate) fn events_in(counted_bytes: u64, received: u64, parsed_bytes: u64) -> u64 {
    if received == 0 || parsed_bytes == 0 {
        return 0;
    }
    let bytes_each = parsed_bytes as f64 / received as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let events = (counted_bytes as f64 / bytes_each).round() as u64;
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_counted_has_as_many_bytes_an_event_as_what_is_parsed() {
        assert_eq!(events_in(19_000, 10, 1000), 190);
        assert_eq!(events_in(0, 10, 1000), 0);
        assert_eq!(events_in(19_000, 0, 0), 0);
    }
}
