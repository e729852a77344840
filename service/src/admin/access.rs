//! Who may do what on the admin listener.
//!
//! Metrics and probes are for everybody who reaches it. What names clients and topics, and what changes
//! something, is for this machine alone, or for whoever has the token; and nothing but metrics and
//! probes is for pages of somebody else. The console, which is a page of this server's public listener, may
//! read topics where everybody on this machine may. A token opens nothing to it: it would have to
//! be in a page of a listener that strangers reach.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::Request;
use hyper::header::AUTHORIZATION;

use super::problem::AdminProblem;
use crate::auth::admin_token::AdminToken;
use crate::http::own_page::{self, AllowedReaders, ReadingPage};
use crate::http::{HostName, LocalPages};

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
pub struct AdminAccess {
    rules: Arc<ArcSwap<AdminRules>>,
    /// Those of the public listeners, which stay where they were opened.
    pages: Arc<LocalPages>,
}

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenTo {
    /// Everybody, and pages of everybody too.
    Everybody,
    /// Everybody but pages of somebody else.
    NoForeignPage,
    /// Those on this machine, or with the token.
    Operators,
    /// They too, and where they need no token, pages of the public listeners on this machine.
    OperatorsAndConsole,
}

impl AdminAccess {
    /// These rules, until others come. `pages` are those of the public listeners.
    #[must_use]
    pub fn new(rules: AdminRules, pages: LocalPages) -> Self {
        Self { rules: Arc::new(ArcSwap::from_pointee(rules)), pages: Arc::new(pages) }
    }

    /// Other rules from now on.
    pub fn apply(&self, rules: AdminRules) {
        self.rules.store(Arc::new(rules));
    }

    /// The first of these listeners at which the console may read topics, if the rules stay as they are.
    #[must_use]
    pub fn open_to_the_console(&self, listeners: &[SocketAddr]) -> Option<SocketAddr> {
        let rules = self.rules.load();
        listeners.iter().copied().find(|listener| rules.need_no_token_at(listener.ip()))
    }

    /// Refuses a request for what is not open to whoever sent it. `listener` is where it came in.
    /// Returns the page that is to be told that it may read the response.
    pub(super) fn check<B>(
        &self,
        request: &Request<B>,
        to: OpenTo,
        listener: SocketAddr,
    ) -> Result<Option<ReadingPage>, AdminProblem> {
        if to == OpenTo::Everybody {
            return Ok(None);
        }
        let rules = self.rules.load();
        let needs_no_token = rules.need_no_token_at(listener.ip());
        let for_console = to == OpenTo::OperatorsAndConsole && needs_no_token;
        let readers = for_console.then_some(AllowedReaders { pages: &self.pages, listener });
        let page = own_page::check(request, &rules.hosts, readers)?;
        if to != OpenTo::NoForeignPage && !needs_no_token {
            rules.check_token(request)?;
        }
        Ok(page)
    }
}

impl AdminRules {
    /// Whether whoever reaches a listener at this address is taken for an operator.
    fn need_no_token_at(&self, listener: IpAddr) -> bool {
        self.tokens.is_empty() && listener.to_canonical().is_loopback()
    }

    fn check_token<B>(&self, request: &Request<B>) -> Result<(), AdminProblem> {
        if self.tokens.is_empty() {
            return Err(AdminProblem::NotHere);
        }
        let sent = bearer(request)?;
        // All of them, so that how long it takes does not tell which one it was.
        let matches = self.tokens.iter().filter(|token| token.is(sent)).count();
        if matches > 0 { Ok(()) } else { Err(AdminProblem::WrongToken) }
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
    use hyper::header::{HOST, ORIGIN};

    use super::*;

    const TOKEN: &str = "the token of the tests, without spaces";

    fn token(text: &str) -> String {
        text.replace([' ', ','], "-")
    }

    fn rules(tokens: &[&str]) -> AdminAccess {
        let tokens = tokens.iter().map(|text| AdminToken::new(token(text).as_bytes()).unwrap());
        let pages = LocalPages::new(&["127.0.0.1:8080".parse().unwrap()], false);
        AdminAccess::new(AdminRules { tokens: tokens.collect(), hosts: Vec::new() }, pages)
    }

    fn at(listener: &str) -> SocketAddr {
        SocketAddr::new(listener.parse().unwrap(), 9090)
    }

    fn checked(access: &AdminAccess, listener: &str, fields: &[&str]) -> Option<AdminProblem> {
        let mut request = Request::get("/streams").header(HOST, "localhost");
        for field in fields {
            request = request.header(AUTHORIZATION, *field);
        }
        let request = request.body(()).unwrap();
        access.check(&request, OpenTo::Operators, at(listener)).err()
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
        let listener = at("127.0.0.1");
        assert!(access.check(&request, OpenTo::Everybody, listener).is_ok());
        for to in [OpenTo::NoForeignPage, OpenTo::Operators] {
            let refused = access.check(&request, to, listener);
            assert!(matches!(refused, Err(AdminProblem::ForeignPage(_))), "{refused:?}");
        }
    }

    #[test]
    fn the_console_may_read_what_is_for_it_and_only_where_nobody_needs_a_token() {
        let (open, guarded) = (rules(&[]), rules(&[TOKEN]));
        let right = format!("Bearer {}", token(TOKEN));
        let cases = [
            (&open, OpenTo::OperatorsAndConsole, "127.0.0.1", true),
            (&open, OpenTo::OperatorsAndConsole, "::1", true),
            (&open, OpenTo::OperatorsAndConsole, "10.0.0.7", false),
            (&open, OpenTo::OperatorsAndConsole, "0.0.0.0", false),
            (&open, OpenTo::Operators, "127.0.0.1", false),
            (&open, OpenTo::NoForeignPage, "127.0.0.1", false),
            (&guarded, OpenTo::OperatorsAndConsole, "127.0.0.1", false),
        ];
        for (access, to, listener, may) in cases {
            let request = Request::get("/topics").header(HOST, "localhost:9090");
            let request = request.header(ORIGIN, "http://localhost:8080");
            let request = request.header(AUTHORIZATION, &right).body(()).unwrap();
            let listener = at(listener);
            let checked = access.check(&request, to, listener);
            let reads = matches!(checked, Ok(Some(_)));
            assert_eq!(reads, may, "{to:?} at {listener}: {checked:?}");
            let is_refused = matches!(checked, Err(AdminProblem::ForeignPage(_)));
            assert_eq!(is_refused, !may, "{to:?} at {listener}: {checked:?}");
        }
        guarded.apply(AdminRules::default());
        let all = ["10.0.0.7:9090", "127.0.0.1:9090"].map(|text| text.parse().unwrap());
        assert_eq!(guarded.open_to_the_console(&all), Some(all[1]), "a reload opens it");
        assert_eq!(guarded.open_to_the_console(&all[..1]), None);
        assert_eq!(rules(&[TOKEN]).open_to_the_console(&all), None);
    }
}
