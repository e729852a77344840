//! What a run may say of the events that it read. A sentence that claims something is a method of a
//! value that can only be made of the count that it rests on, so that nothing can be said of
//! nothing: a server that was not reached lost no event, and is not right for it.

use std::num::NonZeroU64;

use crate::numbers;
use crate::result::Run;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Events were compared with those that had to come.
    Verified(Verified),
    /// Events were read, and there was nothing to compare them with.
    Counted(Counted),
    /// Streams were held, and no event was expected.
    Held(Held),
    /// There was no subscriber; the server accepted events.
    Accepted(Accepted),
    /// Nothing was.
    Nothing(Nothing),
    /// The file of an earlier version, which does not say how many events were verified.
    Unsaid,
}

/// Events that were verified: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    events: NonZeroU64,
    /// How many others were read that could not be.
    others: u64,
    /// Subscribers that were parsed, when these are not all.
    sample: Option<(u64, u64)>,
    knows_what_was_published: bool,
}

/// Events that were only counted: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    events: NonZeroU64,
    was_published: bool,
}

/// Streams that were held: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held(NonZeroU64);

/// Events that were accepted: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted(NonZeroU64);

/// Why there was nothing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// No subscriber was connected.
    Unreached,
    /// Of so many events that were sent none was accepted.
    Taken(NonZeroU64),
    /// Of so many events that were published none arrived.
    Arrived(NonZeroU64),
    /// No stream was parsed: the sample was too small for the number of subscribers.
    Parsed,
    /// No event came, only so many comments.
    Came { comments: u64 },
    /// There was no subscriber, and no event was accepted.
    Accepted,
}

impl Basis {
    /// Of a run whose figures are complete.
    pub(crate) fn of(run: &Run) -> Self {
        let found = &run.correctness;
        let Some(verified) = found.verified else { return Self::Unsaid };
        let others = found.unverified + found.foreign;
        let was_published = run.publishing.is_some();
        let (parsed, connected) = (run.subscribers.verified, run.subscribers.connected);
        if let Some(events) = NonZeroU64::new(verified) {
            let sample = (parsed < connected).then_some((parsed, connected));
            let knows_what_was_published = run.delivery.reach.is_some();
            return Self::Verified(Verified { events, others, sample, knows_what_was_published });
        }
        let holds = run.settings.get("hold").and_then(serde_json::Value::as_bool) == Some(true);
        if let Some(streams) = NonZeroU64::new(connected).filter(|_| holds) {
            return Self::Held(Held(streams));
        }
        if let Some(events) = NonZeroU64::new(others) {
            return Self::Counted(Counted { events, was_published });
        }
        let published = run.publishing.as_ref();
        if run.subscribers.requested == 0 {
            let accepted = published.and_then(|p| NonZeroU64::new(p.acknowledged));
            return accepted
                .map_or(Self::Nothing(Nothing::Accepted), |n| Self::Accepted(Accepted(n)));
        }
        let sent = published.and_then(|published| NonZeroU64::new(published.sent));
        Self::Nothing(match sent {
            _ if connected == 0 => Nothing::Unreached,
            _ if parsed == 0 => Nothing::Parsed,
            Some(sent) if published.is_some_and(|p| p.acknowledged == 0) => Nothing::Taken(sent),
            Some(sent) => Nothing::Arrived(sent),
            None => Nothing::Came { comments: run.delivery.comments },
        })
    }

    /// Why the run cannot be fine, whatever else was found; nothing when it can.
    pub(crate) fn shortcoming(self) -> Option<String> {
        match self {
            Self::Verified(_) | Self::Held(_) | Self::Accepted(_) | Self::Unsaid => None,
            Self::Counted(counted) => Some(counted.sentence()),
            Self::Nothing(nothing) => Some(nothing.sentence()),
        }
    }
}

impl Verified {
    /// Everything that had to come has come; a run that knows what was published says so.
    pub(crate) fn all_is_right(self) -> String {
        if self.knows_what_was_published {
            return format!("everything arrived as it was sent{}", self.extent());
        }
        format!(
            "what arrived was in order, undamaged and without gaps{}; how many were published is not \
             known here",
            self.extent()
        )
    }

    /// What has come is right, though not everything has.
    pub(crate) fn what_came_is_right(self) -> String {
        format!(
            "what arrived is right{}, but not everything arrived: there were no silent gaps",
            self.extent()
        )
    }

    /// No fault was found.
    pub(crate) fn faultless(self) -> String {
        let others = match self.others {
            0 => String::new(),
            others => format!("; {} more could not be verified", numbers::count(others)),
        };
        format!(
            "no silent gaps, duplicates, reordering, corruption or wrong topics{}{others}",
            self.extent()
        )
    }

    fn extent(self) -> String {
        let events = numbers::quantity(self.events.get(), "event");
        match self.sample {
            None => format!(" ({events} verified)"),
            Some((parsed, all)) => format!(
                " ({events} verified, at {} of {} subscribers)",
                numbers::count(parsed),
                numbers::count(all)
            ),
        }
    }
}

impl Counted {
    /// What was not looked at.
    pub(crate) fn sentence(self) -> String {
        let whose = if self.was_published { "is of this run" } else { "carries loadgen's marks" };
        match self.events.get() {
            1 => format!(
                "1 event was read, and it {}, so order, loss and duplicates were not checked",
                whose.replacen("is ", "is not ", 1).replacen("carries", "carries none of", 1)
            ),
            events => format!(
                "{} events were read; none {whose}, so order, loss and duplicates were not checked",
                numbers::count(events)
            ),
        }
    }
}

impl Held {
    /// What was requested, and what was not looked at for that.
    pub(crate) fn sentence(self) -> String {
        format!(
            "{} held; --hold expects no event, and none was checked",
            were(self.0.get(), "stream")
        )
    }
}

impl Accepted {
    /// What the server said of them.
    pub(crate) fn sentence(self) -> String {
        format!(
            "{} accepted; there was no subscriber, so deliveries were not checked",
            were(self.0.get(), "event")
        )
    }
}

impl Nothing {
    /// Why nothing was looked at.
    pub(crate) fn sentence(self) -> String {
        let why = match self {
            Self::Unreached => "no subscriber was connected".to_owned(),
            Self::Taken(sent) => {
                format!("{} sent and none was accepted", were(sent.get(), "event"))
            }
            Self::Arrived(sent) => {
                format!("{} published and none arrived", were(sent.get(), "event"))
            }
            Self::Parsed => {
                "no subscriber was parsed, because --verify sample chose none".to_owned()
            }
            Self::Came { comments: 0 } => "no event came".to_owned(),
            Self::Came { comments } => {
                format!("no event came, only {}", numbers::quantity(comments, "comment"))
            }
            Self::Accepted => "there was no subscriber, and no event was accepted".to_owned(),
        };
        format!("{why}, so nothing was checked")
    }
}

fn were(count: u64, noun: &str) -> String {
    format!("{} {}", numbers::quantity(count, noun), if count == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::PublishingResult;
    use crate::slo::sample;

    /// A run of ten subscribers with these counts.
    fn run(verified: u64, foreign: u64, unverified: u64, published: Option<u64>) -> Run {
        let mut run = sample::run();
        run.subscribers.requested = 10;
        run.subscribers.connected = 10;
        run.subscribers.verified = 10;
        run.correctness.verified = Some(verified);
        run.correctness.foreign = foreign;
        run.correctness.unverified = unverified;
        run.publishing = published.map(|sent| PublishingResult {
            sent,
            acknowledged: sent,
            ..sample::run().publishing.expect("it publishes")
        });
        run
    }

    #[test]
    fn what_was_not_looked_at_is_said_and_nothing_is_claimed_of_it() {
        let unreached = |mut run: Run| {
            run.subscribers.connected = 0;
            run
        };
        let nobody = |mut run: Run| {
            run.subscribers.requested = 0;
            run.subscribers.connected = 0;
            run
        };
        let cases = [
            (run(0, 0, 980, None), "980 events were read; none carries loadgen's marks, so order"),
            (
                run(0, 0, 1, None),
                "1 event was read, and it carries none of loadgen's marks, so order",
            ),
            (run(0, 12, 0, Some(5)), "12 events were read; none is of this run, so order"),
            (run(0, 1, 0, Some(5)), "1 event was read, and it is not of this run, so order"),
            (run(0, 0, 0, Some(60)), "60 events were published and none arrived, so nothing was"),
            (run(0, 0, 0, Some(0)), "no event came, so nothing was checked"),
            (run(0, 0, 0, None), "no event came, so nothing was checked"),
            (unreached(run(0, 0, 0, None)), "no subscriber was connected, so nothing was checked"),
            (nobody(run(0, 0, 0, Some(0))), "there was no subscriber, and no event was accepted"),
        ];
        for (run, words) in cases {
            let sentence = Basis::of(&run).shortcoming().expect(words);
            assert!(sentence.starts_with(words), "{sentence}");
        }
        let mut refused = run(0, 0, 0, Some(20));
        refused.publishing.as_mut().expect("it publishes").acknowledged = 0;
        let sentence = Basis::of(&refused).shortcoming().expect("a sentence");
        assert_eq!(sentence, "20 events were sent and none was accepted, so nothing was checked");
        let accepted = Basis::of(&nobody(run(0, 0, 0, Some(7))));
        assert!(matches!(accepted, Basis::Accepted(claim) if claim.sentence().starts_with("7 ")));
        let mut held = run(0, 0, 0, None);
        held.settings.insert("hold".to_owned(), true.into());
        assert!(
            matches!(Basis::of(&held), Basis::Held(claim) if claim.sentence().starts_with("10 "))
        );
        held.subscribers.connected = 0;
        assert_eq!(Basis::of(&held), Basis::Nothing(Nothing::Unreached));
        let mut beats = run(0, 0, 0, None);
        beats.delivery.comments = 40;
        let sentence = Basis::of(&beats).shortcoming().expect("a sentence");
        assert_eq!(sentence, "no event came, only 40 comments, so nothing was checked");
    }

    #[test]
    fn every_claim_has_its_count() {
        let Basis::Verified(claim) = Basis::of(&run(6000, 3, 0, Some(600))) else {
            panic!("it was verified")
        };
        for sentence in [claim.all_is_right(), claim.what_came_is_right(), claim.faultless()] {
            assert!(sentence.contains("(6,000 events verified)"), "{sentence}");
        }
        assert!(claim.faultless().ends_with("; 3 more could not be verified"));
        let mut sampled = run(50, 0, 0, Some(5));
        sampled.subscribers.verified = 2;
        let Basis::Verified(claim) = Basis::of(&sampled) else { panic!("it was verified") };
        assert!(claim.faultless().ends_with("(50 events verified, at 2 of 10 subscribers)"));
    }

    #[test]
    fn a_file_of_an_earlier_version_does_not_say() {
        let mut run = run(5, 0, 0, Some(5));
        run.correctness.verified = None;
        assert_eq!(Basis::of(&run), Basis::Unsaid);
    }
}
