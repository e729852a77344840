//! The configuration file: what it may hold, what overrides it, and what a reload takes from it.

use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::config::{in_force, settings};

struct Written {
    file: tempfile::NamedTempFile,
}

impl Written {
    fn new(text: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self { file }
    }

    fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    /// What the program makes of it, with words beside it.
    fn read(&self, words: &[&str]) -> Result<Cli, String> {
        read(&[words, &["--config", self.path()]].concat())
    }

    fn config(&self, flags: &[&str]) -> Result<Config, String> {
        let task = self.read(flags)?.into_task_on(&NETWORK, ReadFor::Start);
        match task.map_err(|error| error.to_string())? {
            Task::Serve(config) => Ok(*config),
            other => Err(format!("not for serving: {other:?}")),
        }
    }
}

const FILE: &str = r#"
# The demonstrations are not for the public.
demos = false
retain-events = 5000
retain_age = "1h"
listen = ["127.0.0.1:1", "127.0.0.1:2"]
trace-sample = 0.5
"#;

#[test]
fn a_key_is_a_flag_without_its_dashes_and_an_array_stands_for_a_flag_given_several_times() {
    let config = Written::new(FILE).config(&[]).unwrap();
    assert!(!config.demos);
    assert_eq!(config.log.events_max, 5_000);
    assert_eq!(config.log.age_max, Duration::from_secs(3_600));
    assert_eq!(config.listen, ["127.0.0.1:1", "127.0.0.1:2"].map(|at| at.parse().unwrap()));
}

#[test]
fn a_flag_overrides_the_file() {
    let file = Written::new("retain-events = 1\nlisten = [\":1\", \":2\"]\nopen = true\n");
    let config = file.config(&["--retain-events=3", "--listen=127.0.0.1:3"]).unwrap();
    assert_eq!(config.log.events_max, 3);
    assert_eq!(config.listen, ["127.0.0.1:3".parse().unwrap()]);
}

#[test]
fn the_file_is_found_wherever_it_is_named_and_for_every_command() {
    let file = Written::new("admin-listen = \"127.0.0.1:7\"\njwt-secret-file = \"/nowhere\"\n");
    let inline = format!("--config={}", file.path());
    let variable = |name: &OsStr| (name == "FANFARE_CONFIG").then(|| file.path().into());
    let none = |_: &OsStr| None;
    let line = |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
    let check = |cli: Result<Cli, UsageError>| match cli
        .unwrap()
        .into_task_on(&NETWORK, ReadFor::Start)
        .unwrap()
    {
        Task::HealthCheck(check) => check.admin,
        other => panic!("{other:?}"),
    };
    let expected: Vec<SocketAddr> = vec!["127.0.0.1:7".parse().unwrap()];
    assert_eq!(
        check(environment::read(&line(&["fanfare", "healthcheck", &inline]), &none, None)),
        expected
    );
    assert_eq!(
        check(environment::read(&line(&["fanfare", "healthcheck"]), &variable, None)),
        expected
    );
    let token = line(&["fanfare", "token", "--publish=x", &inline]);
    let error = environment::read(&token, &none, None)
        .unwrap()
        .into_task_on(&NETWORK, ReadFor::Start)
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_the_line_and_what_to_write() {
    let cases = [
        ("demos = ", "is no TOML: line 1"),
        (
            "\n\nretain-event = 5\n",
            "line 3: there is no setting `retain-event`; did you mean `retain-events`?",
        ),
        ("colour = 1\n", "there is no setting `colour`; `fanfare config --list` shows all"),
        ("config = \"other\"\n", "there is no setting `config`"),
        ("list = \"x\"\n", "there is no setting `list`"),
        ("demos = 1979-05-27\n", "`demos` cannot be a date"),
        ("[demos]\nx = 1\n", "`demos` cannot be a table"),
        ("listen = [[1]]\n", "`listen` cannot be an array of arrays"),
        ("retain-events = 0x10\n", "a number in another base than ten"),
        ("retain-events = [1, 2]\n", "`retain-events` is one value and no array"),
        ("retain-events = 1\nretain_events = 2\n", "line 2: `retain-events` stands there twice"),
        ("retain-events = 1\nretain-events = 2\n", "is no TOML: line 2"),
        ("issuers = 3\n", "write a table [[issuers]] for each issuer"),
        ("[[issuers]]\nsecret = \"x\"\n", "missing field `issuer`"),
        (
            "[[issuers]]\nissuer = \"https://a.example\"\nsecrets = \"x\"\n",
            "unknown field `secrets`",
        ),
    ];
    for (text, expected) in cases {
        let message = Written::new(text).config(&[]).unwrap_err();
        assert!(message.contains(expected), "{text:?}: {message}");
    }
    let missing =
        environment::read(&["fanfare", "--config=/nowhere"].map(OsString::from), &|_| None, None);
    assert!(missing.unwrap_err().to_string().contains("/nowhere cannot be read: No such file"));
}

#[test]
fn a_value_of_the_file_is_held_to_the_rules_of_its_flag_and_named_with_its_line() {
    let cases = [
        ("\nretain-events = 0\n", "--retain-events", ", line 2"),
        ("policy = \"drop\"\n", "--policy", ", line 1"),
        ("retain-bytes = \"much\"\n", "--retain-bytes", ", line 1"),
        ("heartbeat = -3\n", "--heartbeat", ", line 1"),
    ];
    for (text, flag, line) in cases {
        let file = Written::new(text);
        let message = file.config(&[]).unwrap_err();
        let place = format!("The value is that of {}{line}.", file.path());
        assert!(message.contains(flag) && message.contains(&place), "{text:?}: {message}");
        assert!(!file.config(&[]).unwrap_err().contains("environment variable"));
    }
}

#[test]
fn several_issuers_have_keys_of_their_own() {
    let text = "
public-url = \"https://push.example\"
issuer = \"https://one.example\"
issuer-secret = \"a secret with thirty-two bytes, or more\"

[[issuers]]
issuer = \"https://two.example\"
secret = \"another secret with thirty-two bytes\"

[[issuers]]
issuer = \"https://three.example\"
secret = \"a third secret with 64 bytes, which HS512 needs, and some more of them\"
algorithm = \"HS512\"
";
    let config = Written::new(text).config(&[]).unwrap();
    let Authority::Tokens { verifier, .. } = config.authority else { panic!("tokens") };
    let names: Vec<_> = verifier.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    assert_eq!(names, ["https://one.example", "https://two.example", "https://three.example"]);
    let cases = [
        ("two.example", "one.example", "--issuer is named twice"),
        ("\nsecret = \"another secret with thirty-two bytes\"", "", "[[issuers]] has no key"),
        ("https://two.example", "two", "[[issuers]] is no URL"),
        ("HS512", "HS513", "[[issuers]] algorithm cannot be used"),
        ("another secret with thirty-two bytes", "short", "[[issuers]] secret cannot be used"),
    ];
    for (from, to, expected) in cases {
        let message = Written::new(&text.replace(from, to)).config(&[]).unwrap_err();
        assert!(message.contains(expected), "{from} for {to}: {message}");
    }
}

#[test]
fn what_is_in_force_is_printed_with_its_origin_and_without_secrets() {
    let file = Written::new("retain-events = 1\njwt-secret = \"a secret that nobody is to see\"\n");
    let flags = ["config", "--retain-bytes=9MiB", "--issuer-secret", "hidden, too"];
    let cli = file.read(&flags).unwrap();
    let Ok(Task::Print(text)) = cli.into_task_on(&NETWORK, ReadFor::Start) else {
        panic!("a list")
    };
    for line in [
        &format!("retain-events = 1  # {}, line 1", file.path()),
        "# issuer-secret = (hidden)  # command line",
        "retain-bytes = \"9MiB\"  # command line",
        "listen = [\"127.0.0.1:8080\"]  # default",
        "# issuer has no value",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(!text.contains("nobody is to see") && !text.contains("hidden, too"), "{text}");
    // It is a configuration file itself, that says the same.
    let again = Written::new(&text).read(&["config"]).unwrap();
    let Ok(Task::Print(again)) = again.into_task_on(&NETWORK, ReadFor::Start) else {
        panic!("a list")
    };
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(&again), values(&text));
}

#[test]
fn help_shows_nothing_of_the_file() {
    let file = Written::new("jwt-secret = \"a secret that nobody is to see\"\n");
    let help = file.read(&["--help"]).unwrap_err();
    assert!(!help.contains("nobody is to see"), "{help}");
    let help = read(&["--config=/nowhere", "--help"]).unwrap_err();
    assert!(help.contains("Usage: "), "{help}");
}

#[test]
fn a_reload_takes_what_may_change_and_names_what_needs_a_restart() {
    let parse = |text| ConfigFile::parse(Path::new("f"), text).unwrap();
    let start = parse("listen = \"127.0.0.1:1\"\nretain-events = 1\ntopic-max = \"1KiB\"\n");
    let cases: [(&str, &str, &[&str]); 4] = [
        (
            "listen = \"127.0.0.1:1\"\nretain-events = 1\ntopic-max = \"2KiB\"\n",
            "listen 127.0.0.1:1, retain-events 1, topic-max 2KiB",
            &[],
        ),
        (
            "\nlisten = \"127.0.0.1:2\"\nshards = 3\n",
            "listen 127.0.0.1:1, retain-events 1",
            &["listen", "retain-events", "shards"],
        ),
        ("", "listen 127.0.0.1:1, retain-events 1", &["listen", "retain-events"]),
        (
            "host = \"a\"\nretain-events = 1\nlisten = \"127.0.0.1:1\"\n",
            "host a, listen 127.0.0.1:1, retain-events 1",
            &[],
        ),
    ];
    for (text, expected, changed) in cases {
        let (file, names) = parse(text).pinned_to(Some(&start), settings::is_reloaded);
        assert_eq!(file.summary(), expected, "{text:?}");
        assert_eq!(names, changed, "{text:?}");
    }
}

#[test]
fn what_is_reloaded_is_a_setting() {
    let list = in_force::markdown(&Cli::command());
    let rows = list.lines().filter(|line| line.contains("| yes |")).count();
    assert_eq!(rows, settings::RELOADED.len(), "{list}");
}

#[test]
fn the_schema_takes_the_file_and_knows_every_setting() {
    let schema: serde_json::Value =
        serde_json::from_str(&in_force::schema(&Cli::command())).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for (_, name) in settings::settings(&Cli::command()) {
        assert!(properties.contains_key(name), "{name}");
    }
}
