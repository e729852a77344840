//! What patterns run on: a deterministic automaton, built whole when the pattern is read.
//!
//! Matching is one step in a table for each byte of a topic, whatever the pattern. What could grow
//! with the pattern is the table and the work of building it, and both have a limit. An automaton
//! that is built while it matches, or one that keeps many states at once, would move that cost into
//! every match, where a subscriber could make it large for all.

mod determinize;
mod table;

use std::mem::size_of_val;

use regex_automata::nfa::thompson::{Compiler, Config, NFA, WhichCaptures};
use regex_syntax::hir::Hir;

#[cfg(test)]
pub(in crate::topic) use self::determinize::CELLS;
use self::determinize::determinize;
use self::table::{DEAD, Table};

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
    /// One for an expression over codes of bytes; `code` gives the code of each byte. `None` when it
    /// would pass a limit.
    pub(super) fn build(expression: &Hir, code: fn(u8) -> u8) -> Option<Automaton> {
        let config = Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(STATES_BYTES));
        let states = Compiler::new().configure(config).build_from_hir(expression);
        let states =
            states.inspect_err(|error| debug_assert!(error.size_limit().is_some())).ok()?;
        let table = determinize(&states)?;
        Some(Automaton { columns: Box::new(columns(&states, code)), table })
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

    /// What it took to build it: states looked at, transitions followed and cells written, of 5 to 10 ns
    /// each.
    pub(super) fn steps(&self) -> usize {
        self.table.steps as usize
    }

    /// The memory that it holds elsewhere.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.columns) + size_of_val(&*self.table.cells)
    }
}

impl std::fmt::Debug for Automaton {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Automaton").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// Column 0 says whether a text may end, so the classes of bytes begin at 1.
fn columns(states: &NFA, code: fn(u8) -> u8) -> [u8; 256] {
    let classes = states.byte_classes();
    std::array::from_fn(|byte| {
        let byte = u8::try_from(byte).unwrap_or(u8::MAX);
        classes.get(code(byte)) + 1
    })
}
