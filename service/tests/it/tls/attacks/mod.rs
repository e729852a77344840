//! Attacks on the handshake and on what comes after it, with healthy streams of both versions of HTTP
//! beside them: each gets every event, what the attack took is given back, and the metrics tell of it.

mod after_handshakes;
mod client_hello;
mod handshakes;
mod scene;

use scene::UnderAttack;
