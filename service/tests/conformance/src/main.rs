//! `conformance --hub URL`: runs the suite against a hub. It exits with 0 if nothing failed, 1 if
//! something did, and 2 if it was not told what to run.

#![allow(rustdoc::bare_urls, reason = "the documentation of a flag is its help, as it is shown")]

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fanfare_conformance::hub::{Dialect, Target};
use fanfare_conformance::signing::SigningKey;
use fanfare_conformance::token::{Issuer, Keys};
use fanfare_conformance::{report, suite};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dialects {
    #[value(name = "1.0")]
    One,
    #[value(name = "0.x")]
    Legacy,
    Both,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Json,
}

/// Conformance suite for hubs of the Mercure protocol, draft-07 (0.x) and 1.0
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Flags {
    /// URL of the hub, such as https://hub.example/.well-known/mercure
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    hub: Option<reqwest::Url>,
    /// Dialect to hold it to
    #[arg(long, value_enum, default_value = "both")]
    dialect: Dialects,
    /// Issuer of tokens of 1.0 that the hub trusts
    #[arg(long, value_name = "ISSUER", requires = "key_of_issuer")]
    issuer: Option<String>,
    /// HS256 secret of the issuer
    #[arg(long, value_name = "SECRET", requires = "issuer", group = "key_of_issuer")]
    issuer_secret: Option<String>,
    /// File with the secret of the issuer
    #[arg(long, value_name = "FILE", requires = "issuer", group = "key_of_issuer")]
    issuer_secret_file: Option<PathBuf>,
    /// File with the private key (PEM) of the issuer; its kind says the algorithm
    #[arg(long, value_name = "FILE", requires = "issuer", group = "key_of_issuer")]
    issuer_key: Option<PathBuf>,
    /// What tokens of 1.0 name as their audience, where it is not the URL of the hub
    #[arg(long, value_name = "URL")]
    audience: Option<String>,
    /// HS256 secret of tokens of draft-07, for publishers and subscribers
    #[arg(long, value_name = "SECRET", group = "legacy_key")]
    jwt_secret: Option<String>,
    /// File with the secret of tokens of draft-07
    #[arg(long, value_name = "FILE", group = "legacy_key")]
    jwt_secret_file: Option<PathBuf>,
    /// File with the private key (PEM) of tokens of draft-07; its kind says the algorithm
    #[arg(long, value_name = "FILE", group = "legacy_key")]
    jwt_key: Option<PathBuf>,
    /// The hub lets those without a token read public events
    #[arg(long)]
    anonymous: bool,
    /// Origin whose pages may use credentials with the hub
    #[arg(long, value_name = "ORIGIN")]
    allowed_origin: Option<String>,
    /// Take any certificate
    #[arg(long)]
    insecure: bool,
    /// File with certificates (PEM) to trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Requirements to run, such as R19 or 1.0/R19; all without it
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,
    /// How to print the results
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Seconds to wait for a response or an event
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
    /// Print the requirements and their checks, and send nothing
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(flags).await {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell if even this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(flags: Flags) -> Result<ExitCode, Box<dyn Error>> {
    let dialects: &[Dialect] = match flags.dialect {
        Dialects::One => &[Dialect::One],
        Dialects::Legacy => &[Dialect::Legacy],
        Dialects::Both => &[Dialect::One, Dialect::Legacy],
    };
    let requirements = suite::selected(dialects, &flags.only);
    if requirements.is_empty() {
        return Err("no requirement has such an id; --list shows them".into());
    }
    let mut output = std::io::stdout();
    if flags.list {
        let list = report::list(requirements.iter().map(|(_, requirement)| *requirement));
        output.write_all(list.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let http = client(&flags)?;
    let target = target(&flags)?;
    let lines = suite::run(&target, &http, &requirements).await;
    let printed = match flags.format {
        Format::Text => report::text(&lines),
        Format::Markdown => report::markdown(&lines),
        Format::Json => report::json(&lines),
    };
    output.write_all(printed.as_bytes())?;
    let failed = lines.iter().any(|line| line.outcome.word() == "fail");
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(file: &Path) -> Result<String, Box<dyn Error>> {
    let read = std::fs::read_to_string(file);
    Ok(read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?)
}

/// The key that one of three flags gives.
fn signing_key(
    secret: Option<&String>,
    secret_file: Option<&PathBuf>,
    key_file: Option<&PathBuf>,
) -> Result<Option<SigningKey>, Box<dyn Error>> {
    if let Some(secret) = secret {
        return Ok(Some(SigningKey::secret(secret)?));
    }
    if let Some(file) = secret_file {
        let secret = read(file)?;
        return Ok(Some(SigningKey::secret(secret.trim_end_matches(['\r', '\n']))?));
    }
    let Some(file) = key_file else { return Ok(None) };
    let key = SigningKey::private(&read(file)?);
    Ok(Some(key.map_err(|error| format!("{}: {error}", file.display()))?))
}

fn target(flags: &Flags) -> Result<Target, Box<dyn Error>> {
    let url = flags.hub.clone().ok_or("--hub is missing")?;
    let audience = flags.audience.clone().unwrap_or_else(|| url.to_string());
    let issuer_key = signing_key(
        flags.issuer_secret.as_ref(),
        flags.issuer_secret_file.as_ref(),
        flags.issuer_key.as_ref(),
    )?;
    let issuer = flags.issuer.clone().zip(issuer_key);
    let issuer = issuer.map(|(name, key)| Issuer { name, key, audience });
    let legacy = signing_key(
        flags.jwt_secret.as_ref(),
        flags.jwt_secret_file.as_ref(),
        flags.jwt_key.as_ref(),
    )?;
    Ok(Target {
        url,
        keys: Keys { issuer, legacy },
        anonymous: flags.anonymous,
        allowed_origin: flags.allowed_origin.clone(),
        patience: Duration::from_secs(flags.timeout),
    })
}

fn client(flags: &Flags) -> Result<reqwest::Client, Box<dyn Error>> {
    // A proxy of the machine would be tested instead of the hub, and so would another URL.
    let mut builder =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    if let Some(file) = &flags.ca {
        let pem = read(file)?;
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    if flags.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder.build()?)
}
