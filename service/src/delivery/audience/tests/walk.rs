//! Walks over all members.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use slotmap::SlotMap;

use super::*;

/// Puts members into audiences, takes them out as a shard does, and remembers the audience of each.
#[derive(Default)]
struct Members {
    keys: SlotMap<SubscriberKey, AudienceKey>,
}

impl Members {
    fn come(&mut self, audiences: &mut Audiences, selectors: usize) -> SubscriberKey {
        let audience = enter(audiences, SELECTORS[selectors]);
        let key = self.keys.insert(audience);
        audiences.get_mut(audience).unwrap().members.push(key);
        key
    }

    fn leave(&mut self, audiences: &mut Audiences, key: SubscriberKey) {
        let Some(audience) = self.keys.remove(key) else { return };
        let members = &mut audiences.get_mut(audience).unwrap().members;
        let at = members.iter().position(|&member| member == key).unwrap();
        members.swap_remove(at);
        if members.is_empty() {
            audiences.leave(audience);
        }
    }
}

proptest! {
    #[test]
    fn a_walk_meets_everybody_who_stays_whoever_comes_and_goes_meanwhile(
        before in vec(0..SELECTORS.len(), 0..30),
        steps in vec(prop_oneof![
            2 => Just(None),
            1 => (0..SELECTORS.len()).prop_map(|selectors| Some(Ok(selectors))),
            2 => any::<Index>().prop_map(|which| Some(Err(which))),
        ], 0..60),
    ) {
        let mut audiences = Audiences::new(Policies::default());
        let mut members = Members::default();
        for selectors in before {
            members.come(&mut audiences, selectors);
        }
        let mut stayed: BTreeSet<_> = members.keys.keys().collect();
        let mut walk = audiences.walk();
        let mut met = BTreeSet::new();
        for step in steps {
            match step {
                None => met.extend(audiences.next_member(&mut walk)),
                Some(Ok(selectors)) => {
                    members.come(&mut audiences, selectors);
                }
                Some(Err(which)) if !members.keys.is_empty() => {
                    let all: Vec<_> = members.keys.keys().collect();
                    let key = *which.get(&all);
                    members.leave(&mut audiences, key);
                    stayed.remove(&key);
                }
                Some(Err(_)) => {}
            }
        }
        while let Some(key) = audiences.next_member(&mut walk) {
            met.insert(key);
        }
        prop_assert!(stayed.is_subset(&met), "{:?} of {:?}", met, stayed);
        prop_assert_eq!(audiences.next_member(&mut walk), None);
    }
}
