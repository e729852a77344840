//! Text with places for what differs from event to event: `{topic}` or `{n}` for the number of the
//! topic or subscriber, `{payload}` for the payload, `{json}` for the payload as a JSON string, `{id}`
//! for what tells an event from any other.
//!
//! The payload is made of letters, digits and dots, so it needs no escaping in any of these places.

use serde::{Deserialize, Serialize};

use crate::payload;

/// Stands for what is the same whenever an event is sent, and no other event has.
const ID: &str = "{id}";

/// A text with places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Template(pub(crate) String);

impl Template {
    /// Appends the text, with this number and this payload.
    pub(crate) fn write(&self, number: u32, payload: &[u8], out: &mut Vec<u8>) {
        let mut rest = self.0.as_str();
        while let Some(open) = rest.find('{') {
            out.extend_from_slice(&rest.as_bytes()[..open]);
            rest = &rest[open..];
            let place = ["{n}", "{topic}", "{payload}", "{json}", ID]
                .into_iter()
                .find(|place| rest.starts_with(place));
            match place {
                Some("{payload}") => out.extend_from_slice(payload),
                Some(ID) => out.extend_from_slice(payload::id(payload)),
                Some("{json}") => {
                    out.push(b'"');
                    out.extend_from_slice(payload);
                    out.push(b'"');
                }
                Some(_) => out.extend_from_slice(number.to_string().as_bytes()),
                None => out.push(b'{'),
            }
            rest = &rest[place.map_or(1, str::len)..];
        }
        out.extend_from_slice(rest.as_bytes());
    }

    /// Whether it says which event it is of.
    pub(crate) fn names_the_event(&self) -> bool {
        self.0.contains(ID)
    }

    /// The text, for uses without a payload.
    pub(crate) fn text(&self, number: u32) -> String {
        let mut out = Vec::with_capacity(self.0.len() + 8);
        self.write(number, b"", &mut out);
        // Made of a text, a number and nothing.
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        let cases = [
            ("/events/load", "/events/load"),
            ("/events/{topic}", "/events/7"),
            ("/events/{n}/{n}", "/events/7/7"),
            (r#"{"channel":"c{topic}","data":{json}}"#, r#"{"channel":"c7","data":"PAY"}"#),
            ("{payload}", "PAY"),
            ("{other} {", "{other} {"),
            // Of what is no payload there is none.
            ("/events?id={id}", "/events?id="),
        ];
        for (template, wanted) in cases {
            let mut out = Vec::new();
            Template(template.to_owned()).write(7, b"PAY", &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), wanted);
        }
    }
}
