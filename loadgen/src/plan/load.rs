//! What two runs must have in common to be compared: the load, as it follows from flags, scenario
//! and defaults together. Where it goes, its credentials, how the server is published to, and what
//! is done with the result are not in it.

use serde::Serialize;

use super::{FaultPlan, Plan, Protocol, Ramp, Schedule, Timing, Topics, Verify};

/// All that shapes the load.
#[derive(Serialize)]
struct Load<'a> {
    seed: u64,
    protocol: Option<Protocol>,
    ramp: Ramp,
    topics: Topics,
    events: Option<Events<'a>>,
    timing: Timing,
    verify: Verify,
    loss_events: &'a [String],
    #[serde(rename = "trouble")]
    faults: FaultPlan,
    /// Left out where it is off, so that loads of before it was there stay what they were.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failover: bool,
}

/// The part of the publishers.
#[derive(Serialize)]
struct Events<'a> {
    #[serde(rename = "lanes")]
    publishers: usize,
    schedule: &'a Schedule,
    payload: usize,
    timeout: std::time::Duration,
}

impl Plan {
    /// Equal for plans of the same load.
    pub(crate) fn load_hash(&self) -> String {
        let load = Load {
            seed: self.seed,
            protocol: self.targets.first().map(|target| target.protocol),
            ramp: self.ramp,
            topics: self.topics,
            events: self.publishing.as_ref().map(|publishing| Events {
                publishers: publishing.publishers,
                schedule: &publishing.schedule,
                payload: publishing.payload,
                timeout: publishing.timeout,
            }),
            timing: self.timing,
            verify: self.verify,
            loss_events: &self.loss_events,
            faults: self.faults,
            failover: self.failover,
        };
        // Numbers, texts and lists of them: nothing that has no form in JSON.
        let text = serde_json::to_string(&load).unwrap_or_default();
        format!("{:08x}{:08x}", crc32fast::hash(text.as_bytes()), text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    const HERE: &str = "http://127.0.0.1:1/events/load";

    /// Of a scenario that subscribes and publishes here.
    fn hash(text: &str) -> String {
        let here = Settings {
            subscribe: vec![HERE.to_owned()],
            publish: vec![HERE.to_owned()],
            ..Settings::default()
        };
        hash_over(&here, text)
    }

    fn hash_over(settings: &Settings, text: &str) -> String {
        let file = std::path::Path::new("scenario");
        let settings = settings.over_text(file, text).expect("a scenario");
        settings.plan().expect("a plan").load_hash()
    }

    #[test]
    fn a_default_that_is_written_out_changes_nothing() {
        for text in [
            "connections = 100\nrate = 10\nwarmup = '1000ms'\nduration = '10s'\nseed = 1",
            "http = '1.1'\nverify = 'full'\nschedule = 'constant'\npublishers = 1\npayload = 150",
            "publish-style = 'raw'\nreconnect = 'resume'\nslow-share = 0.0\ntopics = 1",
        ] {
            assert_eq!(hash(text), hash(""), "{text}");
        }
    }

    /// Results of different versions are compared by it, so what is hashed does not follow the
    /// names of the code.
    #[test]
    fn the_hash_of_a_load_stays_within_a_version() {
        let all = "http = '2'\nslow-share = 0.1\nstorm-at = '2s'\ncut-every = '1s'\npublishers = 3\n\
                   popularity = 'zipf:1.1'\nclock = 'wall'\nschedule = 'burst:5'\nreceive-buffer = 4096";
        assert_eq!(hash(""), "5dafbeb2000002f4");
        assert_eq!(hash(all), "a6f5e88600000325");
    }

    #[test]
    fn where_a_load_goes_and_what_is_made_of_it_is_not_the_load() {
        for text in [
            "name = 'x'\nabout = 'y'\njson = 'a'\nslo = ['gaps==0']\nrepeat = 3\nworkers = 2",
            "address = ['127.0.0.1:2']\ntoken = 'x'\nheader = ['a: b']\npublish-style = 'form'",
        ] {
            assert_eq!(hash(text), hash(""), "{text}");
        }
        let there = Settings {
            subscribe: vec!["http://127.0.0.1:2/other".to_owned()],
            publish: vec!["http://127.0.0.1:2/other".to_owned()],
            ..Settings::default()
        };
        assert_eq!(hash_over(&there, ""), hash(""));
    }

    #[test]
    fn what_shapes_the_load_is_told_apart_however_it_is_requested() {
        let own = Settings {
            subscribe: vec![format!("{HERE}-{{n}}")],
            publish: vec![format!("{HERE}-{{n}}")],
            ..Settings::default()
        };
        let silent = Settings { subscribe: vec![HERE.to_owned()], ..Settings::default() };
        let mut hashes = vec![hash(""), hash_over(&own, ""), hash_over(&silent, "")];
        hashes.extend(
            ["rate = 11", "connections = 99", "payload = 151", "duration = '9s'", "http = '2'"]
                .map(hash),
        );
        hashes.extend(["verify = 'sample=2'", "cut-every = '1s'", "seed = 2"].map(hash));
        let count = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }
}
