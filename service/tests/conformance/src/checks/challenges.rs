//! Where a token may stand, which one counts, and how refusals are told.

use crate::answer::Answer;
use crate::hub::{Dialect, Hub};
use crate::outcome::{Checked, Stop};

const COOKIE: &str = "__Secure-mercure_access_token";
const LEGACY_COOKIE: &str = "mercureAuthorization";

fn cookie(hub: &Hub) -> &'static str {
    if hub.dialect == Dialect::One { COOKIE } else { LEGACY_COOKIE }
}

/// The origin of the hub, as its own pages would send it.
fn own_origin(hub: &Hub) -> String {
    hub.target.url.origin().ascii_serialization()
}

fn challenge(answer: &Answer) -> Checked<String> {
    match answer.header("www-authenticate") {
        Some(value) if value.to_ascii_lowercase().starts_with("bearer") => Ok(value),
        other => Err(answer.unlike("WWW-Authenticate: Bearer", &format!("{other:?}"))),
    }
}

/// A publish to a new topic with these headers.
async fn publish_with(hub: &Hub, headers: &[(&str, &str)]) -> Checked<Answer> {
    let topic = hub.fresh();
    let call = hub.call("POST").form(&[("topic", &topic), ("data", "d")]);
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

pub(crate) async fn no_token_is_a_bare_challenge(hub: &Hub) -> Checked {
    hub.own_key()?;
    let answer = publish_with(hub, &[]).await?.status(&[401])?;
    let value = challenge(&answer)?;
    if value.contains("error=") {
        return Err(answer.unlike("a challenge without an error", &value));
    }
    Ok(())
}

pub(crate) async fn challenges_name_the_metadata(hub: &Hub) -> Checked {
    hub.own_key()?;
    let answer = publish_with(hub, &[]).await?.status(&[401])?;
    let value = challenge(&answer)?;
    if value.contains("resource_metadata=\"") {
        return Ok(());
    }
    Err(answer.unlike("resource_metadata in the challenge", &value))
}

pub(crate) async fn no_token_is_refused(hub: &Hub) -> Checked {
    hub.own_key()?;
    publish_with(hub, &[]).await?.status(&[401, 403]).map(drop)
}

pub(crate) async fn a_bad_token_is_invalid_token(hub: &Hub) -> Checked {
    hub.own_key()?;
    let topic = hub.fresh();
    for call in [
        hub.call("POST").form(&[("topic", &topic), ("data", "d")]),
        hub.call("GET").query("match", &topic),
    ] {
        let answer = call.bearer(Some("eyJhbGciOiJIUzI1NiJ9.e30.AAAA")).send().await?;
        let answer = answer.status(&[401])?;
        let value = challenge(&answer)?;
        if !value.contains("error=\"invalid_token\"") {
            return Err(answer.unlike("error=\"invalid_token\"", &value));
        }
    }
    Ok(())
}

pub(crate) async fn what_is_not_granted_is_insufficient_scope(hub: &Hub) -> Checked {
    let token = hub.needed_token(&[&hub.fresh()], &[])?;
    let header = format!("Bearer {token}");
    let answer = publish_with(hub, &[("Authorization", &header)]).await?.status(&[403])?;
    let value = challenge(&answer)?;
    if value.contains("error=\"insufficient_scope\"") {
        return Ok(());
    }
    Err(answer.unlike("error=\"insufficient_scope\"", &value))
}

pub(crate) async fn a_malformed_header_is_refused(hub: &Hub) -> Checked {
    hub.own_key()?;
    for value in ["Bearer", "Bearer ", "Bearer a b"] {
        publish_with(hub, &[("Authorization", value)]).await?.status(&[400, 401])?;
    }
    publish_with(hub, &[("Authorization", "Basic dTpw")]).await?.status(&[400, 401]).map(drop)
}

pub(crate) async fn a_malformed_request_is_no_bad_token(hub: &Hub) -> Checked {
    let token = hub.needed_token(&["*"], &["*"])?;
    let answer = hub.call("GET").bearer(Some(&token)).send().await?.status(&[400])?;
    match answer.header("www-authenticate") {
        None => Ok(()),
        Some(value) => Err(answer.unlike("400 without a challenge: the token is good", &value)),
    }
}

pub(crate) async fn the_scheme_has_no_case(hub: &Hub) -> Checked {
    let token = hub.needed_token(&["*"], &[])?;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {token}");
        publish_with(hub, &[("Authorization", &header)]).await?.status(&[200])?;
    }
    Ok(())
}

/// A token in the URL is not looked at: the request is as if it had none.
pub(crate) async fn a_token_in_the_url_is_not_taken(hub: &Hub) -> Checked {
    let token = hub.needed_token(&["*"], &[])?;
    let topic = hub.fresh();
    for name in ["access_token", "authorization"] {
        let call = hub.call("POST").query(name, &token).form(&[("topic", &topic), ("data", "d")]);
        call.send().await?.status(&[400, 401])?;
    }
    Ok(())
}

pub(crate) async fn a_token_in_the_query_is_taken(hub: &Hub) -> Checked {
    hub.own_key()?;
    let topic = hub.fresh();
    let token = hub.needed_token(&[], &[&topic])?;
    let call = hub.call("GET").query("topic", &topic).query("authorization", &token);
    reads_private(hub, call, &topic).await
}

pub(crate) async fn a_cookie_is_taken(hub: &Hub) -> Checked {
    hub.own_key()?;
    let topic = hub.fresh();
    let token = hub.needed_token(&[], &[&topic])?;
    let value = format!("other=1; {}={token}", cookie(hub));
    let call = hub.call("GET").query(hub.selector(), &topic).header("Cookie", &value);
    reads_private(hub, call, &topic).await
}

async fn reads_private(hub: &Hub, call: crate::hub::Call<'_>, topic: &str) -> Checked {
    let mut stream = call.open().await?;
    hub.publish(&[("topic", topic), ("data", "secret"), ("private", "on")]).await?;
    hub.publish(&[("topic", topic), ("data", "marker")]).await?;
    let came = stream.until("marker").await?;
    if came.iter().any(|message| message.data == "secret") {
        return Ok(());
    }
    Err(Stop::failed(stream.sent, "the private event", "only a later public one"))
}

pub(crate) async fn the_header_wins_over_the_cookie(hub: &Hub) -> Checked {
    hub.own_key()?;
    let good = hub.needed_token(&["*"], &[])?;
    let narrow = hub.needed_token(&[&hub.fresh()], &[])?;
    let origin = own_origin(hub);
    let send = |header: &str, in_cookie: &str| {
        let header = format!("Bearer {header}");
        let jar = format!("{}={in_cookie}", cookie(hub));
        let origin = origin.clone();
        async move {
            let headers =
                [("Authorization", header.as_str()), ("Cookie", &jar), ("Origin", &origin)];
            publish_with(hub, &headers).await
        }
    };
    send(&good, "rubbish").await?.status(&[200])?;
    send(&narrow, &good).await?.status(&[401, 403]).map(drop)
}

pub(crate) async fn a_bad_header_is_not_mended_by_a_cookie(hub: &Hub) -> Checked {
    let good = hub.needed_token(&["*"], &[])?;
    let jar = format!("{}={good}", cookie(hub));
    let headers =
        [("Authorization", "Bearer rubbish"), ("Cookie", &jar), ("Origin", &own_origin(hub))];
    publish_with(hub, &headers).await?.status(&[401]).map(drop)
}

pub(crate) async fn publishing_by_cookie_needs_an_origin(hub: &Hub) -> Checked {
    hub.own_key()?;
    let good = hub.needed_token(&["*"], &[])?;
    let jar = format!("{}={good}", cookie(hub));
    let refused = [400, 401, 403];
    let strange = [("Cookie", jar.as_str()), ("Origin", "https://stranger.example")];
    publish_with(hub, &strange).await?.status(&refused)?;
    let strange = [("Cookie", jar.as_str()), ("Referer", "https://stranger.example/page")];
    publish_with(hub, &strange).await?.status(&refused)?;
    publish_with(hub, &[("Cookie", jar.as_str()), ("Origin", "null")]).await?.status(&refused)?;
    publish_with(hub, &[("Cookie", &jar)]).await?.status(&refused).map(drop)
}

pub(crate) async fn pages_of_the_hub_publish_by_cookie(hub: &Hub) -> Checked {
    hub.own_key()?;
    let good = hub.needed_token(&["*"], &[])?;
    let jar = format!("{}={good}", cookie(hub));
    // The hub may be known under another name than it is called by here.
    let origin = hub.target.allowed_origin.clone().unwrap_or_else(|| own_origin(hub));
    let headers = [("Cookie", jar.as_str()), ("Origin", origin.as_str())];
    publish_with(hub, &headers).await?.status(&[200])?;
    let referer = format!("{origin}/page");
    publish_with(hub, &[("Cookie", jar.as_str()), ("Referer", &referer)])
        .await?
        .status(&[200])
        .map(drop)
}

pub(crate) async fn private_reading_without_a_token_is_refused(hub: &Hub) -> Checked {
    hub.own_key()?;
    if hub.target.anonymous {
        return Err(Stop::skipped("anonymous subscribers are allowed (--anonymous)"));
    }
    hub.call("GET").query(hub.selector(), &hub.fresh()).send().await?.status(&[401, 403]).map(drop)
}
