//! Where a stream begins of events that are on the disk alone.

use std::path::Path;

use tokio::task::yield_now;

use super::*;
use crate::log::{
    EventFilter, FileLog, FileLogSettings, KeptLimits, KeptSettings, RetentionRules, SyncMode,
};

const RARE: u64 = 200;
const BUSY: u64 = 3_000;

/// Room for a tenth of the events in memory, and segments of a mebibyte.
const SETTINGS: FileLogSettings = FileLogSettings {
    events_max: usize::MAX,
    bytes_max: 8 << 20,
    age_max: Duration::from_secs(3_600),
    memory_max: 256 << 10,
    sync: SyncMode::Never,
};

/// Opens it anew; its clock shows another second for each event.
fn open(folder: &Path) -> (Arc<FileLog>, Arc<AtomicU64>) {
    let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
    let hand = Arc::clone(&now_ms);
    let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
    (Arc::new(FileLog::open(folder, SETTINGS, clock).unwrap()), now_ms)
}

/// The sequences that a stream with this selector begins with.
async fn first_of(hub: &Hub, selectors: &[&str], beginning: Beginning) -> Vec<u64> {
    let selectors = selectors.iter().map(|text| Selector::parse(text).unwrap());
    let selectors = SelectorSet::new(selectors).unwrap();
    let request = SubscribeRequest { selectors, grants: Grants::all(), resume: None };
    let subscription = hub.subscribe(request, beginning).await.unwrap();
    let initial = subscription.initial_replay.as_ref().unwrap();
    let (mut after, head) = (subscription.cursor, initial.head);
    let mut found = Vec::new();
    while after < head.sequence {
        let mut range = ReadRange { after, through: head.sequence };
        let mut filter = EventFilter::Candidates(&subscription.selectors);
        if let Some(list) = &initial.list {
            let Some(run) = list.next_run(after) else { break };
            range = ReadRange { through: run.range().through.min(head.sequence), ..run.range() };
            if !matches!(run, ReplayRun::All(_)) {
                filter = EventFilter::Everything;
            }
        }
        let limit = PageLimit { events_max: 1_000, bytes_max: 1 << 20 };
        let page = hub.log().read_when_loaded(head.epoch, range, filter, limit).await;
        let page = page.ready().unwrap();
        let visible = page.events.iter().filter(|event| {
            subscription.selectors.matches_any(event.topics().iter().map(Topic::as_str))
        });
        found.extend(visible.map(|event| event.sequence().0));
        after = page.through;
    }
    found
}

async fn streams_begin_as_they_should(hub: &Hub) {
    let newest =
        |count: usize, since_ms| Beginning::Newest { count: count.try_into().unwrap(), since_ms };
    let head = RARE + BUSY;
    let rare: Vec<u64> = (1..=RARE).collect();
    let all: Vec<u64> = rare.iter().copied().chain([head]).collect();
    let at = |sequence: u64| 1_795_000_000_000 + sequence * 1_000;
    let cases: [(&[&str], Beginning, Vec<u64>); 9] = [
        (&["rare/{x}"], newest(1, None), rare.clone()),
        (&["*"], newest(1, None), all.clone()),
        (&["{x}", "rare/{x}"], newest(1, None), all),
        (&["rare/7"], newest(3, None), vec![7]),
        (&["rare/3", "busy"], newest(2, None), vec![3, head - 1, head]),
        (&["busy"], newest(2_500, None), (head - 2_499..=head).collect()),
        (&["*"], newest(1, Some(at(100))), (100..=RARE).chain([head]).collect()),
        (&["busy"], Beginning::Since(at(1_000)), (1_000..=head).collect()),
        (&["rare/{x}"], Beginning::Since(at(RARE - 1)), vec![RARE - 1, RARE]),
    ];
    for (selectors, beginning, expected) in cases {
        let found = first_of(hub, selectors, beginning).await;
        assert_eq!(found, expected, "{selectors:?} {beginning:?}");
    }
    assert_eq!(hub.partial_replay_bytes(), 0);
}

#[tokio::test]
async fn what_is_on_the_disk_alone_is_found_as_well_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (log, now_ms) = open(folder.path());
    let hub = Hub::new(log.clone(), Metrics::new(1));
    let padding = "x".repeat(900);
    for sequence in 1..=RARE + BUSY {
        now_ms.fetch_add(1_000, Ordering::Relaxed);
        let topic = if sequence <= RARE { format!("rare/{sequence}") } else { "busy".to_owned() };
        let data = if sequence <= RARE { "" } else { &*padding };
        let fields =
            DraftFields { topics: vec![topic.into()], data: data.into(), ..DraftFields::default() };
        hub.publish(fields.check(&EventLimits::default()).unwrap()).await.unwrap();
    }
    while log.in_memory_from() < Sequence(RARE * 2) {
        log.expire();
        yield_now().await;
    }
    streams_begin_as_they_should(&hub).await;
    drop((hub, log));
    let (log, _) = open(folder.path());
    assert!(log.in_memory_from() > Sequence(RARE), "{}", log.in_memory_from());
    streams_begin_as_they_should(&Hub::new(log, Metrics::new(1))).await;
}

#[tokio::test]
async fn what_rules_keep_of_what_the_disk_has_no_more_is_found_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let rules = RetentionRules::new(vec!["rare/*=last:1".parse().unwrap()]).unwrap();
        let limits = KeptLimits { topics_max: 1_000, bytes_max: 1 << 20 };
        let settings = FileLogSettings { bytes_max: 1 << 20, memory_max: 256 << 10, ..SETTINGS };
        let kept = KeptSettings { rules, limits };
        Arc::new(FileLog::open_with_rules(folder.path(), settings, kept, Clock::system()).unwrap())
    };
    let publish = async |hub: &Hub, topic: String, bytes: usize| {
        let (topics, data) = (vec![topic.into()], "x".repeat(bytes).into());
        let fields = DraftFields { topics, data, ..DraftFields::default() };
        hub.publish(fields.check(&EventLimits::default()).unwrap()).await.unwrap();
    };
    let log = open();
    let hub = Hub::new(log.clone(), Metrics::new(1));
    for number in 1..=RARE {
        publish(&hub, format!("rare/{number}"), 10).await;
    }
    while log.bounds().oldest <= Sequence(RARE) {
        publish(&hub, "busy".to_owned(), 20_000).await;
    }
    let rare: Vec<u64> = (1..=RARE).collect();
    let newest =
        |count: usize| Beginning::Newest { count: count.try_into().unwrap(), since_ms: None };
    let check = async |hub: &Hub| {
        assert_eq!(first_of(hub, &["rare/{x}"], newest(1)).await, rare);
        assert_eq!(first_of(hub, &["rare/3", "rare/5"], newest(2)).await, [3, 5]);
        assert_eq!(first_of(hub, &["rare/3"], newest(2)).await, [3]);
        assert_eq!(first_of(hub, &["rare/7"], Beginning::Since(0)).await, [7]);
        let late = Beginning::Newest { count: 1.try_into().unwrap(), since_ms: Some(u64::MAX) };
        assert_eq!(first_of(hub, &["rare/{x}"], late).await, [0; 0]);
        assert_eq!(first_of(hub, &["rare/{x}"], Beginning::Everything).await, rare);
        let topic = Topic::parse("rare/9", 100).unwrap();
        assert_eq!(hub.summary_of(&topic, &Grants::all()).await.count, 1);
    };
    check(&hub).await;
    drop((hub, log));
    let log = open();
    assert!(log.bounds().oldest > Sequence(RARE));
    check(&Hub::new(log, Metrics::new(1))).await;
}
