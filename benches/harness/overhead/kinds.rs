//! The kinds of server that take turns, and the loads that they take turns under.

/// A kind of server.
#[derive(Debug, PartialEq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Where it was built, from the root of the repository; nothing where all programs are.
    pub(crate) folder: Option<&'static str>,
    pub(crate) flags: &'static [&'static str],
    /// Scraped by a real Prometheus that has all rules.
    pub(crate) is_scraped: bool,
    /// Sends spans of every tenth request.
    pub(crate) is_traced: bool,
}

const LOGS_OFF: &[&str] = &["--log-level", "off"];
const LOGS_AS_JSON: &[&str] = &["--log-level", "info", "--log-format", "json"];

/// The first is the one that the others are compared with.
pub(crate) const KINDS: [Kind; 4] = [
    // Built without any counter, histogram or look at the clock of the delivery path.
    Kind {
        name: "blind",
        folder: Some("target/uncounted/release"),
        flags: LOGS_OFF,
        is_scraped: false,
        is_traced: false,
    },
    Kind { name: "counted", folder: None, flags: LOGS_OFF, is_scraped: false, is_traced: false },
    Kind { name: "watched", folder: None, flags: LOGS_AS_JSON, is_scraped: true, is_traced: false },
    Kind {
        name: "traced",
        folder: Some("target/otlp/release"),
        flags: LOGS_AS_JSON,
        is_scraped: true,
        is_traced: true,
    },
];

/// A load, named after the target that it is of.
#[derive(Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// The arguments of loadgen; `URL` stands for the server.
    pub(crate) arguments: &'static str,
}

pub(crate) const LOADS: [Load; 2] = [
    Load {
        name: "P1",
        arguments: "--subscribe URL/events/load --publish URL/events/load --payload 150 -c 10000 --rate 10 \
                    -d 12s --source 127.0.0.2-127.0.0.9",
    },
    Load {
        name: "P3",
        arguments: "--subscribe URL/events/load --publish URL/events/load --payload 150 -c 1000 --rate 2000 \
                    -d 8s --verify sample=20",
    },
];
