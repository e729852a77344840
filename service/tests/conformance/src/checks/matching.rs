//! Which topics a selector matches.

use super::receives;
use crate::hub::{Hub, encoded};
use crate::outcome::{Checked, Stop};

pub(crate) async fn a_star_matches_everything(hub: &Hub) -> Checked {
    let mut stream = hub.subscribe(&["*"]).await?;
    let (url, text) = (hub.fresh(), format!("plain text {}", uuid::Uuid::new_v4()));
    receives(hub, &mut stream, &[&url, &text], &[], &url).await
}

pub(crate) async fn a_star_is_everything_in_every_type(hub: &Hub) -> Checked {
    for name in ["match", "match_exact", "match_urlpattern"] {
        let mut stream = hub.get()?.query(name, "*").open().await?;
        let text = format!("plain text {}", uuid::Uuid::new_v4());
        receives(hub, &mut stream, &[&text], &[], &text).await?;
    }
    Ok(())
}

pub(crate) async fn exact_is_byte_for_byte(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let topic = format!("{base}/a/../Caf\u{e9}");
    let unwanted = [
        format!("{base}/Caf\u{e9}"),
        format!("{base}/a/../Cafe\u{301}"),
        format!("{base}/a/../caf\u{e9}"),
        format!("{base}/a/../Caf%C3%A9"),
        format!("{topic}/"),
        topic.replace("https", "HTTPS"),
    ];
    let unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
    let mut stream = hub.get()?.query("match_exact", &topic).open().await?;
    receives(hub, &mut stream, &[&topic], &unwanted, &topic).await
}

pub(crate) async fn match_is_match_exact(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let topic = format!("{base}/:id");
    let mut stream = hub.get()?.query("match", &topic).open().await?;
    receives(hub, &mut stream, &[&topic], &[&format!("{base}/1")], &topic).await
}

pub(crate) async fn exact_is_not_resolved(hub: &Hub) -> Checked {
    let name = format!("orders/{}", uuid::Uuid::new_v4());
    let resolved = hub.target.url.join(&name).map_or(name.clone(), |url| url.to_string());
    let mut stream = hub.subscribe(&[&name]).await?;
    // As a selector's text may also be a URL of the hub's own path, that one is left out.
    let other = format!("./{name}");
    let unwanted = if resolved.contains("/.well-known/mercure/") { vec![] } else { vec![resolved] };
    let mut unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
    unwanted.push(&other);
    receives(hub, &mut stream, &[&name], &unwanted, &name).await
}

pub(crate) async fn url_patterns_match_by_their_standard(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("/:id", &["/1", "/1?query", "/1#fragment"], &["/", "/1/2", ""]),
        ("/*", &["/", "/1", "/1/2"], &[""]),
        ("/books{/:id}?", &["/books", "/books/1"], &["/books/1/2", "/book"]),
        ("/:id([0-9]+)", &["/42"], &["/4x", "/"]),
        ("/a?q=*", &["/a?q=1"], &["/a", "/a?r=1"]),
        ("/Case", &["/Case"], &["/case"]),
        ("/:one/:two", &["/1/2"], &["/1", "/1/2/3"]),
    ];
    for (pattern, wanted, unwanted) in cases {
        let whole = |tails: &[&str]| -> Vec<String> {
            tails.iter().map(|tail| format!("{base}{tail}")).collect()
        };
        let (wanted, unwanted) = (whole(wanted), whole(unwanted));
        let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
        let unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
        let call = hub.get()?.query("match_urlpattern", &format!("{base}{pattern}"));
        let mut stream = call.open().await?;
        receives(hub, &mut stream, &wanted, &unwanted, wanted[0]).await?;
    }
    Ok(())
}

pub(crate) async fn url_patterns_compare_canonical_forms(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let call = hub.get()?.query("match_urlpattern", &format!("{base}/a b"));
    let mut stream = call.open().await?;
    let shouted = base.replace("conformance.example", "CONFORMANCE.example");
    let wanted = [format!("{base}/a%20b"), format!("{shouted}/a b"), format!("{base}/x/../a b")];
    let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
    receives(hub, &mut stream, &wanted, &[&format!("{base}/A%20b")], wanted[0]).await
}

pub(crate) async fn relative_patterns_are_resolved(hub: &Hub) -> Checked {
    let folder = uuid::Uuid::new_v4();
    let mut stream = hub.get()?.query("match_urlpattern", &format!("{folder}/:id")).open().await?;
    // Both are resolved against the hub, so a relative topic meets a relative pattern.
    let wanted = format!("{folder}/42");
    let unwanted = [format!("{folder}/42/43"), format!("{folder}"), hub.fresh()];
    let unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
    receives(hub, &mut stream, &[&wanted], &unwanted, &wanted).await
}

pub(crate) async fn what_is_no_url_matches_no_pattern(hub: &Hub) -> Checked {
    let marker = hub.fresh();
    let call = hub.get()?.query("match_urlpattern", "*://*:*/*").query("match", &marker);
    let mut stream = call.open().await?;
    let unwanted = [format!("https://[{}", uuid::Uuid::new_v4()), "http://a:port/".to_owned()];
    let unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
    receives(hub, &mut stream, &[], &unwanted, &marker).await
}

pub(crate) async fn bad_patterns_are_refused(hub: &Hub) -> Checked {
    for pattern in ["https://e.example/(", "https://e.example/{a", "https://e.example/:a/:a"] {
        hub.get()?.query("match_urlpattern", pattern).send().await?.status(&[400])?;
    }
    Ok(())
}

pub(crate) async fn costly_patterns_do_not_stop_the_hub(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let marker = hub.fresh();
    let call = hub.get()?.query("match_urlpattern", &format!("{base}/((?:a+)+b)"));
    let answer = call.clone().send().await?.status(&[200, 400])?;
    if answer.status == 400 {
        return Ok(());
    }
    let mut stream = call.query("match", &marker).open().await?;
    // An engine that backtracks tries each way to part the letters: 2 to the 2,000.
    let topic = format!("{base}/{}", "a".repeat(2_000));
    receives(hub, &mut stream, &[], &[&topic], &marker).await
}

pub(crate) async fn templates_match_what_they_expand_to(hub: &Hub) -> Checked {
    let base = hub.fresh();
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("/{id}", &["/1", "/a%20b"], &["/1/2", "/1?x"]),
        ("/{+path}", &["/1/2", "/1"], &["x"]),
        ("{/a,b}", &["/1/2"], &["/1/2/3"]),
        ("/s{?q}", &["/s?q=1"], &["/s/q=1"]),
    ];
    for (template, wanted, unwanted) in cases {
        let whole = |tails: &[&str]| -> Vec<String> {
            tails.iter().map(|tail| format!("{base}{tail}")).collect()
        };
        let (wanted, unwanted) = (whole(wanted), whole(unwanted));
        let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
        let unwanted: Vec<_> = unwanted.iter().map(String::as_str).collect();
        let mut stream = hub.get()?.query("topic", &format!("{base}{template}")).open().await?;
        receives(hub, &mut stream, &wanted, &unwanted, wanted[0]).await?;
    }
    Ok(())
}

pub(crate) async fn equal_strings_match_before_templates(hub: &Hub) -> Checked {
    let topic = format!("{}/{{id}}", hub.fresh());
    let mut stream = hub.subscribe(&[&topic]).await?;
    receives(hub, &mut stream, &[&topic], &[], &topic).await
}

pub(crate) async fn names_are_case_sensitive(hub: &Hub) -> Checked {
    // Whether it is ignored or refused, it selects nothing.
    let call = hub.get()?.raw_query(&format!("TOPIC={}", encoded(&hub.fresh())));
    let answer = call.send().await?;
    match answer.status {
        400 => Ok(()),
        status => Err(Stop::failed(answer.sent, "400: nothing is selected", status.to_string())),
    }
}
