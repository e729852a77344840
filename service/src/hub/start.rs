//! Finding where a stream begins: behind an id, at a time, with all that is retained or a part of it.

use std::time::Duration;

use super::kept_replay::{self, KeptFrom};
use super::newest::{self, Newest, Wanted};
use super::{
    Beginning, Hub, InitialReplay, LOCATE_STEPS, LastId, PartialReplay, Resume, SubscribeError,
    SubscribeRequest,
};
use crate::auth::{Grants, Visibility};
use crate::event::{Epoch, GapNotice, HubId, Sequence};
use crate::log::{Bounds, EventFilter, PageLimit, Position, ReadRange};
use crate::logging::log_limited;
use crate::metrics::Resumed;
use crate::topic::MatchProgress;
use crate::within::within;

/// How long a log may take to find a client's place.
const LOCATE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where a stream begins.
pub(super) struct Start {
    pub(super) cursor: Sequence,
    pub(super) last_id: LastId,
    pub(super) place: String,
    pub(super) gap: Option<GapNotice>,
    pub(super) resumed: Option<Resumed>,
    pub(super) initial_replay: Option<Box<InitialReplay>>,
}

impl Start {
    fn at(id: HubId) -> Self {
        let last_id = LastId { sequence: id.sequence, by_publisher: false };
        let cursor = id.sequence;
        Self {
            cursor,
            last_id,
            place: id.to_string(),
            gap: None,
            resumed: None,
            initial_replay: None,
        }
    }

    /// Exactly after an id that the client gave, which stays what it was, to the byte.
    fn after(id: &str, sequence: Sequence) -> Self {
        let last_id = LastId { sequence, by_publisher: HubId::parse(id).is_none() };
        let resumed = Some(Resumed::Complete);
        let place = id.to_owned();
        Self { cursor: sequence, last_id, place, gap: None, resumed, initial_replay: None }
    }

    fn with(self, resumed: Resumed) -> Self {
        Self { resumed: Some(resumed), ..self }
    }

    pub(super) fn resumed_after(&self) -> String {
        let before_all = self.cursor == Sequence(0) && self.resumed != Some(Resumed::Complete);
        if before_all { "earliest".to_owned() } else { self.place.clone() }
    }
}

impl Hub {
    pub(super) async fn start_of(
        &self,
        request: &SubscribeRequest,
        beginning: Beginning,
    ) -> Result<(HubId, Start), SubscribeError> {
        loop {
            let bounds = self.log.bounds();
            let start = match &request.resume {
                None => self.begin(beginning, &bounds, request).await?,
                Some(resume) => self.resume(resume, beginning, &bounds, request).await?,
            };
            // What was found while a new epoch began would count in neither.
            if self.log.bounds().epoch == bounds.epoch {
                return Ok((bounds.head_id(), start));
            }
        }
    }

    async fn begin(
        &self,
        beginning: Beginning,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        let (since_ms, count) = match beginning {
            Beginning::Next => return Ok(Start::at(bounds.head_id())),
            Beginning::Everything => {
                let start = self.begin_with_all(KeptFrom::BEGINNING, bounds, request).await?;
                return Ok(start.with(Resumed::Earliest));
            }
            Beginning::Since(ms) => (Some(ms), None),
            Beginning::Newest { count, since_ms } => (since_ms, Some(count)),
        };
        let start = bounds.start_id().sequence;
        let after = match since_ms {
            Some(ms) => self.accepted_before(ms, bounds).await,
            None => start,
        };
        let kept_through = self.log.kept_through().filter(|last| after <= *last);
        let since_ms = since_ms.unwrap_or(0);
        let Some(count) = count else {
            let kept = match kept_through {
                Some(_) => self.kept(KeptFrom::since(since_ms), bounds, request).await?,
                None => None,
            };
            let cursor = kept.as_ref().and_then(PartialReplay::before).unwrap_or(after);
            let start = self.begin_with_replay((cursor, kept), bounds);
            return Ok(start.with(Resumed::Since));
        };
        let after = if kept_through.is_some() { Sequence(0) } else { after };
        let range = ReadRange { after, through: bounds.head };
        let wanted = Wanted { count, range, epoch: bounds.epoch, kept_through, since_ms };
        let Newest { cursor, replay } =
            newest::find(&self.log, request, wanted, &self.searches).await?;
        Ok(self.begin_with_replay((cursor, replay), bounds).with(Resumed::Newest))
    }

    /// With all that is retained, and what rules keep from some place on.
    async fn begin_with_all(
        &self,
        from: KeptFrom,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        Ok(match self.kept(from, bounds, request).await? {
            Some(kept) => {
                let cursor = kept.before().unwrap_or_default();
                self.begin_with_replay((cursor, Some(kept)), bounds)
            }
            None => Start::at(bounds.start_id()),
        })
    }

    /// With what is behind a sequence and in a list, if there is one.
    fn begin_with_replay(
        &self,
        (cursor, list): (Sequence, Option<PartialReplay>),
        bounds: &Bounds,
    ) -> Start {
        // Where the time of the place is not known, an earlier one is as good: more is sent then.
        let place = self.log.id_at(cursor).filter(|id| id.epoch == bounds.epoch);
        let start = Start::at(place.unwrap_or_else(|| bounds.start_id()));
        let initial = InitialReplay { head: bounds.head_id(), list, ends: false };
        // Its client is told no place yet.
        let last_id = LastId::default();
        Start { cursor, last_id, initial_replay: Some(Box::new(initial)), ..start }
    }

    async fn kept(
        &self,
        from: KeptFrom,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Option<PartialReplay>, SubscribeError> {
        let budget = &self.searches.budget;
        Ok(kept_replay::find(&self.log, (request, bounds), from, budget).await?)
    }

    /// The last event that was accepted before a time, or the one before the oldest. A log that cannot
    /// say so in time has all that is retained sent.
    async fn accepted_before(&self, ms: u64, bounds: &Bounds) -> Sequence {
        let beginning = bounds.start_id().sequence;
        let Some(before) = ms.checked_sub(1) else { return beginning };
        let last = within(LOCATE_WAIT_MAX, self.log.last_accepted_by(before)).await.flatten();
        let last = last.unwrap_or(beginning);
        last.clamp(beginning, bounds.head)
    }

    async fn resume(
        &self,
        resume: &Resume,
        beginning: Beginning,
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Start, SubscribeError> {
        let id = match resume {
            Resume::Now => return Ok(Start::at(bounds.head_id())),
            Resume::Earliest => {
                return self.begin(Beginning::Everything, bounds, request).await;
            }
            Resume::After(id) => id,
        };
        let oldest = bounds.start_id();
        let mut kept_from = KeptFrom::BEGINNING;
        let position = self.locate(id, bounds.epoch, &request.grants).await;
        if let Position::After(sequence) = position
            && sequence < oldest.sequence
            && let Some(start) = self.go_on_with_kept((id, sequence), bounds, request).await?
        {
            return Ok(start);
        }
        let (at, missed, resumed) = match position {
            Position::After(sequence) if sequence >= oldest.sequence => {
                return Ok(Start::after(id, sequence));
            }
            // Only a client that would have had every one of them can be sent how many there were.
            Position::After(sequence) => {
                kept_from = KeptFrom::behind(sequence);
                let all = request.selectors.is_any()
                    && request.grants.sees_everything()
                    && bounds.last_uncounted <= sequence;
                let missed = all.then(|| oldest.sequence.0 - sequence.0);
                (None, missed, Resumed::Expired)
            }
            // What was retained a moment ago may be gone; then the oldest comes first.
            Position::Later(sequence) => {
                let at = self.log.id_at(sequence).filter(|at| at.sequence > oldest.sequence);
                (at, None, Resumed::Expired)
            }
            Position::Unknown => (None, None, Resumed::Unknown),
        };
        let start = match (at, beginning) {
            (Some(at), _) => Start::at(at),
            (None, Beginning::Next | Beginning::Everything) => {
                self.begin_with_all(kept_from, bounds, request).await?
            }
            (None, _) => self.begin(beginning, bounds, request).await?,
        };
        let start = start.with(resumed);
        // The id is the client's own, the place one of ours: neither reveals an event that the
        // client may not see.
        let before = Some(start.place.clone());
        let missed = missed.filter(|_| start.initial_replay.is_none());
        Ok(Start { gap: Some(GapNotice { missed, after: Some(id.clone()), before }), ..start })
    }

    /// Behind an id that the client gave: the log has gone beyond it, and if rules have kept all that the
    /// client asks for nothing is missing.
    async fn go_on_with_kept(
        &self,
        (id, sequence): (&str, Sequence),
        bounds: &Bounds,
        request: &SubscribeRequest,
    ) -> Result<Option<Start>, SubscribeError> {
        let is_complete = || self.log.is_complete_after(&request.selectors, sequence);
        if !is_complete() {
            return Ok(None);
        }
        let start = Start::after(id, sequence);
        let kept = self.kept(KeptFrom::behind(sequence), bounds, request).await?;
        // Something may have gone while it was looked for.
        if !is_complete() {
            return Ok(None);
        }
        let Some(kept) = kept else {
            // Nothing of it is between the client's place and what is retained.
            return Ok(Some(Start { cursor: bounds.start_id().sequence, ..start }));
        };
        // What goes before it is sent is missing, and is told by a gap.
        let list = Some(kept.kept_through(Sequence(0)));
        let initial = InitialReplay { head: bounds.head_id(), list, ends: false };
        Ok(Some(Start { initial_replay: Some(Box::new(initial)), ..start }))
    }

    /// Where a client goes on that has this id. A log that does not find it in time counts as one
    /// that does not know it: then everything that is retained is sent, and a gap is told.
    async fn locate(&self, id: &str, epoch: Epoch, grants: &Grants) -> Position {
        let located = within(LOCATE_WAIT_MAX, self.locate_visible(id, epoch, grants)).await;
        located.unwrap_or_else(|| {
            log_limited!(
                WARN,
                "the log took too long to find a client's place, which is sent all that is retained"
            );
            Position::Unknown
        })
    }

    /// No client learns by asking that an id exists which only others may see.
    async fn locate_visible(&self, id: &str, epoch: Epoch, grants: &Grants) -> Position {
        let located = self.log.locate(id).await;
        if let Position::After(sequence) = located
            && HubId::parse(id).is_none()
            && !self.may_see(sequence, epoch, grants).await
        {
            return Position::Unknown;
        }
        located
    }

    /// What would take longer than a moment to find out counts as no: then a gap is told that may be
    /// none.
    async fn may_see(&self, sequence: Sequence, epoch: Epoch, grants: &Grants) -> bool {
        let range = ReadRange { after: sequence.previous(), through: sequence };
        let limit = PageLimit { events_max: 1, bytes_max: usize::MAX };
        let outcome = self.log.read_when_loaded(epoch, range, EventFilter::Everything, limit).await;
        let Some(page) = outcome.ready() else { return false };
        page.events.first().is_none_or(|event| match grants.visibility(event) {
            Visibility::Known(may_see) => may_see,
            Visibility::IfMatched(selectors) => {
                let (mut progress, mut steps) = (MatchProgress::default(), LOCATE_STEPS);
                selectors.match_within(event.topics(), &mut progress, &mut steps) == Some(true)
            }
        })
    }
}
