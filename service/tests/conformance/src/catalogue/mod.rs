//! What the protocol demands of a hub, requirement by requirement, and the check of each.
//!
//! Ids never change their meaning; a requirement that goes leaves its number unused.

mod legacy;
mod one;

use std::future::Future;
use std::pin::Pin;

use crate::hub::{Dialect, Hub};
use crate::outcome::Checked;

/// The keyword of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obligation {
    Must,
    Should,
    May,
}

impl Obligation {
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        }
    }
}

pub type Running<'a> = Pin<Box<dyn Future<Output = Checked> + Send + 'a>>;

/// A check and its name.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    pub name: &'static str,
    pub run: for<'a> fn(&'a Hub) -> Running<'a>,
}

#[derive(Debug, Clone, Copy)]
pub enum Way {
    Checks(&'static [Check]),
    /// Why no client can see it.
    NotTestable(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    pub id: &'static str,
    pub obligation: Obligation,
    pub section: &'static str,
    pub statement: &'static str,
    pub way: Way,
}

/// Requirements as rows: id, keyword, section, statement, and the checks or why there is none.
macro_rules! requirements {
    ($($id:literal $obligation:ident $section:literal $statement:literal
        $([$($check:path),+])? $(because $reason:expr)?;)+) => {
        &[$(Requirement {
            id: $id,
            obligation: Obligation::$obligation,
            section: $section,
            statement: $statement,
            way: $(Way::Checks(&[$(Check {
                name: stringify!($check),
                run: |hub| Box::pin($check(hub)),
            }),+]))? $(Way::NotTestable($reason))?,
        }),+]
    };
}
use requirements;

/// All requirements of a dialect, in the order of its specification.
pub fn of(dialect: Dialect) -> &'static [Requirement] {
    match dialect {
        Dialect::One => one::ALL,
        Dialect::Legacy => legacy::ALL,
    }
}
