//! What observes a server: a real Prometheus that scrapes it, and a receiver of its traces.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;

use crate::http::Client;
use crate::places::Places;
use crate::process::Process;
use crate::programs::on_path;

/// Scrapes as the compose file has it, with the repository's rules; ends with its value.
pub(crate) fn prometheus(
    places: &Places,
    folder: &Path,
    port: u16,
    target_port: u16,
) -> anyhow::Result<Process> {
    let program = on_path("prometheus").context("no `prometheus` on PATH; install it")?;
    // What it scraped from another server would be evaluated, too.
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let file = folder.join("prometheus.yml");
    fs::write(&file, configuration(&places.repository, target_port))?;
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let mut process = Process::start("Prometheus", command, &folder.join("log"))?;
    let (client, ready) = (Client::new(), format!("http://127.0.0.1:{port}/-/ready"));
    process.wait_until(|| client.is_ok(&ready))?;
    Ok(process)
}

fn configuration(repository: &Path, target_port: u16) -> String {
    format!(
        "global: {{scrape_interval: 5s, evaluation_interval: 5s}}\n\
         rule_files: [\"{}/deploy/prometheus/rules/*.yml\"]\n\
         scrape_configs:\n\
         \x20 - job_name: fanfare\n\
         \x20   static_configs: [{{targets: [\"127.0.0.1:{target_port}\"]}}]\n",
        repository.display()
    )
}

/// Takes traces on a port and forgets them, until this program ends.
pub(crate) fn receive_traces(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("receiving traces")?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = Router::new().fallback(|_: Bytes| async {}).layer(DefaultBodyLimit::disable());
    thread::Builder::new().name("traces".to_owned()).spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        })
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_is_told_the_rules_and_the_server() {
        let text = configuration(Path::new("/fanfare"), 20_001);
        assert!(text.contains("\"/fanfare/deploy/prometheus/rules/*.yml\""), "{text}");
        assert!(text.contains(
            "\n  - job_name: fanfare\n    static_configs: [{targets: [\"127.0.0.1:20001\"]}]"
        ));
    }

    #[test]
    fn traces_are_taken() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        receive_traces(port).expect("it listens");
        let url = format!("http://127.0.0.1:{port}/v1/traces");
        let response = Client::new().post(&url, &"x".repeat(3 << 20));
        assert_eq!(response.expect("an answer"), "");
    }
}
