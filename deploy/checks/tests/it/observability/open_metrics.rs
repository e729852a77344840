//! The metrics page as OpenMetrics, read by a program that knows the format and nothing of ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::client::{body, client};
use crate::support::process::Fanfare;
use crate::support::repository;

/// Reads a page from standard input, and says how many families it has and of which types.
const READ: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(len(families), *sorted({family.type for family in families}))
print(*sorted({family.unit for family in families if family.unit}))
";

/// What the reader says of a page, or that it does not take it.
fn read(page: &str) -> Result<String, String> {
    let python = repository("deploy/checks/.venv/bin/python");
    let mut reader = Command::new(python)
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the reader starts; `make setup-tests` installs it");
    let mut stdin = reader.stdin.take().expect("it was asked for");
    stdin.write_all(page.as_bytes()).expect("it reads");
    drop(stdin);
    let output = reader.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn the_page_is_open_metrics_to_the_reader_of_the_standard() {
    let server = Fanfare::start(&[]);
    let request = client().get(format!("http://{}/metrics", server.admin));
    let response = request.header("accept", "application/openmetrics-text; version=1.0.0").call();
    let page = body(response.expect("an answer"));
    let said = read(&page).unwrap_or_else(|said| panic!("{said}"));
    let (families, units) = said.trim().split_once('\n').expect("two lines");
    let (count, types) = families.split_once(' ').expect("a number and types");
    assert_eq!((types, units), ("counter gauge histogram info", "bytes seconds"));
    assert!(count.parse::<usize>().unwrap() > 100, "{count}");
    let spoilt = [
        page.replace("# EOF\n", ""),
        page.replace(
            "# UNIT fanfare_delivered_bytes bytes",
            "# UNIT fanfare_delivered_bytes seconds",
        ),
        page.replace("# TYPE fanfare_subscribers", "\n# TYPE fanfare_subscribers"),
    ];
    for page in spoilt {
        assert!(read(&page).is_err(), "the reader takes everything");
    }
}
