//! From a nondeterministic automaton to the table of a deterministic one: a row for each set of
//! states that one can be in at once, found from the start on.
//!
//! `regex-automata` has this too, but walks every set once for each class of bytes, which for long
//! lists of names took ten times as long, and its limits are bytes, not work: a template that is
//! refused could cost 20 ms. Here every step is counted, so nothing costs more than [`STEPS`].

use std::collections::HashMap;
use std::rc::Rc;

use regex_automata::nfa::thompson::{NFA, State, Transition};
use regex_automata::util::alphabet::ByteClasses;
use regex_automata::util::primitives::StateID;

use super::table::{DEAD, Table};

/// Cells of a table, of two bytes each, which live as long as their template. `{x}` needs 24,
/// `{x:80}` 4,000, a query of twenty names 16,000.
pub(in crate::topic) const CELLS: usize = 32 * 1024;

/// States looked at, transitions followed and cells written: 5 to 10 ns each. `{x:80}` needs a
/// third of them, a query of twenty names a half.
const STEPS: usize = 200_000;

/// A row costs this many steps more: it is allocated, hashed and found again.
const ROW_STEPS: usize = 100;

/// States that one can be in at once, sorted.
type Set = Rc<[StateID]>;

/// `None` when it would pass a limit.
pub(super) fn determinize(states: &NFA) -> Option<Table> {
    let mut builder = Builder::new(states);
    builder.push_row(None)?;
    let start = builder.closure(&[states.start_anchored()])?;
    let start = builder.row_of(start)?;
    let mut done = 0;
    while let Some(set) = builder.sets.get(done).cloned() {
        done += 1;
        builder.fill_row(done, &set)?;
    }
    let steps = u32::try_from(builder.steps).unwrap_or(u32::MAX);
    Some(Table { cells: builder.cells.into(), start, steps })
}

struct Builder<'a> {
    states: &'a NFA,
    classes: &'a ByteClasses,
    /// Cells in a row.
    width: usize,
    cells: Vec<u16>,
    /// The sets of all rows but the first, in their order.
    sets: Vec<Set>,
    rows: HashMap<Set, u16>,
    /// For each class of bytes, where it leads from the set at hand.
    targets: Vec<Vec<StateID>>,
    /// Whether a state is in the closure at hand: then its number is here.
    visited: Vec<u32>,
    closures: u32,
    steps: usize,
}

impl<'a> Builder<'a> {
    fn new(states: &'a NFA) -> Self {
        let classes = states.byte_classes();
        // One class stands for the end of a text, which is not looked for.
        let count = classes.alphabet_len() - 1;
        Self {
            states,
            classes,
            width: count + 1,
            cells: Vec::new(),
            sets: Vec::new(),
            rows: HashMap::new(),
            targets: vec![Vec::new(); count],
            visited: vec![0; states.states().len()],
            closures: 0,
            steps: 0,
        }
    }

    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps += steps;
        (self.steps <= STEPS).then_some(())
    }

    /// An empty row, and the index of its first cell.
    fn push_row(&mut self, set: Option<&[StateID]>) -> Option<u16> {
        self.spend(ROW_STEPS + self.width + set.map_or(0, <[StateID]>::len))?;
        let row = u16::try_from(self.cells.len()).ok()?;
        if self.cells.len() + self.width > CELLS {
            return None;
        }
        self.cells.resize(self.cells.len() + self.width, DEAD);
        let ends = |&state: &StateID| matches!(self.states.state(state), State::Match { .. });
        if set.is_some_and(|set| set.iter().any(ends)) {
            self.cells[usize::from(row)] = 1;
        }
        Some(row)
    }

    fn row_of(&mut self, set: Vec<StateID>) -> Option<u16> {
        if set.is_empty() {
            return Some(DEAD);
        }
        if let Some(&row) = self.rows.get(&set[..]) {
            return Some(row);
        }
        let set: Set = set.into();
        let row = self.push_row(Some(&set))?;
        self.sets.push(Rc::clone(&set));
        self.rows.insert(set, row);
        Some(row)
    }

    /// Fills the row with this number, which is that of the set.
    fn fill_row(&mut self, number: usize, set: &Set) -> Option<()> {
        self.find_targets(set)?;
        let targets = std::mem::take(&mut self.targets);
        let mut row = DEAD;
        for (class, reached) in targets.iter().enumerate() {
            self.spend(1 + reached.len())?;
            // Neighbours mostly lead to the same: then that need not be found twice.
            if class == 0 || *reached != targets[class - 1] {
                let closure = self.closure(reached)?;
                row = self.row_of(closure)?;
            }
            self.cells[number * self.width + 1 + class] = row;
        }
        self.targets = targets;
        Some(())
    }

    fn find_targets(&mut self, set: &Set) -> Option<()> {
        self.targets.iter_mut().for_each(Vec::clear);
        let states = self.states;
        for &state in set.iter() {
            match states.state(state) {
                State::ByteRange { trans } => self.follow(trans)?,
                State::Sparse(sparse) => {
                    for transition in &sparse.transitions {
                        self.follow(transition)?;
                    }
                }
                State::Dense(dense) => {
                    for byte in 0..=u8::MAX {
                        let Some(next) = dense.matches_byte(byte) else { continue };
                        self.follow(&Transition { start: byte, end: byte, next })?;
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn follow(&mut self, transition: &Transition) -> Option<()> {
        let first = usize::from(self.classes.get(transition.start));
        let last = usize::from(self.classes.get(transition.end));
        self.spend(1 + last - first)?;
        for targets in &mut self.targets[first..=last] {
            targets.push(transition.next);
        }
        Some(())
    }

    /// Everything that can be reached from these without a byte, as far as it waits for one or ends
    /// the text.
    fn closure(&mut self, from: &[StateID]) -> Option<Vec<StateID>> {
        self.closures += 1;
        let mut waiting = Vec::new();
        let mut left = from.to_vec();
        while let Some(state) = left.pop() {
            self.spend(1)?;
            let visited = &mut self.visited[state.as_usize()];
            if *visited == self.closures {
                continue;
            }
            *visited = self.closures;
            match self.states.state(state) {
                State::Union { alternates } => left.extend_from_slice(alternates),
                State::BinaryUnion { alt1, alt2 } => left.extend([*alt1, *alt2]),
                // Expressions of templates have no captures and look at nothing beside bytes.
                State::Capture { next, .. } | State::Look { next, .. } => left.push(*next),
                State::Fail => {}
                _ => waiting.push(state),
            }
        }
        self.spend(waiting.len())?;
        waiting.sort_unstable();
        Some(waiting)
    }
}
