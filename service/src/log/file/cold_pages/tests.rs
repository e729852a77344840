//! What the threads that load pages do, and what is kept.

use futures_util::future::join_all;

use super::super::cold_page::ReadDirection;
use super::*;
use crate::event::Sequence;

fn key(from: u64) -> ColdPageKey {
    ColdPageKey {
        direction: ReadDirection::Forwards,
        from: Sequence(from),
        topics: None,
        events_max: 1,
        bytes_max: 1,
    }
}

/// Nothing can be read.
struct NoPages;

impl PageLoader for NoPages {
    fn load(&mut self, key: &ColdPageKey) -> LoadedPage {
        LoadedPage::unreadable(key)
    }

    fn idle(&mut self) {}
}

#[test]
fn a_page_that_was_read_does_not_go_because_too_much_is_unread() {
    let cold = ColdPages::new(10 * PAGE_BYTES, Buffers::default());
    let ask = |from| cold.ask(&key(from), || Waker::noop().clone());
    // Each takes `PAGE_BYTES`, as nothing can be read.
    assert!(ask(0).is_none());
    cold.load_all(LoadedPage::unreadable);
    assert!(ask(0).is_some());
    assert!((1..=6).all(|from| ask(from).is_none()));
    cold.load_all(LoadedPage::unreadable);
    assert!(cold.lock().has_too_much_unread());
    assert!((0..=6).all(|from| ask(from).is_some()));
}

/// What it was told, in order.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Told {
    fn add(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }
}

impl PageLoader for Told {
    fn load(&mut self, key: &ColdPageKey) -> LoadedPage {
        self.add("load");
        LoadedPage::unreadable(key)
    }

    fn idle(&mut self) {
        self.add("idle");
    }
}

fn ask_for(cold: &ColdPages, from: u64) {
    assert!(cold.ask(&key(from), || Waker::noop().clone()).is_none());
}

fn until_told(told: &Told, expected: &[&str]) {
    let patience = Instant::now() + Duration::from_secs(60);
    while told.0.lock().unwrap().len() < expected.len() {
        assert!(Instant::now() < patience, "{told:?}");
        std::thread::yield_now();
    }
    assert_eq!(*told.0.lock().unwrap(), expected);
}

#[test]
fn whoever_loads_is_idle_when_nothing_is_wanted_for_a_moment() {
    let cold = Arc::new(ColdPages::new(32 << 20, Buffers::default()));
    let told = Told::default();
    let (of_reader, loader) = (Arc::clone(&cold), told.clone());
    (0..3).for_each(|from| ask_for(&cold, from));
    let reader = std::thread::spawn(move || of_reader.work(loader));
    until_told(&told, &["load", "load", "load", "idle"]);
    cold.close();
    reader.join().unwrap();
}

#[test]
fn whoever_loads_is_idle_before_something_else_and_not_between_pages() {
    let cold = ColdPages {
        idle_after: Duration::from_secs(3_600),
        ..ColdPages::new(32 << 20, Buffers::default())
    };
    let (cold, told) = (Arc::new(cold), Told::default());
    let (of_reader, loader, of_task) = (Arc::clone(&cold), told.clone(), told.clone());
    let reader = std::thread::spawn(move || of_reader.work(loader));
    ask_for(&cold, 0);
    until_told(&told, &["load"]);
    ask_for(&cold, 1);
    until_told(&told, &["load", "load"]);
    cold.add_task(Box::new(move || of_task.add("task"))).unwrap();
    until_told(&told, &["load", "load", "idle", "task"]);
    cold.close();
    reader.join().unwrap();
}

#[tokio::test]
async fn whoever_asks_when_very_many_wait_waits_too_and_is_answered() {
    let cold = Arc::new(ColdPages::new(32 << 20, Buffers::default()));
    let of_reader = Arc::clone(&cold);
    let all = join_all((0..TASKS_MAX + 100).map(|number| cold.run(move || number)));
    let reader = std::thread::spawn(move || of_reader.work(NoPages));
    let answers = all.await;
    assert!(answers.iter().enumerate().all(|(number, answer)| *answer == Some(number)));
    cold.close();
    reader.join().unwrap();
    assert_eq!(cold.run(|| ()).await, None, "the log has ended");
    assert_eq!(cold.add_task(Box::new(|| ())), None, "not for whoever had a place before");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_done() {
    let cold = Arc::new(ColdPages::new(32 << 20, Buffers::default()));
    let mut asked = Box::pin(cold.run(|| panic!("somebody did it")));
    assert!(futures_util::poll!(&mut asked).is_pending());
    drop(asked);
    cold.load_all(LoadedPage::unreadable);
    assert_eq!(cold.room.available_permits(), TASKS_MAX, "its place is free");
}

#[tokio::test]
async fn a_task_that_panics_answers_nothing_and_the_next_one_is_done() {
    let cold = Arc::new(ColdPages::new(32 << 20, Buffers::default()));
    let of_reader = Arc::clone(&cold);
    let reader = std::thread::spawn(move || of_reader.work(NoPages));
    assert_eq!(cold.run(|| panic!("as a test wants it")).await, None::<()>);
    assert_eq!(cold.run(|| 7).await, Some(7));
    cold.close();
    reader.join().unwrap();
}
