//! Requests as spans at a collector that speaks OTLP over HTTP, decoded with the messages of the
//! standard. A build without the feature `otlp` says how to get one that sends them.

#[cfg(not(feature = "otlp"))]
#[test]
fn a_build_without_traces_says_how_to_build_one_with_them() {
    let output = std::process::Command::new(crate::support::PROGRAM)
        .args(["--otlp-endpoint", "http://127.0.0.1:4318"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--otlp-endpoint") && text.contains("--features otlp"), "{text}");
}

#[cfg(feature = "otlp")]
mod collector;

#[cfg(feature = "otlp")]
mod spans;
