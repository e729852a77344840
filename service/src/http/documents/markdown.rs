//! From Markdown to the HTML of a page: headings that links can reach, links that lead to pages, and
//! parts that are wider than a phone and can be scrolled without a mouse.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// The headings of a document that are worth a list of them.
const LISTED_HEADINGS_MIN: usize = 4;

/// What becomes of a document.
#[derive(Debug)]
pub(super) struct Rendered {
    /// Its first heading, escaped for HTML.
    pub(super) title: String,
    pub(super) html: String,
}

/// A heading of a document.
#[derive(Debug)]
struct Heading {
    level: HeadingLevel,
    /// By which links reach it.
    id: String,
    text: String,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To a page, or a part of one.
    Page(String),
    /// To a file of the repository that is not served: its name is put behind the text.
    File(String),
}

/// Renders a document. `target` says where a link leads; of a picture what is left is the text that stands
/// in its place for those who do not see it.
pub(super) fn render(markdown: &str, target: impl Fn(&str) -> Target) -> Rendered {
    let events: Vec<Event<'_>> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let headings = headings(&events);
    let title = headings.first().map_or("", |heading| heading.text.as_str());
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut html, adapted(&events, &headings, target).into_iter());
    // Above a column of names there is often nothing, and that is no heading to be read out.
    Rendered { title: escaped(title), html: html.replace("<th></th>", "<td></td>") }
}

fn headings(events: &[Event<'_>]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut open = None;
    for event in events {
        match event {
            Event::Start(Tag::Heading { level, .. }) => open = Some((*level, String::new())),
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, heading)) = &mut open {
                    heading.push_str(text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = open.take() {
                    headings.push(Heading { level, id: free_id(&text, &mut taken), text });
                }
            }
            _ => {}
        }
    }
    headings
}

/// As GitHub makes them, where the same files are read too: lower case, hyphens for spaces, nothing but
/// letters, digits, `-` and `_`, and a number behind what was there before.
fn free_id(heading: &str, taken: &mut HashMap<String, usize>) -> String {
    let kept = heading.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    let id = kept.collect::<String>().to_lowercase().replace(' ', "-");
    let mut free = id.clone();
    // What has a number by itself may have been taken as well.
    while taken.contains_key(&free) {
        let before = taken.entry(id.clone()).or_default();
        *before += 1;
        free = format!("{id}-{before}");
    }
    taken.insert(free.clone(), 0);
    free
}

/// The events as they are written.
fn adapted<'a>(
    events: &[Event<'a>],
    headings: &[Heading],
    target: impl Fn(&str) -> Target,
) -> Vec<Event<'a>> {
    let mut adapted = Vec::with_capacity(events.len() + 2 * headings.len());
    let mut of_heading = headings.iter();
    // Links lie in nothing of their kind, so one place is enough.
    let mut unserved = None;
    let mut is_comment = false;
    for event in events.iter().cloned() {
        match event {
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let id = of_heading.next().map(|heading| CowStr::from(heading.id.clone()));
                adapted.push(Event::Start(Tag::Heading { level, id, classes, attrs }));
            }
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
                adapted.push(event);
                adapted.extend(list_of(headings).map(|list| Event::Html(list.into())));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => match target(&dest_url) {
                Target::Page(path) => {
                    let dest_url = path.into();
                    adapted.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
                Target::File(file) => unserved = Some(file),
            },
            Event::End(TagEnd::Link) if unserved.is_some() => {
                let file = unserved.take().map(|file| format!(" ({file})"));
                adapted.extend(file.map(|file| Event::Text(file.into())));
            }
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            // A comment may have several lines. What else looks like HTML was meant to be read, and would
            // vanish, or break the page.
            Event::Html(text) | Event::InlineHtml(text) => {
                is_comment |= text.trim_start().starts_with("<!--");
                if !is_comment {
                    adapted.push(Event::Text(text.clone()));
                }
                is_comment &= !text.contains("-->");
            }
            // What scrolls must be reached by the keyboard too.
            Event::Start(Tag::Table(_)) => {
                let around =
                    "<div class=\"wide\" role=\"group\" aria-label=\"Table\" tabindex=\"0\">";
                adapted.extend([Event::Html(around.into()), event]);
            }
            Event::End(TagEnd::Table) => adapted.extend([event, Event::Html("</div>".into())]),
            other => adapted.push(other),
        }
    }
    adapted
}

/// The links to the headings of the second level, where there are many.
fn list_of(headings: &[Heading]) -> Option<String> {
    let listed = headings.iter().filter(|heading| heading.level == HeadingLevel::H2);
    let listed: Vec<_> = listed.collect();
    if listed.len() < LISTED_HEADINGS_MIN {
        return None;
    }
    let item = |heading: &&Heading| {
        format!("<li><a href=\"#{}\">{}</a></li>", heading.id, escaped(&heading.text))
    };
    let items: String = listed.iter().map(item).collect();
    Some(format!("<nav aria-label=\"On this page\"><ul>{items}</ul></nav>\n"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markdown: &str) -> String {
        let target = |link: &str| match link {
            "code.rs" => Target::File("src/code.rs".to_owned()),
            page => Target::Page(format!("/to/{page}")),
        };
        render(markdown, target).html
    }

    #[test]
    fn markdown_becomes_the_html_of_a_page() {
        let cases = [
            ("# A `b` & c", "<h1 id=\"a-b--c\">A <code>b</code> &amp; c</h1>\n"),
            ("## Same\n\n## Same", "<h2 id=\"same\">Same</h2>\n<h2 id=\"same-1\">Same</h2>\n"),
            ("[one](a.md)", "<p><a href=\"/to/a.md\">one</a></p>\n"),
            ("[2](code.rs) [3](b.md)", "<p>2 (src/code.rs) <a href=\"/to/b.md\">3</a></p>\n"),
            ("![a bar that fills](bar.webp)", "<p>a bar that fills</p>\n"),
            ("`<script>`", "<p><code>&lt;script&gt;</code></p>\n"),
            ("a <TOPIC> <b>", "<p>a &lt;TOPIC&gt; &lt;b&gt;</p>\n"),
            ("<div>\n\nb", "&lt;div&gt;\n<p>b</p>\n"),
            ("<!-- one\ntwo -->\n\nb <!-- c --> d", "<p>b  d</p>\n"),
            (
                "## a\n\n## a\n\n## a-1\n\n## a",
                "<h2 id=\"a\">a</h2>\n<h2 id=\"a-1\">a</h2>\n<h2 id=\"a-1-1\">a-1</h2>\n<h2 id=\"a-2\">a</h2>\n",
            ),
        ];
        for (markdown, expected) in cases {
            assert_eq!(html(markdown), expected, "{markdown}");
        }
    }

    #[test]
    fn a_table_can_be_scrolled_with_the_keyboard() {
        let page = html("| a | |\n|---|---|\n| b | c |");
        assert!(page.starts_with("<div class=\"wide\" role=\"group\""), "{page}");
        assert!(page.contains("tabindex=\"0\"><table>"), "{page}");
        assert!(page.contains("<th>a</th><td></td>"), "{page}");
        assert!(page.ends_with("</table>\n</div>"), "{page}");
    }

    #[test]
    fn a_long_document_begins_with_a_list_of_its_headings() {
        let long = "# Long\n\n## A < b\n\n## B\n\n### deeper\n\n## C\n\n## D";
        let page = html(long);
        let list = page.split("<nav").nth(1).and_then(|rest| rest.split("</nav>").next()).unwrap();
        assert_eq!(list.matches("<li>").count(), 4, "{list}");
        assert!(list.contains("<a href=\"#a--b\">A &lt; b</a>"), "{list}");
        assert!(!html("# Short\n\n## A\n\n## B").contains("<nav"));
    }
}
