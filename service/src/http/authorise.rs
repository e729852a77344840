//! What a request may do: from its token to its grants.

use std::time::{Duration, Instant, SystemTime};

use hyper::header::HeaderMap;

use super::Context;
use super::client_limits::TokenHolder;
use super::credentials::Credential;
use super::parameters::Pairs;
use super::payloads::{MATCH_STEPS, Payloads, covers};
use super::problem::Problem;
use super::refused_token::{refused, ticket_refused};
use super::resume::LAST_EVENT_ID;
use super::tickets::TicketPermit;
use crate::auth::token::{
    Dialect, Grant, GrantedPayload, Role, TokenError, TokenGrants, TokenPlace, Verifier,
};
use crate::auth::{Authority, Grants};
use crate::topic::{SelectorError, SelectorSet, Topic};

/// How long a stream may last whose token does not expire: then the client comes back, and its token
/// is checked against the keys of that time.
const STREAM_TIME_WITHOUT_EXPIRY: Duration = Duration::from_secs(60 * 60);

/// What a request may do, and until when.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) grants: Grants,
    /// When its token expires.
    expires: Option<Instant>,
    /// By which rules its token was checked; draft-07 where there is none.
    pub(super) dialect: Dialect,
    /// When a stream ends at the latest.
    pub(super) stream_ends: Option<Instant>,
    /// Who its token is for, where tokens have limits.
    pub(super) holder: Option<TokenHolder>,
    /// Whether there is a token.
    pub(super) has_token: bool,
    /// What is told of its subscriptions, where anything is.
    pub(super) payloads: Payloads,
    /// The ticket that stood for its token, in use until this is dropped.
    pub(super) ticket: Option<TicketPermit>,
}

impl Access {
    fn without_token(grants: Grants) -> Self {
        Self {
            grants,
            expires: None,
            dialect: Dialect::Legacy,
            stream_ends: None,
            holder: None,
            has_token: false,
            payloads: Payloads::default(),
            ticket: None,
        }
    }

    /// The same until the same time, with other grants.
    pub(super) fn with_grants(self, grants: Grants) -> Self {
        Self { grants, ..self }
    }

    /// Refuses what comes after the end of the token, in a request that lasts longer.
    pub(super) fn check_time(&self, context: &Context) -> Result<(), Problem> {
        match self.expires {
            Some(at) if at <= Instant::now() => {
                let seconds = at.elapsed().as_secs();
                Err(refused(&TokenError::Expired { seconds }, context))
            }
            _ => Ok(()),
        }
    }
}

/// What a request to subscribe may see.
pub(super) async fn subscriber(
    headers: &HeaderMap,
    parameters: &Pairs<'_>,
    context: &Context,
) -> Result<Access, Problem> {
    let Authority::Tokens { verifier, anonymous_subscribe } = &context.rules.authority else {
        return Ok(Access::without_token(Grants::all()));
    };
    let Some(credential) = context.rules.token_places.find(headers, parameters)? else {
        return match anonymous_subscribe {
            true => Ok(Access::without_token(Grants::public())),
            false => Err(Problem::NoToken),
        };
    };
    access(&credential, Role::Subscriber, verifier, context).await
}

/// What a request for a stream may see. A ticket may stand for its token.
pub(super) async fn stream(
    headers: &HeaderMap,
    parameters: &Pairs<'_>,
    context: &Context,
) -> Result<Access, Problem> {
    let ticket = match &context.rules.authority {
        Authority::Open => None,
        Authority::Tokens { verifier, .. } => {
            let ticket = context.rules.token_places.ticket(headers, parameters)?;
            ticket.map(|ticket| (ticket, verifier))
        }
    };
    match ticket {
        None => subscriber(headers, parameters, context).await,
        Some((ticket, verifier)) => with_ticket(ticket, headers, verifier, context).await,
    }
}

async fn with_ticket(
    ticket: &str,
    headers: &HeaderMap,
    verifier: &Verifier,
    context: &Context,
) -> Result<Access, Problem> {
    // A browser's reader sends it when it comes back, and not before.
    let comes_back = headers.get(LAST_EVENT_ID).is_some_and(|id| !id.is_empty());
    let refused = |error| ticket_refused(error, comes_back, context);
    let keys = &context.rules.ticket_keys;
    let ticket = context.tickets.open(keys, ticket).map_err(refused)?;
    let credential = Credential { token: ticket.token.as_str().into(), place: TokenPlace::Ticket };
    let access = access(&credential, Role::Subscriber, verifier, context).await?;
    let token_ends = access.expires.map(wall_clock);
    let permit = context.tickets.take(&ticket, token_ends, keys, comes_back).map_err(refused)?;
    Ok(Access { ticket: Some(permit), ..access })
}

/// The token that a ticket is to stand for, if it is a good one.
pub(super) async fn ticketed<'a>(
    headers: &'a HeaderMap,
    parameters: &'a Pairs<'_>,
    context: &Context,
) -> Result<Credential<'a>, Problem> {
    let Authority::Tokens { verifier, .. } = &context.rules.authority else {
        return Err(Problem::NoTickets);
    };
    let found = context.rules.token_places.find(headers, parameters)?;
    let credential = found.ok_or(Problem::NoToken)?;
    access(&credential, Role::Subscriber, verifier, context).await?;
    Ok(credential)
}

/// Whether a request may read what is told to those with a grant for a topic.
pub(super) async fn check_reads(access: &Access, topic: &Topic) -> Result<(), Problem> {
    let mut steps = MATCH_STEPS;
    let covered = match access.grants.subscribe_selectors() {
        Some(selectors) => covers(selectors, topic, &mut steps).await,
        None if access.has_token => false,
        None => return Err(Problem::NoToken),
    };
    let not_granted = || Problem::NotGranted { topic: topic.to_string() };
    covered.then_some(()).ok_or_else(not_granted)
}

/// What a request to publish may do, and where its token stood: a browser adds cookies to the requests
/// of any page, so that one in a cookie is not enough by itself. `None` in open mode.
pub(super) async fn publisher(
    headers: &HeaderMap,
    parameters: &Pairs<'_>,
    context: &Context,
) -> Result<(Access, Option<TokenPlace>), Problem> {
    let Authority::Tokens { verifier, .. } = &context.rules.authority else {
        return Ok((Access::without_token(Grants::all()), None));
    };
    let credential =
        context.rules.token_places.find(headers, parameters)?.ok_or(Problem::NoToken)?;
    let place = credential.place;
    let access = access(&credential, Role::Publisher, verifier, context).await?;
    if access.grants.publish_selectors().is_none() {
        return Err(Problem::NothingGranted);
    }
    Ok((access, Some(place)))
}

async fn access(
    credential: &Credential<'_>,
    role: Role,
    verifier: &Verifier,
    context: &Context,
) -> Result<Access, Problem> {
    let granted =
        verifier.verify(&credential.token, role, credential.place).map_err(
            |error| match error {
                // It may be a good one: its holder is to try again, and not to ask for another.
                TokenError::KeysNotFetched => Problem::KeysNotFetched,
                error => refused(&error, context),
            },
        )?;
    let holder = context.client_limits.holder(granted.holder.as_deref(), &credential.token);
    let expires = granted.expires.map(moment);
    let stream_ends = expires.or_else(|| Instant::now().checked_add(stream_time()));
    let TokenGrants { publish, subscribe, dialect, payloads, .. } = granted;
    let payloads = match (&context.active_subscriptions, role) {
        (Some(_), Role::Subscriber) => self::payloads(&subscribe, payloads, context).await?,
        _ => Payloads::default(),
    };
    // Both are read whatever the role: a token with a selector that cannot be used is wrong as a whole.
    let publish = selectors(&publish, context).await?;
    let subscribe = selectors(&subscribe, context).await?;
    let grants = match role {
        Role::Publisher => Grants::of(publish, None),
        Role::Subscriber => Grants::of(None, subscribe),
    };
    Ok(Access {
        grants,
        expires,
        dialect,
        stream_ends,
        holder,
        has_token: true,
        payloads,
        ticket: None,
    })
}

async fn payloads(
    subscribe: &[Grant],
    granted: Vec<GrantedPayload>,
    context: &Context,
) -> Result<Payloads, Problem> {
    let mut payloads = Payloads::default();
    for GrantedPayload { topics, json } in granted {
        let topics = match topics {
            Some(range) => selectors(subscribe.get(range).unwrap_or_default(), context).await?,
            None => None,
        };
        payloads.parts.push((topics, json));
    }
    Ok(payloads)
}

async fn selectors(grants: &[Grant], context: &Context) -> Result<Option<SelectorSet>, Problem> {
    if grants.is_empty() {
        return Ok(None);
    }
    let texts = grants.iter().map(|(notation, text)| (*notation, text.as_str()));
    match context.grants.read_all(texts).await {
        Ok(set) => Ok(Some(set)),
        // A selector that cannot be used is the token's fault, unless there is no memory for it.
        Err(Problem::Selector(SelectorError::BudgetExhausted)) => Err(Problem::TooMany {
            what: "the grants of tokens take all the memory that they may; whoever runs the server can raise --grants-max",
        }),
        Err(Problem::Selector(error)) => {
            Err(refused(&TokenError::Claims(format!("a selector in it: {error}")), context))
        }
        Err(problem) => Err(problem),
    }
}

fn moment(expires: SystemTime) -> Instant {
    let now = Instant::now();
    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
    now.checked_add(left).unwrap_or(now)
}

fn wall_clock(moment: Instant) -> SystemTime {
    SystemTime::now() + moment.saturating_duration_since(Instant::now())
}

/// Streams that came together are not to end together.
fn stream_time() -> Duration {
    STREAM_TIME_WITHOUT_EXPIRY.mul_f64(rand::random_range(0.8..=1.0))
}
