//! Who may do what on the admin listener.
//!
//! Metrics and probes are for everybody who reaches it. What names clients and topics, and what changes
//! something, is for this machine alone, or for whoever has the token; and nothing but metrics and
//! probes is for pages of somebody else.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::Request;
use hyper::header::AUTHORIZATION;

use super::problem::AdminProblem;
use crate::auth::admin_token::AdminToken;
use crate::http::{HostName, own_page};

/// By what requests are let through; a reload exchanges it.
#[derive(Clone, Debug, Default)]
pub struct AdminRules {
    /// Each of them opens what is closed. Without one only this machine may.
    pub tokens: Vec<AdminToken>,
    /// The names by which this server is called.
    pub hosts: Vec<HostName>,
}

/// The rules in force; cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminAccess(Arc<ArcSwap<AdminRules>>);

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenTo {
    /// Everybody, and pages of everybody too.
    Everybody,
    /// Everybody but pages of somebody else.
    NoForeignPage,
    /// Those on this machine, or with the token.
    Operators,
}

impl AdminAccess {
    /// These rules, until others come.
    #[must_use]
    pub fn new(rules: AdminRules) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(rules)))
    }

    /// Other rules from now on.
    pub fn apply(&self, rules: AdminRules) {
        self.0.store(Arc::new(rules));
    }

    /// Refuses a request for what is not open to whoever sent it. `listener` is where it came in.
    pub(super) fn check<B>(
        &self,
        request: &Request<B>,
        to: OpenTo,
        listener: IpAddr,
    ) -> Result<(), AdminProblem> {
        if to == OpenTo::Everybody {
            return Ok(());
        }
        let rules = self.0.load();
        own_page::check(request, &rules.hosts)?;
        if to == OpenTo::NoForeignPage {
            return Ok(());
        }
        match &*rules.tokens {
            [] if listener.to_canonical().is_loopback() => Ok(()),
            [] => Err(AdminProblem::NotHere),
            tokens => {
                let sent = bearer(request)?;
                // All of them, so that how long it takes does not tell which one it was.
                let matches = tokens.iter().filter(|token| token.is(sent)).count();
                if matches > 0 { Ok(()) } else { Err(AdminProblem::WrongToken) }
            }
        }
    }
}

/// The token of a request.
fn bearer<B>(request: &Request<B>) -> Result<&str, AdminProblem> {
    let mut fields = request.headers().get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Err(AdminProblem::NoToken) };
    let text = field.to_str().ok().filter(|_| fields.next().is_none());
    let token = text.and_then(|text| text.split_once(' ')).and_then(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start_matches(' '))
    });
    token.filter(|token| !token.is_empty()).ok_or(AdminProblem::WrongToken)
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    const TOKEN: &str = "the token of the tests, without spaces";

    fn token(text: &str) -> String {
        text.replace([' ', ','], "-")
    }

    fn rules(tokens: &[&str]) -> AdminAccess {
        let tokens = tokens.iter().map(|text| AdminToken::new(token(text).as_bytes()).unwrap());
        AdminAccess::new(AdminRules { tokens: tokens.collect(), hosts: Vec::new() })
    }

    fn checked(access: &AdminAccess, listener: &str, fields: &[&str]) -> Option<AdminProblem> {
        let mut request = Request::get("/streams").header(HOST, "localhost");
        for field in fields {
            request = request.header(AUTHORIZATION, *field);
        }
        let request = request.body(()).unwrap();
        access.check(&request, OpenTo::Operators, listener.parse().unwrap()).err()
    }

    #[test]
    fn without_a_token_this_machine_alone_may() {
        let access = rules(&[]);
        for listener in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(checked(&access, listener, &[]), None, "{listener}");
        }
        for listener in ["0.0.0.0", "10.0.0.7", "::", "2001:db8::1"] {
            for fields in [&[][..], &["Bearer anything"]] {
                let refused = checked(&access, listener, fields);
                assert_eq!(refused, Some(AdminProblem::NotHere), "{listener}");
            }
        }
    }

    #[test]
    fn with_a_token_whoever_sends_it_may_and_nobody_else() {
        let access = rules(&[TOKEN, "another one, for the time of a rotation"]);
        let right = token(TOKEN);
        let other = token("another one, for the time of a rotation");
        for listener in ["127.0.0.1", "0.0.0.0"] {
            for sent in [&right, &other] {
                for scheme in ["Bearer ", "bearer ", "BEARER   "] {
                    let field = format!("{scheme}{sent}");
                    assert_eq!(checked(&access, listener, &[&field]), None, "{listener} {field}");
                }
            }
            assert_eq!(checked(&access, listener, &[]), Some(AdminProblem::NoToken), "{listener}");
            let half = format!("Bearer {}", &right[..right.len() - 1]);
            let basic = format!("Basic {right}");
            let tab = format!("Bearer\t{right}");
            let behind = format!("Bearer {right},");
            let wrong = ["", "Bearer", "Bearer ", &right, &half, &basic, &tab, &behind];
            for field in wrong {
                let refused = checked(&access, listener, &[field]);
                assert_eq!(refused, Some(AdminProblem::WrongToken), "{listener} {field:?}");
            }
            let field = format!("Bearer {right}");
            let twice = checked(&access, listener, &[&field, &field]);
            assert_eq!(twice, Some(AdminProblem::WrongToken));
        }
    }

    #[test]
    fn other_rules_hold_from_the_next_request_on() {
        let access = rules(&[TOKEN]);
        let field = format!("Bearer {}", token(TOKEN));
        access.apply(AdminRules::default());
        assert_eq!(checked(&access, "127.0.0.1", &[]), None);
        assert_eq!(checked(&access, "10.0.0.7", &[&field]), Some(AdminProblem::NotHere));
    }

    #[test]
    fn the_page_of_somebody_else_may_nothing_but_what_is_for_everybody() {
        let access = rules(&[]);
        let request = Request::get("/status").header(HOST, "evil.example").body(()).unwrap();
        let listener = "127.0.0.1".parse().unwrap();
        assert!(access.check(&request, OpenTo::Everybody, listener).is_ok());
        for to in [OpenTo::NoForeignPage, OpenTo::Operators] {
            let refused = access.check(&request, to, listener);
            assert!(matches!(refused, Err(AdminProblem::ForeignPage(_))), "{refused:?}");
        }
    }
}
