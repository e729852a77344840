//! The table that a deterministic automaton runs on.

/// A row for each state: whether a text may end here, and then where each column leads, as the
/// index of the first cell of another row. The first row is for texts that cannot match any more.
pub(super) struct Table {
    pub(super) cells: Box<[u16]>,
    pub(super) start: u16,
    /// What it took to make it.
    pub(super) steps: u32,
}

/// Where nothing matches any more.
pub(super) const DEAD: u16 = 0;
