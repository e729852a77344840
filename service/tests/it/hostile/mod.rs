//! Attacks on the real program, each with healthy clients beside it: they are served while it goes
//! on, and it costs no more memory than the limits allow.
//!
//! What is asserted is progress and not time. The healthy publisher sends an event only when the
//! subscribers have the one before, and an attack is released only after so many of those rounds
//! ([`Scene::rounds`]). How long anything took the server says itself: the longest iteration of a
//! shard, the one in progress too.

mod admin;
mod attackers;
mod bodies;
mod connections;
mod drain;
mod forgery;
mod frames;
mod http2_frames;
mod matching;
mod pinned;
mod policies;
mod retention;
mod scene;
mod selectors;

use attackers::{Attackers, head_of, post, subscribe};
use scene::Scene;

/// So many rounds have to be served before an attack is released.
const ROUNDS: usize = 5;
