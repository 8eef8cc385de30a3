//! What cursors cannot carry: extremes, categories, order, decay. Rows feed it as they pass an edge.

/// What a passing row does beside the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Extreme(usize),
    EnterTable(usize),
    LeaveTable(usize),
    EnterOrder(usize),
    LeaveOrder(usize),
    Decay(usize),
    SealDecay(usize),
}

/// The newest row that passes a filter and has certain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) mask: i64,
    /// Words of the row that must be there; 0 (the time) always is.
    pub(crate) needs: [usize; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtremePlan {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    pub(crate) is_max: bool,
    pub(crate) near: usize,
    /// The longest window that ends, in microseconds; 0 when there is none.
    pub(crate) length: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeenPlan {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    /// The longest window; `None` for a lifetime.
    pub(crate) length: Option<i64>,
}

/// A column between two cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) word: usize,
    pub(crate) mask: i64,
    pub(crate) near: usize,
    pub(crate) far: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DecayPlan {
    /// The word that is summed; 0 counts events.
    pub(crate) word: usize,
    pub(crate) mask: i64,
    /// The half-life in microseconds.
    pub(crate) half_life: f64,
    pub(crate) near: usize,
    /// The cursor behind which no event can come any more.
    pub(crate) sealed: usize,
}
