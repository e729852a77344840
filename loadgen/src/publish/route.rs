//! Where a publisher sends its events: to one server at a time, and with `--failover` to the next one
//! after a call that did not succeed.
//!
//! An event is sent again only where its requests say which event it is, so that a server that has it
//! already does not take it for another one. Otherwise the next event is the first that goes elsewhere.

use super::client::Client;
use super::{PublishError, PublishOutcome, request};
use crate::plan::{Plan, Publishing};

/// The servers of a publisher.
pub(super) struct Route {
    /// A client for each target, of which one has a connection.
    clients: Vec<Client>,
    at: usize,
    fails_over: bool,
    sends_again: bool,
    request: Vec<u8>,
}

impl Route {
    /// Connects to where a publisher begins; nothing where a program publishes.
    pub(super) fn open(
        plan: &Plan,
        publishing: &Publishing,
        publisher: usize,
    ) -> Result<Option<Self>, PublishError> {
        let at = publishing.place_of(publisher);
        let Some(first) = publishing.targets.get(at) else { return Ok(None) };
        let trust = &plan.targets[0].trust;
        let clients = publishing
            .targets
            .iter()
            .map(|target| Client::new(target.endpoint.clone(), trust, publishing.timeout));
        let mut clients = clients.collect::<Result<Vec<_>, _>>()?;
        clients[at].connect().map_err(|error| {
            PublishError::Unreachable(first.endpoint.authority.clone(), error.to_string())
        })?;
        let (fails_over, sends_again) = (plan.failover, publishing.names_the_event());
        Ok(Some(Self { clients, at, fails_over, sends_again, request: Vec::new() }))
    }

    /// The client of the first server, for callers that stay there.
    pub(super) fn into_client(mut self) -> Client {
        self.clients.swap_remove(self.at)
    }

    /// Publishes one event, at each server at most once.
    pub(super) fn publish(
        &mut self,
        publishing: &Publishing,
        topic: u32,
        payload: &[u8],
    ) -> PublishOutcome {
        let mut outcome = self.call(publishing, topic, payload);
        let mut others = self.clients.len() - 1;
        while self.fails_over && outcome.may_differ_elsewhere() {
            self.go_on();
            if !self.sends_again || others == 0 {
                break;
            }
            others -= 1;
            outcome = self.call(publishing, topic, payload);
        }
        outcome
    }

    fn call(&mut self, publishing: &Publishing, topic: u32, payload: &[u8]) -> PublishOutcome {
        request::write(publishing, &publishing.targets[self.at], topic, payload, &mut self.request);
        request::publish(&mut self.clients[self.at], &self.request)
    }

    fn go_on(&mut self) {
        self.clients[self.at].disconnect();
        self.at = (self.at + 1) % self.clients.len();
    }
}
