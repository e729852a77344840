//! Sequences, sizes and ids.

use super::*;

#[test]
fn nothing_comes_before_sequence_0() {
    assert_eq!(Sequence(0).next(), Sequence(1));
    assert_eq!(Sequence(1).previous(), Sequence(0));
    assert_eq!(Sequence(0).previous(), Sequence(0));
    assert_eq!(Sequence(12).to_string(), "12");
}

#[test]
fn an_event_holds_its_frame_its_topics_and_some_structure() {
    let small = event(fields("d"));
    let more_data = event(fields("dddd"));
    assert!(more_data.bytes_held() >= small.bytes_held());
    let topics = ["t", "four"].map(Cow::from).to_vec();
    let more_topics = event(DraftFields { topics, ..fields("d") });
    assert!(more_topics.bytes_held() > small.bytes_held());
    let id = "x".repeat(1_000);
    let with_id = event(DraftFields { id: Some(id.into()), ..fields("d") });
    // It stands in the frame and in the log's table.
    assert!(with_id.bytes_held() - small.bytes_held() > 1_900);
    assert!(small.bytes_held() > small.frame().len() + 1);
}

fn hub_id(epoch: Epoch, sequence: u64, accepted_ms: u64) -> HubId {
    HubId { epoch, sequence: Sequence(sequence), accepted_ms }
}

const FIRST: Epoch = Epoch::begun_at(0, 0);

#[test]
fn a_hub_id_is_23_characters_that_need_no_encoding_and_reads_back() {
    let (last_second, latest, last) =
        (Epoch::begun_at(u64::from(u32::MAX) * 1_000, 255), (1 << 42) - 1, (1 << 44) - 1);
    let cases = [
        (hub_id(FIRST, 0, 0), "e:---------------------"),
        (hub_id(FIRST, 0, 1), "e:--------------------0"),
        (hub_id(FIRST, 1, 0), "e:-------------0-------"),
        (hub_id(Epoch::begun_at(0, 1), 0, 0), "e:------3--------------"),
        (hub_id(Epoch::begun_at(999, 0), 1 << 42, 63), "e:------0-------------z"),
        (hub_id(last_second, last, latest), "e:zzzzzzzzzzzzzzzzzzzzz"),
        (hub_id(Epoch::begun_at(ACCEPTED_MS, 0xab), 7, ACCEPTED_MS), HUB_ID),
    ];
    for (id, text) in cases {
        assert_eq!(id.to_string(), text);
        assert_eq!(HubId::parse(text), Some(id));
        assert_eq!(text.len(), 23);
        assert!(text[2..].bytes().all(|b| b == b'-' || b == b'_' || b.is_ascii_alphanumeric()));
    }
}

#[test]
fn ids_sort_as_text_by_epoch_and_then_by_sequence() {
    let epochs =
        [FIRST, Epoch::begun_at(0, 7), Epoch::begun_at(1_000, 0), Epoch::begun_at(9_000, 9)];
    let sequences = [0, 1, 2, 10, 63, 64, 1 << 41, 1 << 42, (1 << 44) - 1];
    let ids: Vec<_> = epochs
        .into_iter()
        .flat_map(|epoch| sequences.map(|sequence| hub_id(epoch, sequence, 5).to_string()))
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:#?}");
}

#[test]
fn an_id_of_any_other_form_is_not_a_hub_id_and_a_publisher_may_bring_it() {
    for text in [
        "e:",
        "e:--------------------",
        "e:----------------------",
        "E:---------------------",
        "e:-----------.---------",
        "e:------------+--------",
        "e:-------------------\u{e9}",
        "e-----------------------",
        "x:---------------------",
        "e:---------- ----------",
        "earliest-",
        "urn:uuid:018bcfe5-6800-7abc-8000-000000000007",
        "018bcfe5-6800-7abc-8000-000000000007",
    ] {
        assert_eq!(HubId::parse(text), None, "{text:?}");
        assert!(CustomId::parse(text).is_ok(), "{text:?}");
    }
    for text in [HUB_ID, "e:---------------------", "e:zzzzzzzzzzzzzzzzzzzzz"] {
        assert_eq!(CustomId::parse(text), Err(IdError::HubForm));
    }
}

proptest! {
    #[test]
    fn any_text_is_an_id_or_is_refused(text in any::<String>(), digits in "[-0-9A-Z_a-z]{20,22}") {
        for id in [text, format!("e:{digits}")] {
            if let Some(hub_id) = HubId::parse(&id) {
                prop_assert_eq!(hub_id.to_string(), &*id);
                prop_assert_eq!(CustomId::parse(&id), Err(IdError::HubForm));
            }
            if let Ok(custom) = CustomId::parse(&id) {
                prop_assert_eq!(custom.as_str(), id);
            }
        }
    }
}
