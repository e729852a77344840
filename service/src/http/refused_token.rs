//! What is told of a token, or of a ticket, that was refused: to the log, to the metrics, and to the client.

use std::fmt::Display;

use hyper::header::HeaderValue;
use tracing::Level;

use super::Context;
use super::problem::Problem;
use super::tickets::TicketError;
use crate::auth::Authority;
use crate::auth::token::TokenError;
use crate::logging::log_limited;
use crate::metrics::TicketFault;

/// The problem of a token that was refused.
pub(super) fn refused(error: &TokenError, context: &Context) -> Problem {
    context.metrics.token_refused(error.fault());
    let reason = context.rules.settings.explain_tokens.then(|| error.to_string());
    Problem::Token { reference: log_reason(error), reason }
}

/// The reason goes into the log, under a number that the response has, too; and into the response
/// where its holder may know it.
fn log_reason(reason: &dyn Display) -> String {
    let reference = format!("{:08x}", rand::random::<u32>());
    if tracing::enabled!(Level::DEBUG) {
        tracing::debug!(reference, %reason, "a token was refused");
    } else {
        log_limited!(
            INFO,
            reference,
            %reason,
            "a token was refused; --log-level debug logs each, and --explain-tokens says why in the response"
        );
    }
    reference
}

/// The same of a ticket. `comes_back` says that its request is that of a browser which returns.
pub(super) fn ticket_refused(error: TicketError, comes_back: bool, context: &Context) -> Problem {
    context.metrics.ticket_refused(error.fault());
    match error.fault() {
        TicketFault::TooMany => Problem::TooMany {
            what: "as many streams with tickets are open as there may be; whoever runs the server can raise --tickets-max",
        },
        TicketFault::InUse => Problem::TicketInUse { comes_back },
        TicketFault::Unreadable | TicketFault::Late => {
            let reason = context.rules.settings.explain_tokens.then(|| error.to_string());
            let reference = log_reason(&format_args!("its ticket: {error}"));
            Problem::Ticket { reference, reason }
        }
    }
}

/// The value of `WWW-Authenticate` for a problem (RFC 6750, section 3).
pub(super) fn challenge(
    problem: &Problem,
    called: Option<&str>,
    context: &Context,
) -> Option<HeaderValue> {
    let error = match problem {
        Problem::NoToken => None,
        Problem::Authorization { .. } => Some("invalid_request"),
        Problem::Token { .. } | Problem::Ticket { .. } | Problem::TicketInUse { .. } => {
            Some("invalid_token")
        }
        Problem::NotGranted { .. } | Problem::NothingGranted => Some("insufficient_scope"),
        _ => return None,
    };
    let Authority::Tokens { verifier, .. } = &context.rules.authority else { return None };
    let mut fields = Vec::new();
    if let Some(error) = error {
        fields.push(format!("error=\"{error}\""));
    }
    if let Problem::Token { reason: Some(reason), .. }
    | Problem::Ticket { reason: Some(reason), .. } = problem
    {
        let plain = reason.chars().filter(|c| (' '..='~').contains(c) && !"\"\\".contains(*c));
        fields.push(format!("error_description=\"{}\"", plain.collect::<String>()));
    }
    if let Some(url) = super::metadata::url(verifier, called) {
        fields.push(format!("resource_metadata=\"{url}\""));
    }
    let value =
        if fields.is_empty() { "Bearer".into() } else { format!("Bearer {}", fields.join(", ")) };
    HeaderValue::from_str(&value).ok()
}
