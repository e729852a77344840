//! The metrics page of the server.

use crate::support::client::get;
use crate::support::process::Fanfare;

#[test]
fn a_server_says_from_the_start_that_it_serves_nobody() {
    let server = Fanfare::start(&[]);
    assert!(get(server.address, "/").contains("Fanfare"));
    assert_eq!(server.figure("fanfare_subscribers"), 0.0);
}
