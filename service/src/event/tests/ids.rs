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
    assert_eq!(more_data.bytes_held() - small.bytes_held(), 3);
    let topics = ["t", "four"].map(Cow::from).to_vec();
    let more_topics = event(DraftFields { topics, ..fields("d") });
    // A topic costs more than its name: the index keeps it too.
    assert!(more_topics.bytes_held() - small.bytes_held() > 4 + 100);
    assert!(small.bytes_held() > small.frame().len() + 1);
}

fn hub_id(accepted_ms: u64, life: u16, sequence: u64) -> HubId {
    HubId { accepted_ms, life: Life::new(life), sequence: Sequence(sequence) }
}

#[test]
fn a_hub_id_is_a_uuid_of_version_7_that_reads_back() {
    let (latest, last) = ((1 << 48) - 1, (1 << 62) - 1);
    let cases = [
        (hub_id(ACCEPTED_MS, 0xabc, 7), HUB_ID),
        (hub_id(0, 0, 0), "urn:uuid:00000000-0000-7000-8000-000000000000"),
        (hub_id(latest, 0xfff, last), "urn:uuid:ffffffff-ffff-7fff-bfff-ffffffffffff"),
        (hub_id(1, 2, 1 << 48), "urn:uuid:00000000-0001-7002-8001-000000000000"),
    ];
    for (id, text) in cases {
        assert_eq!(id.to_string(), text);
        assert_eq!(HubId::parse(text), Some(id));
        let uuid: uuid::Uuid = text.parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }
}

#[test]
fn a_life_keeps_12_of_its_16_bits() {
    assert_eq!(Life::new(0xfabc), Life::new(0xabc));
    assert_ne!(Life::new(0xabd), Life::new(0xabc));
}

#[test]
fn ids_of_a_life_sort_as_text_by_time_and_then_by_sequence() {
    let ids =
        [(0, 9), (1, 1), (1, 2), (1, 10), (1, 1 << 61), (2, 0), (255, 0), (256, 0), (1 << 47, 0)]
            .map(|(ms, sequence)| hub_id(ms, 5, sequence).to_string());
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:#?}");
}

#[test]
fn an_id_of_any_other_form_is_not_a_hub_id() {
    for text in [
        "",
        "earliest",
        "urn:uuid:",
        "018bcfe5-6800-7abc-8000-000000000007",
        "URN:UUID:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:{018bcfe5-6800-7abc-8000-000000000007}",
        "{018bcfe5-6800-7abc-8000-000000000007}",
        "urn:uuid:018bcfe568007abc8000000000000007",
        "urn:uuid:urn:uuid:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000g",
        "urn:uuid:018bcfe5-6800-7abc-8000-000000000007 ",
        " urn:uuid:018bcfe5-6800-7abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-8000-00000000000\u{e9}",
        // Versions 1, 4 and 8, and another variant.
        "urn:uuid:018bcfe5-6800-1abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-4abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-8abc-8000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-c000-000000000007",
        "urn:uuid:018bcfe5-6800-7abc-0000-000000000007",
    ] {
        assert_eq!(HubId::parse(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_an_id_or_is_refused(text in any::<String>(), digits in "[0-9a-fA-F-]{30,40}") {
        for id in [text, format!("urn:uuid:{digits}")] {
            if let Some(hub_id) = HubId::parse(&id) {
                prop_assert_eq!(hub_id.to_string(), id.to_lowercase());
            }
            if let Ok(custom) = CustomId::parse(&id) {
                prop_assert_eq!(custom.as_str(), id);
            }
        }
    }
}
