//! A build without the feature `otlp` sends no traces, and says how to get one that does.

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
