//! Values that cannot work are refused, and the error says what to write.

use super::release::{Release, refusal};

/// A file of the table, what is set otherwise, and words of the error.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

#[test]
fn values_that_do_not_work_together_are_refused_with_the_next_step() {
    let cases: &[Case] = &[
        ("memory", &[r#"image.repository="""#], &["push it", "--set image.repository="]),
        ("memory", &[r#"image.tag="latest""#], &["which moves", "name a version"]),
        (
            "memory",
            &[r#"keys.existingSecret="""#],
            &["fanfare secret", "--set keys.existingSecret="],
        ),
        (
            "disk",
            &[r#"keys.existingSecret="a""#],
            &["keys.existingSecret and keys.jwtSecret exclude"],
        ),
        ("memory", &["server.open=true"], &["keys.existingSecret and server.open exclude"]),
        ("everything", &[r#"keys.ticketSecret="""#], &["keys.ticketSecret is empty"]),
        (
            "memory",
            &[r#"keys.ticketSecret="0123456789abcdef0123456789abcdef""#],
            &["goes with keys.jwtSecret"],
        ),
        ("cluster", &["nats.servers=[]"], &["name the brokers"]),
        ("memory", &[r#"nats.servers=["nats://a:4222"]"#], &["mode is memory", "mode cluster"]),
        ("cluster", &["server.demos=true"], &["server.demos", "each node would publish them"]),
        ("cluster", &["publishersFeedEveryPod=true"], &["share their events"]),
        ("disk", &["autoscaling.enabled=true"], &["autoscaling needs mode cluster"]),
        (
            "disk",
            &["replicas=2"],
            &["each would have a part of the events", "--set publishersFeedEveryPod=true"],
        ),
        ("everything", &["autoscaling.minReplicas=11"], &["(11) is more than", "(10)"]),
        ("cluster", &[r#"nats.secretKeys.ca="ca.crt""#], &["nats.existingSecret names none"]),
        ("cluster", &[r#"nats.existingSecret="a""#], &["does not say what is in it"]),
        ("everything", &[r#"nats.secretKeys.token="token""#], &["more than one of credentials"]),
        ("everything", &[r#"nats.secretKeys.key="""#], &["go together"]),
        (
            "disk",
            &[r#"retention.memory="1GiB""#],
            &["resources.limits.memory is 1Gi", "may take 1376 MiB", "Raise the limit"],
        ),
        ("memory", &[r#"resources.requests.memory="2Gi""#], &["more than resources.limits.memory"]),
        ("disk", &[r#"retention.disk="33GiB""#], &["persistence.size is 40Gi", "a quarter larger"]),
        ("everything", &["ingress.hosts=[]"], &["needs ingress.hosts"]),
        ("everything", &["httpRoute.parentRefs=[]"], &["needs httpRoute.parentRefs"]),
        (
            "everything",
            &["networkPolicy.from=[]"],
            &["networkPolicy.from is empty", "name its pods"],
        ),
        ("memory", &[r#"service.type="NodePort""#], &["networkPolicy.from is empty"]),
        ("everything", &[r#"podMonitor.interval="3s""#], &["more than podMonitor.interval"]),
    ];
    for (name, set, words) in cases {
        let said = refusal(name, set);
        for word in *words {
            assert!(said.contains(word), "{name} with {set:?}: no {word:?} in: {said}");
        }
    }
}

#[test]
fn a_setting_that_has_a_value_is_refused_elsewhere_with_the_name_of_the_value() {
    let cases: [(&str, &str, &str); 6] = [
        ("memory", r#"server.config="drain-window = \"1m\"""#, "drain.windowSeconds"),
        ("memory", r#"server.config="retain-age=\"1h\"\nhost = [\"a\"]""#, "server.hosts"),
        ("memory", r#"server.extraArgs=["--data-dir=/tmp"]"#, "mode"),
        ("memory", r#"server.extraArgs=["--listen", ":80"]"#, "service.port"),
        (
            "memory",
            r#"server.extraEnv=[{"name": "FANFARE_BODIES_MAX", "value": "1GiB"}]"#,
            "memory.bodies",
        ),
        ("memory", r#"server.config="jwt-secret-file = \"x\"""#, "keys"),
    ];
    for (name, set, value) in cases {
        let said = refusal(name, &[set]);
        assert!(said.contains(&format!("for which there is {value}")), "{set}: {said}");
    }
    // With keys of your own it is yours.
    let elsewhere = [
        r#"keys.existingSecret="""#,
        "keys.elsewhere=true",
        r#"server.config="jwt-secret-file = \"/x\"""#,
    ];
    assert!(Release::with("memory", &elsewhere).text.contains("jwt-secret-file"));
}

#[test]
fn names_that_do_not_exist_and_values_out_of_bounds_are_refused_by_the_schema() {
    let cases: [(&str, &str); 16] = [
        (r#"replica=2"#, "'replica' not allowed"),
        (r#"image.name="a""#, "'name' not allowed"),
        (r#"nats.secretKeys.password="a""#, "'password' not allowed"),
        (r#"mode="mirror""#, "must be one of 'memory', 'disk', 'cluster'"),
        (r#"mode=null"#, "missing property 'mode'"),
        (r#"replicas=-1"#, "minimum"),
        (r#"replicas="2""#, "got string, want integer"),
        (r#"retention.memory="256Mi""#, "does not match pattern"),
        (r#"persistence.size="2GiB""#, "does not match pattern"),
        (r#"keys.jwtSecret="short""#, "does not match pattern"),
        (r#"nats.servers=["nats-0:4222"]"#, "does not match pattern"),
        (r#"drain.windowSeconds=3601"#, "maximum"),
        (r#"securityContext.runAsUser=0"#, "minimum"),
        (r#"server.hosts=["https://push.example"]"#, "does not match pattern"),
        (r#"service.port=70000"#, "maximum"),
        (r#"networkPolicy.from=[{"pods": {}}]"#, "'pods' not allowed"),
    ];
    for (set, words) in cases {
        let said = refusal("memory", &[set]);
        assert!(said.contains(words), "{set}: {said}");
    }
}
