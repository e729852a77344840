//! What an idempotent event is where others have its id: a repeat, or one that is refused.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::commit::{Commit, Staged};
use super::{Disk, LogWriter};
use crate::event::EncodedEvent;
use crate::log::window::SAME_ID_COMPARED_MAX;
use crate::log::{AppendError, Receipt};
use crate::logging::log_limited;

/// What is retained with the id of an idempotent event.
enum SameId {
    Nothing,
    /// The event that it repeats.
    Repeated(Receipt),
    OtherContent,
}

impl<D: Disk> LogWriter<D> {
    /// Whether an event can be added as far as its id says.
    pub(super) fn look_for_id(
        &self,
        event: EncodedEvent,
        commit: &Commit,
    ) -> ControlFlow<Staged, EncodedEvent> {
        let Some(id) = event.custom_id().filter(|_| event.is_idempotent()) else {
            return ControlFlow::Continue(event);
        };
        let retained = match self.retained_with_id_of(&event, id.as_str()) {
            Ok(retained) => retained,
            Err(error) => {
                // Told that it is new it could be there twice.
                log_limited!(
                    ERROR,
                    "an event with an id is refused, since the disk cannot be searched for it: {error}"
                );
                return ControlFlow::Break(Staged::Known(Err(AppendError::Unavailable)));
            }
        };
        ControlFlow::Break(match (retained, commit.by_id.get(id.as_str())) {
            (SameId::Repeated(receipt), _) => Staged::Known(Ok(receipt)),
            (_, Some(by)) => Staged::IdIsTaken { by: by.clone(), event: Box::new(event) },
            (SameId::OtherContent, None) => Staged::Known(Err(AppendError::DuplicateId)),
            (SameId::Nothing, None) => return ControlFlow::Continue(event),
        })
    }

    /// Looks in memory and then on the disk, and compares no more than [`SAME_ID_COMPARED_MAX`] events of
    /// either: nothing else is written meanwhile.
    ///
    /// # Errors
    /// When the disk cannot be searched now.
    fn retained_with_id_of(&self, event: &EncodedEvent, id: &str) -> io::Result<SameId> {
        let state = self.retained.lock();
        let in_memory = state.window.with_id_of(event);
        let (segments, oldest) = (Arc::clone(state.segments()), state.oldest());
        drop(state);
        let repeated = in_memory.iter().find(|earlier| event.is_repeat_of(earlier));
        let mut repeated = repeated.map(|earlier| earlier.sequence());
        let mut compared = 0;
        if repeated.is_none() {
            self.reader.each_with_id(&segments, oldest, id, |earlier| {
                compared += 1;
                repeated = event.is_repeat_of(&earlier).then(|| earlier.sequence());
                match repeated.is_some() || compared == SAME_ID_COMPARED_MAX {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        let is_known = compared > 0 || !in_memory.is_empty();
        let receipt = repeated.and_then(|sequence| Receipt::of_repeat(event, sequence));
        Ok(match receipt {
            Some(receipt) => SameId::Repeated(receipt),
            None if is_known => SameId::OtherContent,
            None => SameId::Nothing,
        })
    }
}
