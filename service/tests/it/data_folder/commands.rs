//! `fanfare data`: a folder is checked, described and exported while no server has it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{accepted_id, flags, publish};
use crate::support::{EventStream, PROGRAM, Program, client, form};

/// What a command has come to.
pub(super) struct Done {
    pub(super) code: Option<i32>,
    pub(super) output: String,
    pub(super) notes: String,
}

pub(super) fn data(arguments: &[&str], folder: &Path) -> Done {
    Done::of(Command::new(PROGRAM).arg("data").args(arguments).arg(folder))
}

impl Done {
    pub(super) fn of(command: &mut Command) -> Self {
        let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: done.status.code(), output: text(done.stdout), notes: text(done.stderr) }
    }
}

/// Events of all kinds, as lines, as an export shows them.
fn lines() -> Vec<Value> {
    vec![
        json!({ "topic": ["a"], "data": "plain" }),
        json!({ "topic": ["a", "https://example.com/b?c=ä"], "data": "two topics" }),
        json!({ "topic": ["a"], "data": "two\nlines, \"quoted\", \u{1F600}\n" }),
        json!({ "topic": ["a"], "data": "" }),
        json!({ "topic": ["a"], "data": "named", "type": "greeting" }),
        json!({ "topic": ["a"], "data": "with an id", "id": "order-1" }),
        json!({ "topic": ["a"], "data": "with a retry", "retry": 1500 }),
        json!({ "topic": ["b"], "data": "private", "private": true }),
        json!({ "topic": ["a"], "data": "last", "type": "t", "id": "order-2", "retry": 7 }),
    ]
}

fn parsed(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Publishes lines; the ids that they got.
async fn publish_lines(url: &str, body: String) -> Vec<String> {
    let request = client().post(format!("{url}/events"));
    let request = request.header("Content-Type", "application/x-ndjson").body(body);
    let answers = request.send().await.unwrap().text().await.unwrap();
    let id =
        |answer: &Value| answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    parsed(&answers).iter().map(id).collect()
}

pub(super) async fn end(mut server: Program) {
    server.signal(Signal::TERM);
    server.exit_code().await;
}

/// A folder with all kinds of events in it, and their ids.
pub(super) async fn filled(folder: &Path) -> Vec<String> {
    let server = Program::start(&flags(folder, &["--subscriptions"]));
    // The server publishes an event about this stream, on a topic of its own.
    let request = client().get(format!("{}/events/quiet", server.url));
    let stream = EventStream::open(request).await;
    let body = lines().iter().map(|line| format!("{line}\n")).collect();
    let ids = publish_lines(&server.url, body).await;
    drop(stream);
    end(server).await;
    ids
}

#[tokio::test]
async fn a_good_folder_is_said_to_be_good_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let ids = filled(folder.path()).await;
    let check = data(&["check"], folder.path());
    assert_eq!(check.code, Some(0), "{}{}", check.output, check.notes);
    assert!(check.output.contains("problems: 0, holes: 0"), "{}", check.output);

    let stat = data(&["stat"], folder.path());
    assert_eq!(stat.code, Some(0), "{}", stat.notes);
    assert!(stat.output.contains("\nproblems      0\n"), "{}", stat.output);
    let stat = data(&["stat", "--format=json"], folder.path());
    let stat: Value = serde_json::from_str(&stat.output).unwrap();
    assert!(stat["events"].as_u64().unwrap() > ids.len() as u64, "with those about the stream");
    assert!(stat["bytes"].as_u64() > Some(1_024) && stat["segments"] == 1, "{stat}");
    assert!(stat["oldest"]["id"].as_str().unwrap() <= ids[0].as_str(), "{stat}");
    for time in [&stat["begun"], &stat["newest"]["time"]] {
        assert!(time.as_str().unwrap().ends_with('Z'), "{stat}");
    }
}

#[tokio::test]
async fn an_export_that_another_server_takes_is_the_same_there_and_its_clients_are_told_one_gap() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let ids = filled(folders[0].path()).await;
    let export = data(&["export"], folders[0].path());
    assert_eq!(export.code, Some(0), "{}", export.notes);
    assert_eq!(parsed(&export.output), lines());
    assert!(export.notes.contains("exported: 9 of "), "{}", export.notes);
    assert!(export.notes.contains(", because topics below"), "{}", export.notes);

    let server = Program::start(&flags(folders[1].path(), &[]));
    let new_ids = publish_lines(&server.url, export.output.clone()).await;
    assert_eq!(new_ids.len(), lines().len());
    let request = client().get(format!("{}/events/a", server.url));
    let mut stream = EventStream::open(request.header("Last-Event-ID", &ids[0])).await;
    let gap = stream.next().await.unwrap();
    assert_eq!(gap.event.as_deref(), Some("fanfare-gap"));
    for line in lines().iter().filter(|line| line["topic"][0] == "a") {
        let event = stream.next().await.unwrap();
        assert_eq!(event.data, line["data"]);
        assert_eq!(event.event.as_deref(), line["type"].as_str());
    }
    drop(stream);
    end(server).await;
    let again = data(&["export"], folders[1].path());
    assert_eq!((again.code, again.output), (Some(0), export.output));
}

/// Publishes lines to a new server with these flags, which takes all of them; what it exports then.
async fn moved(ndjson: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(folder.path(), more));
    let ids = publish_lines(&server.url, ndjson.to_owned()).await;
    assert_eq!(ids.len(), ndjson.lines().count());
    end(server).await;
    let export = data(&["export"], folder.path());
    assert_eq!(export.code, Some(0), "{}", export.notes);
    export.output
}

#[tokio::test]
async fn an_export_has_no_end_and_no_id_that_had_gone_when_the_topic_went_on_or_the_id_came_again()
{
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(folder.path(), &["--retain-events", "3"]));
    let published = [
        ("job?end", "all done", false),
        ("x?id=k", "A", false),
        ("over,1?end", "stays the end", true),
        ("o", "1", true),
        ("o?id=l", "2", true),
        ("o", "3", true),
        ("job", "again", true),
        ("x?id=k", "B", true),
        ("job?end", "done again", true),
    ];
    let client = client();
    let mut expected = Vec::new();
    for (path, text, is_exported) in published {
        accepted_id(publish(&client, &server.url, path, text).await).await;
        let (topic, query) = path.split_once('?').unwrap_or((path, ""));
        let mut line = json!({ "topic": [topic], "data": text });
        match query.split_once('=') {
            Some((_, id)) => line["id"] = json!(id),
            None if query == "end" => line["end"] = json!(true),
            None => {}
        }
        expected.extend(is_exported.then_some(line));
    }
    end(server).await;
    let export = data(&["export"], folder.path());
    assert_eq!(export.code, Some(0), "{}", export.notes);
    assert_eq!(parsed(&export.output), expected);
    let notes = [
        "exported: 7 of 9 events",
        "left out: 1, because they end a topic, and were no longer retained",
        "left out: 1, because they were no longer retained when a later event with their id",
    ];
    for note in notes {
        assert!(export.notes.contains(note), "{note}: {}", export.notes);
    }
    assert_eq!(moved(&export.output, &[]).await, export.output);
}

#[tokio::test]
async fn events_that_share_an_id_as_mercure_allows_are_exported_from_the_last_idempotent_one_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(folder.path(), &["--retain-events", "2"]));
    let client = client();
    let published = [
        ("t?id=shared", "had gone at the fifth", true),
        ("t", "had gone, too", false),
        ("t?id=other", "another id", true),
        ("t?id=another", "another id", true),
        ("t?id=shared", "no id of an event that was retained", true),
        ("t", "the same id", false),
        ("t", "the same id again", false),
    ];
    for (path, text, is_idempotent) in published {
        let sent = match is_idempotent {
            true => publish(&client, &server.url, path, text).await,
            false => {
                let body = form(&[("topic", path), ("id", "shared"), ("data", text)]);
                let request = client.post(format!("{}/.well-known/mercure", server.url));
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                request.body(body).send().await.unwrap()
            }
        };
        accepted_id(sent).await;
    }
    end(server).await;
    let export = data(&["export"], folder.path());
    let exported: Vec<_> = parsed(&export.output).iter().map(|line| line["data"].clone()).collect();
    let expected: Vec<_> = published[2..].iter().map(|(_, text, _)| json!(text)).collect();
    assert_eq!(exported, expected);
    assert!(export.notes.contains("exported: 5 of 7 events"), "{}", export.notes);
}

#[tokio::test]
async fn an_export_with_a_line_that_is_longer_than_usual_says_which_limit_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(folder.path(), &[]));
    // In a line of JSON it is six times as long.
    let largest = "\u{1}".repeat(1 << 20);
    accepted_id(publish(&client(), &server.url, "t", &largest).await).await;
    end(server).await;
    let export = data(&["export"], folder.path());
    let longest = (export.output.len() - 1).to_string();
    let note = format!("the longest line has {longest} bytes; ");
    assert!(export.notes.contains(&note), "{}", export.notes);
    assert!(export.notes.contains(&format!("--body-max {longest}")), "{}", export.notes);
    let taken = moved(&export.output, &["--body-max", &longest]).await;
    assert!(taken == export.output, "{} of {} bytes", taken.len(), export.output.len());
}

#[tokio::test]
async fn a_damaged_folder_is_told_with_the_place_and_what_is_good_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Program::start(&flags(folder.path(), &[]));
    for data in ["1", "2", "3", "4"] {
        accepted_id(publish(&client(), &server.url, "t", data).await).await;
    }
    server.signal(Signal::KILL);
    server.exit_code().await;
    let name = format!("{:020}.seg", 1);
    let file = File::options().write(true).open(folder.path().join(&name)).unwrap();
    file.write_all_at(b"damaged", 1_024 + 60).unwrap();
    let before = std::fs::read(folder.path().join(&name)).unwrap();

    let check = data(&["check"], folder.path());
    let place = format!("{name}, byte 1024: a batch that was whole is not any more; event 1 is");
    assert_eq!(check.code, Some(1), "{}", check.notes);
    assert!(check.output.starts_with(&place), "{}", check.output);
    assert!(check.output.contains("--repair"), "{}", check.output);
    assert!(check.output.contains("segments: 1, events: 3,"), "{}", check.output);
    let export = data(&["export"], folder.path());
    assert_eq!(export.code, Some(1));
    let expected = ["2", "3", "4"].map(|data| json!({ "topic": ["t"], "data": data }));
    assert_eq!(parsed(&export.output), expected);
    assert!(export.notes.contains(&place), "{}", export.notes);
    assert!(export.notes.contains("missing because of damage: 1"), "{}", export.notes);
    let stat = data(&["stat"], folder.path());
    assert!(stat.output.contains("1; see fanfare data check"), "{}", stat.output);
    assert!(before == std::fs::read(folder.path().join(&name)).unwrap(), "nothing is changed");
}

#[test]
fn a_folder_in_use_a_missing_one_and_one_without_a_log_are_refused() {
    const USAGE: Option<i32> = Some(64);
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let used = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(used.path(), &[]));
    let owner = format!("is used by another process ({})", server.child.id());
    for action in ["check", "stat", "export"] {
        let cases = [
            (missing.as_path(), "there is no folder"),
            (folder.path(), "has no event log"),
            (used.path(), &owner),
        ];
        for (folder, why) in cases {
            let done = data(&[action], folder);
            assert_eq!((done.code, done.output.as_str()), (USAGE, ""), "{action}: {}", done.notes);
            assert!(done.notes.contains(why), "{action}: {}", done.notes);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    drop(server);
}

#[tokio::test]
async fn a_reader_of_the_export_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(folder.path(), &[]));
    // More than a pipe holds.
    let line = format!("{}\n", json!({ "topic": "t", "data": "x".repeat(1_000) }));
    publish_lines(&server.url, line.repeat(500)).await;
    end(server).await;
    let mut command = Command::new(PROGRAM);
    command.args(["data", "export"]).arg(folder.path());
    let mut export = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(export.stdout.take());
    let done = export.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn what_else_is_in_the_folder_is_no_matter_as_on_a_file_system_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let summary = |done: Done| {
        assert_eq!(done.code, Some(0), "{}{}", done.output, done.notes);
        done.output.lines().find(|line| line.starts_with("segments: ")).unwrap().to_owned()
    };
    let before = summary(data(&["check"], folder.path()));
    std::fs::create_dir(folder.path().join("lost+found")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "of somebody else").unwrap();
    // As one that its user cannot open.
    std::os::unix::fs::symlink("/nowhere", folder.path().join("elsewhere")).unwrap();
    assert_eq!(summary(data(&["check"], folder.path())), before);
    assert_eq!(data(&["stat"], folder.path()).code, Some(0));
    end(Program::start(&flags(folder.path(), &[]))).await;
}

#[tokio::test]
async fn a_folder_whose_identity_is_gone_is_checked_and_repaired_from_its_segments() {
    let folder = tempfile::tempdir().unwrap();
    let ids = filled(folder.path()).await;
    std::fs::remove_file(folder.path().join("meta")).unwrap();
    let refused = Command::new(PROGRAM).args(flags(folder.path(), &[])).output().unwrap();
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("meta is corrupt at byte 0: it is missing"), "{why}");
    let check = data(&["check"], folder.path());
    assert_eq!(check.code, Some(1), "{}", check.notes);
    assert!(check.output.contains("meta, byte 0: it is missing"), "{}", check.output);
    assert!(check.output.contains("--repair"), "{}", check.output);

    let server = Program::start(&flags(folder.path(), &["--repair"]));
    let request = client().get(format!("{}/events/a", server.url));
    let mut stream = EventStream::open(request.header("last-event-id", &ids[0])).await;
    assert_eq!(stream.next().await.unwrap().id.as_ref(), Some(&ids[1]), "ids stay");
    drop(stream);
    end(server).await;
    assert_eq!(data(&["check"], folder.path()).code, Some(0));
}

#[tokio::test]
async fn a_repair_of_a_folder_that_is_not_there_yet_is_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::start(&flags(&folder.path().join("new"), &["--repair"]));
    accepted_id(publish(&client(), &server.url, "t", "x").await).await;
    end(server).await;
}
