//! The images and the compose file on a real Docker engine, which the Python program in `docker/` beside
//! these tests starts for itself: as root, in namespaces of its own. It says what it tries; `make docker-test`
//! tries more.

use std::io::Write as _;
use std::process::Command;

use super::tool::content;
use crate::support::program;

#[test]
fn compose_and_the_images_do_on_a_docker_engine_what_the_documents_say() {
    if is_left_out() {
        // Past the harness, which shows what a test prints only when it fails.
        let said =
            "left out because of WITHOUT_DOCKER=1: compose and the images on a Docker engine";
        writeln!(std::io::stderr(), "{said}").expect("standard error");
        return;
    }
    let (_, built) = program::target();
    for program in [program::fanfare(), program::loadgen()] {
        assert!(program.starts_with(&built), "{}", program.display());
    }
    let mut checks = Command::new("python3");
    content(checks.args(["-B", "deploy/checks/docker", "--quick", "--programs"]).arg(built));
}

#[expect(clippy::disallowed_methods, reason = "a test has no other flags")]
fn is_left_out() -> bool {
    match std::env::var("WITHOUT_DOCKER").as_deref() {
        Ok("1") => true,
        Ok("") | Err(_) => false,
        Ok(other) => panic!("WITHOUT_DOCKER={other} is not known: it may be `1`"),
    }
}
