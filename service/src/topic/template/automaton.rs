//! What a template runs on: a deterministic automaton, built whole when the template is read.
//!
//! Matching is one step in a table for each byte of a topic, whatever the template. What could grow
//! with the template is the table and the work of building it, and both have a limit. An automaton
//! that is built while it matches, or one that keeps many states at once, would move that cost into
//! every match, where a subscriber could make it large for everybody.

use std::mem::size_of_val;

use regex_automata::nfa::thompson::{Compiler, Config, NFA, WhichCaptures};
use regex_syntax::hir::Hir;

use super::alphabet;
use super::determinize::determinize;
use super::table::{DEAD, Table};

/// Bytes of the nondeterministic automaton that the table is made from, so that a template such as
/// `{x:9999}` is refused before there is one. `{x:80}` takes a third.
const STATES_BYTES: usize = 128 * 1024;

/// A deterministic automaton that says yes or no to a whole text.
pub(super) struct Automaton {
    /// The column of each byte.
    columns: Box<[u8; 256]>,
    table: Table,
}

impl Automaton {
    /// `None` when it would pass a limit.
    pub(super) fn build(expression: &Hir) -> Option<Automaton> {
        let config = Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(STATES_BYTES));
        let states = Compiler::new().configure(config).build_from_hir(expression);
        let states =
            states.inspect_err(|error| debug_assert!(error.size_limit().is_some())).ok()?;
        let table = determinize(&states)?;
        Some(Automaton { columns: Box::new(columns(&states)), table })
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let mut row = self.table.start;
        for &byte in text {
            let column = self.columns[usize::from(byte)];
            row = self.table.cells[usize::from(row) + usize::from(column)];
            if row == DEAD {
                return false;
            }
        }
        self.table.cells[usize::from(row)] != 0
    }

    /// The memory that it holds elsewhere.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.columns) + size_of_val(&*self.table.cells)
    }
}

/// Column 0 says whether a text may end, so the classes of bytes begin at 1.
fn columns(states: &NFA) -> [u8; 256] {
    let classes = states.byte_classes();
    std::array::from_fn(|byte| {
        let byte = u8::try_from(byte).unwrap_or(u8::MAX);
        classes.get(alphabet::code(byte)) + 1
    })
}
