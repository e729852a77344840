//! The time in which all came back who had lost their streams: the figure of a restart, or of a
//! reconnect storm.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;

/// From the first reconnection until the last subscriber had caught up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Recovery {
    first: Moment,
    last: Moment,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { first: Moment::NEVER, last: Moment(0) }
    }
}

impl Recovery {
    /// One has caught up, after a reconnection that began at this moment.
    pub(crate) fn add(&mut self, began: Moment, caught_up: Moment) {
        self.merge(&Self { first: began, last: caught_up });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// Nothing when nobody came back.
    pub(crate) fn time(&self) -> Option<Duration> {
        (self.first <= self.last).then(|| self.first.until(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_the_first_who_came_to_the_last_who_caught_up() {
        let ms = |ms: u64| Moment(ms * 1_000_000);
        let (mut one, mut other) = (Recovery::default(), Recovery::default());
        assert_eq!(one.time(), None);
        one.add(ms(20), ms(90));
        one.add(ms(10), ms(30));
        other.add(ms(40), ms(70));
        one.merge(&other);
        one.merge(&Recovery::default());
        assert_eq!(one.time(), Some(Duration::from_millis(80)));
    }
}
