//! What a check can come to. A check stops at its first finding, so that a report names the
//! smallest exchange that shows the fault.

use std::fmt;

use serde::Serialize;

/// A fault, told so that it can be repeated by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub sent: String,
    pub expected: String,
    pub came: String,
}

/// Why a check did not come to its end.
#[derive(Debug)]
pub enum Stop {
    Failed(Box<Finding>),
    Skipped(String),
}

pub type Checked<T = ()> = Result<T, Stop>;

impl Stop {
    pub fn failed(
        sent: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        let finding = Finding { sent: sent.into(), expected: expected.into(), came: came.into() };
        Self::Failed(Box::new(finding))
    }

    pub fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}

/// The result of one requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    Pass,
    Fail(Finding),
    Skipped {
        why: String,
    },
    /// It binds somebody else than the hub, or shows nothing to a client.
    NotTestable {
        why: String,
    },
}

impl Outcome {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Skipped { .. } => "skipped",
            Self::NotTestable { .. } => "not testable",
        }
    }
}

impl From<Checked> for Outcome {
    fn from(checked: Checked) -> Self {
        match checked {
            Ok(()) => Self::Pass,
            Err(Stop::Failed(finding)) => Self::Fail(*finding),
            Err(Stop::Skipped(why)) => Self::Skipped { why },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sent {}; expected {}; got {}", self.sent, self.expected, self.came)
    }
}
