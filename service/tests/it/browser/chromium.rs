//! A headless Chromium of a test's own: started through chromedriver, gone when it is dropped.
//!
//! Each has an empty profile in a folder of its own, so that no test sees another's cache. Where
//! Chromium is not installed a test fails: one that skips itself tells nobody.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Each takes some 300 MB, and the tests of other files run at the same time.
static PLACES: Semaphore = Semaphore::const_new(2);

const MISSING: &str = "these tests need Chromium and chromedriver: `make test` installs them";

/// A running Chromium with one window.
pub(crate) struct Chromium {
    pub(crate) client: Client,
    // In the order in which they must go: the processes, their folder, their place.
    processes: Processes,
    _folder: Folder,
    _place: SemaphorePermit<'static>,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further flags.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let place = PLACES.acquire().await.expect("never closed");
        let folder = Folder::new();
        let processes = Processes::start(&folder.0);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&folder.0, flags))
            .connect(&processes.url(""))
            .await
            .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
        Self { client, processes, _folder: folder, _place: place }
    }

    /// What the pages logged since the last call: messages, errors, refused requests, violations.
    pub(crate) async fn console_messages(&self) -> Vec<String> {
        let log = self.extension("se/log", &json!({"type": "browser"})).await;
        let entries = log.as_array().unwrap_or_else(|| panic!("no log: {log}"));
        entries.iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// From now on the window is of this size, and the system has this theme.
    pub(super) async fn look(&self, (width, height): (u32, u32), theme: &str) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600});
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        let commands = [("setDeviceMetricsOverride", metrics), ("setEmulatedMedia", media)];
        for (name, params) in commands {
            let command = json!({"cmd": format!("Emulation.{name}"), "params": params});
            let answer = self.extension("goog/cdp/execute", &command).await;
            assert_eq!(answer, json!({}), "{name}");
        }
    }

    /// What chromedriver can do beyond the standard.
    async fn extension(&self, path: &str, body: &Value) -> Value {
        let session = self.client.session_id().await.expect("an answer").expect("a session");
        let url = self.processes.url(&format!("/session/{session}/{path}"));
        let request = reqwest::Client::builder().no_proxy().build().expect("a client").post(url);
        let response = request.body(body.to_string()).send().await;
        let text = response.expect("an answer").text().await.expect("a body");
        let mut answer: Value = serde_json::from_str(&text).expect("JSON");
        answer["value"].take()
    }
}

fn capabilities(folder: &Path, flags: &[&str]) -> Capabilities {
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // The shared memory of a container is too small for it.
        "--disable-dev-shm-usage",
    ];
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let args: Vec<&str> =
        fixed.into_iter().chain([&*profile]).chain(flags.iter().copied()).collect();
    let filter = json!({
        "goog:chromeOptions": {"args": args},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    filter.as_object().expect("an object").clone()
}

/// Starts chromedriver, and ends it and its Chromium with whoever holds our standard input: also
/// when the tests are interrupted or killed, and nothing of theirs is dropped any more.
const DRIVER: &str = "command -v chromedriver >/dev/null || exit
    (chromedriver --port=0; kill -KILL 0) &
    read -r _
    kill -KILL 0";

/// Chromedriver, and the Chromium that it started: a process group of their own.
struct Processes {
    group: Child,
    port: u16,
}

impl Processes {
    /// Starts chromedriver on a port that the system chooses, and waits until it is ready. It takes
    /// a port for IPv6 and then the same for IPv4, which somebody else may have by then; so it is
    /// tried more than once.
    fn start(folder: &Path) -> Self {
        let started = (0..3).find_map(|_| Self::try_start(folder));
        started.unwrap_or_else(|| panic!("{MISSING} (no chromedriver)"))
    }

    fn try_start(folder: &Path) -> Option<Self> {
        let mut group = Command::new("sh")
            .args(["-c", DRIVER])
            .process_group(0)
            // Chromium leaves sockets there when it is ended from outside.
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // The lines end with chromedriver.
        let lines = BufReader::new(group.stdout.take().expect("piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // Dropped, it ends what has been started, also when there is no port.
        let mut processes = Self { group, port: 0 };
        processes.port = port?;
        Some(processes)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // All at once: those that outlive the others would write into the folder again. Nothing
        // here may panic, for a test that failed is being unwound.
        let _ = kill_process_group(Pid::from_child(&self.group), Signal::KILL);
        let _ = self.group.wait();
    }
}

/// A new folder, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "fanfare-browser-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        // Another process may have had our number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What was killed may need a moment to let go of its files.
        for _ in 0..50 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
