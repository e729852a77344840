//! Publishing by a program that is started for each event, for servers whose publish side is no HTTP:
//! `redis-cli publish {topic} {payload}`. Starting a program takes a millisecond or more, which
//! counts as the time until its answer.

use std::process::{Command, Stdio};

use super::Outcome;
use super::lane::Lane;

/// Starts the program and waits for its end. No shell reads the words.
pub(super) fn publish(lane: &mut Lane, topic: u32) -> Outcome {
    let words = lane.room.publishing.body.iter().map(|word| {
        let mut out = Vec::new();
        word.write(topic, &lane.payload, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    });
    let words: Vec<String> = words.collect();
    let Some((program, arguments)) = words.split_first() else {
        return Outcome::Refused("no command".to_owned());
    };
    let ended = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match ended {
        Ok(status) if status.success() => Outcome::Accepted,
        Ok(status) => Outcome::Refused(format!("{program} ended with {status}")),
        Err(error) => Outcome::Refused(format!("{program}: {}", error.kind())),
    }
}
