mod config_file;
mod every_flag;
mod memory_fit;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::CommandFactory as _;

use super::*;

/// A machine whose only names are `localhost` and `push.example`.
const NETWORK: Network = Network {
    look_up: |name, port| match name {
        "localhost" => {
            Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()])
        }
        "push.example" => {
            Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv4Addr::new(10, 0, 0, 1), port).into()])
        }
        _ => Err(std::io::Error::other("no such name")),
    },
    has: |_: IpAddr| true,
    inherited: || Ok(None),
};

fn config(flags: &[&str]) -> Result<Config, String> {
    match task(flags)? {
        Task::Serve(config) => Ok(*config),
        other => Err(format!("not for serving: {other:?}")),
    }
}

fn task(flags: &[&str]) -> Result<Task, String> {
    read(flags)?.into_task_on(&NETWORK, ReadFor::Start).map_err(|error| error.to_string())
}

fn read(flags: &[&str]) -> Result<Cli, String> {
    let line = std::iter::once(&"fanfare").chain(flags).map(OsString::from).collect::<Vec<_>>();
    environment::read(&line, &|_| None, None).map_err(|error| error.to_string())
}

#[test]
fn the_flags_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn the_defaults_are_those_of_the_documents() {
    let config = config(&[]).unwrap();
    assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(config.admin_listen, ["127.0.0.1:9090".parse().unwrap()]);
    assert_eq!(config.log.events_max, 100_000);
    assert_eq!(config.log.bytes_max, 256 << 20);
    assert_eq!(config.log.age_max, Duration::from_secs(86_400));
    assert_eq!(config.event_limits.data_bytes_max, 1 << 20);
    assert_eq!(config.event_limits.topics_max, 1_000);
    assert_eq!(config.event_limits.topic_bytes_max, 4_096);
    assert_eq!(config.delivery.lag.events_max, 10_000);
    assert_eq!(config.delivery.lag.bytes_max, 4 << 20);
    assert_eq!(config.delivery.heartbeat, Duration::from_secs(15));
    assert_eq!(config.http.headers_bytes_max, 16 << 10);
    assert_eq!(config.http.headers_timeout, Duration::from_secs(10));
    assert_eq!(config.http.body_timeout, Duration::from_secs(30));
    assert_eq!(config.http.selectors_bytes_max, 64 << 20);
    assert!(config.demos && config.http.retry_on_reject);
}

#[test]
fn the_defaults_of_flags_are_those_of_the_settings() {
    let config = config(&[]).unwrap();
    assert_eq!(format!("{:?}", config.log), format!("{:?}", MemoryLogSettings::default()));
    assert_eq!(format!("{:?}", config.delivery), format!("{:?}", DeliverySettings::default()));
    // On loopback, as by default, responses say why a token was refused.
    let http = HttpSettings { explain_tokens: true, ..HttpSettings::default() };
    assert_eq!(format!("{:?}", config.http), format!("{http:?}"));
    let reserved = config.event_limits.reserved;
    let limits = EventLimits { reserved, ..EventLimits::default() };
    assert_eq!(format!("{:?}", config.event_limits), format!("{limits:?}"));
}

#[test]
fn a_flag_of_an_earlier_version_is_understood_with_a_hint_of_its_new_name() {
    let mut cli = read(&["--log-events=7", "--gentle-refusals", "no"]).unwrap();
    let hints = cli.take_hints();
    let Ok(Task::Serve(config)) = cli.into_task_on(&NETWORK, ReadFor::Start) else {
        panic!("it serves")
    };
    assert_eq!((config.log.events_max, config.http.retry_on_reject), (7, false));
    let expected = [
        "--gentle-refusals is called --retry-on-reject now",
        "--log-events is called --retain-events now",
    ];
    assert!(hints.iter().zip(expected).all(|(hint, begin)| hint.starts_with(begin)), "{hints:?}");
    assert_eq!(hints.len(), 2);
    assert_eq!(read(&["--retain-events=7"]).unwrap().take_hints(), [""; 0]);
    // A complaint names the flag as it is called now, which help knows.
    assert!(read(&["--log-events=0"]).unwrap_err().contains("--retain-events"));
}

#[test]
fn serve_is_the_same_as_no_command() {
    let flags = ["--listen", "127.0.0.1:1", "--demos=false"];
    let plain = config(&flags).unwrap();
    let named = config(&["serve", "--listen", "127.0.0.1:1", "--demos=false"]).unwrap();
    assert_eq!(format!("{plain:?}"), format!("{named:?}"));
}

#[test]
fn switches_may_be_given_bare_or_with_a_value() {
    let cases: [(&[&str], bool); 7] = [
        (&["--demos"], true),
        (&["--demos=true"], true),
        (&["--demos=false"], false),
        (&["--demos", "false"], false),
        (&["--demos", "0"], false),
        (&["--demos=Yes", "--open"], true),
        (&["--nats", "nats://127.0.0.1:4222"], false),
    ];
    for (flags, expected) in cases {
        assert_eq!(config(flags).unwrap().demos, expected, "{flags:?}");
    }
}

#[test]
fn a_unix_socket_is_local_and_may_stand_alone_or_beside_addresses() {
    let path = "unix:/run/fanfare.sock";
    let alone = config(&["--listen", path]).unwrap();
    assert!(alone.listen.is_empty());
    assert_eq!(alone.listen_unix, [PathBuf::from("/run/fanfare.sock")]);
    assert!(alone.hosts.loopback && !alone.open_to_network);
    let both = config(&["--listen", path, "--listen", "127.0.0.1:1", "--listen", path]).unwrap();
    assert_eq!(both.listen, ["127.0.0.1:1".parse().unwrap()]);
    assert_eq!(both.listen_unix.len(), 1);
    let error = task(&["--listen", path, "--listen", "0.0.0.0:1"]).unwrap_err();
    assert!(error.contains("--listen 0.0.0.0:1"), "{error}");
    let error = task(&["--admin-listen", path]).unwrap_err();
    assert!(error.contains("--admin-listen takes an address and a port"), "{error}");
}

#[test]
fn a_listener_that_others_can_reach_has_to_be_asked_for() {
    let cases: [(&[&str], bool); 12] = [
        (&["--listen", "127.0.0.1:1"], true),
        (&["--listen", "[::1]:1"], true),
        (&["--listen", "[::ffff:127.0.0.1]:1"], true),
        (&["--listen", "127.9.9.9:1,[::1]:2"], true),
        (&["--listen", "localhost:1"], true),
        (&["--listen", "push.example:1"], false),
        (&["--listen", ":1"], false),
        (&["--listen", "*:1"], false),
        (&["--listen", "0.0.0.0:1"], false),
        (&["--listen", "127.0.0.1:1", "--listen", "10.0.0.1:1"], false),
        (&["--listen", "0.0.0.0:1", "--open"], true),
        (&["--listen", "push.example:1", "--open=1"], true),
    ];
    for (flags, allowed) in cases {
        let result = config(flags);
        assert_eq!(result.is_ok(), allowed, "{flags:?}");
        if let Err(message) = result {
            assert!(message.contains("--open"), "{message}");
            assert!(message.contains(flags.last().unwrap()), "{message}");
        }
    }
}

#[test]
fn a_listener_is_opened_at_every_address_of_its_name() {
    let config = config(&["--listen", "localhost:1,", "--admin-listen", "localhost:2"]).unwrap();
    assert_eq!(config.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:1".parse().unwrap()]);
    assert_eq!(config.admin_listen, ["127.0.0.1:2".parse().unwrap(), "[::1]:2".parse().unwrap()]);
}

#[test]
fn no_limit_is_larger_than_any() {
    let config = config(&["--retain-age=0s", "--lag-events=0", "--lag-bytes=0"]).unwrap();
    assert_eq!(config.log.age_max, Duration::MAX);
    assert_eq!(config.delivery.lag.events_max, u64::MAX);
    assert_eq!(config.delivery.lag.bytes_max, u64::MAX);
}

#[test]
fn without_a_list_every_host_is_served_in_the_open_and_elsewhere_only_this_machine() {
    let cases: [(&[&str], bool, bool, usize); 5] = [
        (&[], false, true, 0),
        (&["--open"], true, true, 0),
        (&["--listen", "0.0.0.0:1", "--open"], true, false, 0),
        (&["--listen", "0.0.0.0:1", "--open", "--host", "a.example,[::1]"], false, false, 2),
        (&["--host", "a.example", "--host", "B.example"], false, true, 2),
    ];
    for (flags, any, loopback, named) in cases {
        let hosts = config(flags).unwrap().hosts;
        assert_eq!(
            (hosts.any, hosts.loopback, hosts.named.len()),
            (any, loopback, named),
            "{flags:?}"
        );
    }
}

#[test]
fn a_server_that_shows_events_without_a_token_to_others_has_to_know_its_names() {
    let secret = "a secret of draft-07, for tests, with 32 bytes or more";
    let of = |flags: &[&str]| config(&[&["--jwt-secret", secret], flags].concat());
    let (anywhere, shown) = (["--listen", "0.0.0.0:1"], ["--anonymous-subscribe"]);
    let error = of(&[&anywhere[..], &shown].concat()).unwrap_err();
    assert!(error.contains("--listen 0.0.0.0:1") && error.contains("--host"), "{error}");
    for further in [&["--host", "push.example"][..], &["--listen", "127.0.0.1:1"]] {
        of(&[&anywhere[..], &shown, further].concat()).unwrap();
    }
    assert!(of(&anywhere).unwrap().hosts.any, "whoever reads has a token");
}

#[test]
fn origins_are_any_scheme_and_host_in_the_form_of_browsers() {
    let given = "HTTPS://App.Example:443/,capacitor://localhost,null";
    let listed = config(&["--cors-origin", given]).unwrap().origins.listed;
    let written: Vec<_> = listed.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["https://app.example", "capacitor://localhost", "null"]);
}

#[test]
fn pages_of_the_called_host_are_trusted_only_where_not_every_name_could_be_made_to_lead_here() {
    assert!(!config(&["--open"]).unwrap().origins.same_host);
    assert!(config(&["--host", "push.example"]).unwrap().origins.same_host);
    assert!(config(&["--listen", "0.0.0.0:1", "--open"]).unwrap().origins.same_host);
}

#[test]
fn a_setting_out_of_range_names_its_flag() {
    let cases: [(&[&str], &str); 11] = [
        (&["--retain-events", "0"], "--retain-events"),
        (&["--headers-max", "1B"], "--headers-max"),
        (&["--headers-timeout", "0s"], "--headers-timeout"),
        (&["--shards", "5000"], "--shards"),
        (&["--http2-streams", "0"], "--http2-streams"),
        (&["--event-data-max", "8MiB"], "--body-max"),
        (&["--retry", "1s"], "1s..5s"),
        (&["--cors-origin", "*"], "--cors-origin"),
        (&["--cors-origin", "https://app.example/path"], "leave out what stands behind"),
        (&["--host", "push.example:8080"], "--host"),
        (&["--host", "https://push.example"], "a host name or an address alone"),
    ];
    for (flags, flag) in cases {
        let message = config(flags).unwrap_err();
        assert!(message.contains(flag), "{flags:?}: {message}");
    }
}

#[test]
fn a_health_check_asks_addresses_that_can_be_connected_to() {
    let cases: [(&[&str], &[&str], bool); 6] = [
        (&[], &["127.0.0.1:9090"], false),
        (&["--admin", "0.0.0.0:1"], &["127.0.0.1:1"], false),
        (&["--admin", "[::]:1"], &["[::1]:1"], false),
        (&["--admin", ":1"], &["127.0.0.1:1", "[::1]:1"], false),
        (&["--admin", "localhost:1"], &["127.0.0.1:1", "[::1]:1"], false),
        (&["--admin", "10.0.0.1:1", "--ready"], &["10.0.0.1:1"], true),
    ];
    for (flags, admin, ready) in cases {
        let flags = [&["healthcheck"], flags].concat();
        let Ok(Task::HealthCheck(check)) = task(&flags) else { panic!("{flags:?}") };
        let addresses: Vec<String> = check.admin.iter().map(ToString::to_string).collect();
        assert_eq!(
            (addresses, check.ready),
            (admin.iter().map(ToString::to_string).collect(), ready)
        );
        assert_eq!(check.timeout, Duration::from_secs(2));
    }
}
