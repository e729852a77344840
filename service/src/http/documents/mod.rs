//! The documents of the HTTP interface, as pages below `/docs`: what whoever writes a client looks up,
//! of the very version that serves it.
//!
//! Documents for operators are not among them: they are read before there is a server.

mod markdown;

use markdown::{Rendered, Target};

/// The folder of documents in the repository.
const FOLDER: &str = "docs/";

/// What is not served where there are no demonstrations.
const DEMONSTRATIONS: &str = "demonstrations.md";

/// The page that lists them.
pub(super) const INDEX: &str = "/docs";

/// Where the interface is described for programs.
pub(super) const OPENAPI: &str = "/docs/openapi.yaml";

/// One document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    /// Where its file lies in the folder of documents, by which others link to it.
    file: &'static str,
    markdown: &'static str,
}

macro_rules! documents {
    ($($file:literal),+ $(,)?) => {
        [$(Document {
            file: $file,
            markdown: include_str!(concat!("../../../../docs/", $file)),
        }),+]
    };
}

static DOCUMENTS: [Document; 19] = documents![
    "protocol.md",
    "clients.md",
    "demonstrations.md",
    "glossary.md",
    "recipes/README.md",
    "recipes/axum.md",
    "recipes/browser.md",
    "recipes/dashboard.md",
    "recipes/datastar.md",
    "recipes/go.md",
    "recipes/hotwire.md",
    "recipes/htmx.md",
    "recipes/job-progress.md",
    "recipes/language-model.md",
    "recipes/node.md",
    "recipes/php.md",
    "recipes/python.md",
    "recipes/react.md",
    "recipes/rust.md",
];

/// The interface in the words of OpenAPI. Its links lead to pages here, and to files where
/// the file itself is read.
pub(super) fn openapi() -> String {
    let text = include_str!("../../../../docs/openapi.yaml");
    text.replace("url: protocol.md", "url: protocol")
}

/// The documents that are served.
pub(super) fn served(demos: bool) -> impl Iterator<Item = &'static Document> {
    DOCUMENTS.iter().filter(move |document| demos || document.file != DEMONSTRATIONS)
}

impl Document {
    /// The path of its page.
    pub(super) fn path(&self) -> String {
        path_of(self.file)
    }

    /// Its page, in a frame that has places for `{{title}}` and `{{content}}`.
    pub(super) fn page(&self, frame: &str, demos: bool) -> String {
        let Rendered { title, html } =
            markdown::render(self.markdown, |link| self.target(link, demos));
        frame.replacen("{{title}}", &title, 1).replacen("{{content}}", &html, 1)
    }

    /// Where a link of this document leads.
    fn target(&self, link: &str, demos: bool) -> Target {
        if link.starts_with('#') || link.contains("://") {
            return Target::Page(link.to_owned());
        }
        let (file, heading) = link.split_at(link.find('#').unwrap_or(link.len()));
        let file = beside(&format!("{FOLDER}{}", self.file), file);
        let own = file.strip_prefix(FOLDER).unwrap_or_default();
        let path = path_of(own);
        if path == OPENAPI || served(demos).any(|other| other.file == own) {
            Target::Page(format!("{path}{heading}"))
        } else {
            Target::File(file)
        }
    }
}

/// The file that a relative link of another one names, both from the root of the repository.
fn beside(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn path_of(file: &str) -> String {
    let name = file.strip_suffix(".md").unwrap_or(file);
    format!("{INDEX}/{}", name.strip_suffix("/README").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn document(file: &str) -> &'static Document {
        DOCUMENTS.iter().find(|document| document.file == file).expect(file)
    }

    #[test]
    fn links_lead_to_the_pages_of_what_is_served_and_name_other_files() {
        let page = |path: &str| Target::Page(path.to_owned());
        let file = |path: &str| Target::File(path.to_owned());
        let cases = [
            ("protocol.md", "#errors", page("#errors")),
            ("protocol.md", "clients.md#browsers", page("/docs/clients#browsers")),
            ("protocol.md", "openapi.yaml", page("/docs/openapi.yaml")),
            ("protocol.md", "https://www.rfc-editor.org/", page("https://www.rfc-editor.org/")),
            ("protocol.md", "recipes/README.md", page("/docs/recipes")),
            ("protocol.md", "operations.md#limits", file("docs/operations.md")),
            ("protocol.md", "../clients/js/README.md", file("clients/js/README.md")),
            ("recipes/README.md", "node.md", page("/docs/recipes/node")),
            ("recipes/node.md", "../protocol.md#tickets", page("/docs/protocol#tickets")),
            ("recipes/axum.md", "../../service/src/embed/mod.rs", file("service/src/embed/mod.rs")),
        ];
        for (from, link, expected) in cases {
            assert_eq!(document(from).target(link, true), expected, "{link} in {from}");
        }
        let without = document("protocol.md").target("demonstrations.md", false);
        assert_eq!(without, file("docs/demonstrations.md"), "where there are no demonstrations");
    }

    #[test]
    fn the_description_for_programs_links_to_pages() {
        let text = openapi();
        let links = text.split("url: ").skip(1).filter_map(|rest| rest.split(['}', '\n']).next());
        let links: Vec<_> = links.filter(|link| link.starts_with("protocol")).collect();
        assert!(links.len() > 10, "{links:?}");
        let page = document("protocol.md").page("{{content}}", true);
        for link in links {
            let (path, heading) = link.split_once('#').unwrap_or((link, "the-http-interface"));
            assert_eq!(path, "protocol", "{link}");
            assert!(page.contains(&format!("id=\"{heading}\"")), "{link}");
        }
    }

    #[test]
    fn every_link_to_a_heading_of_a_page_finds_it() {
        let pages: Vec<_> =
            DOCUMENTS.iter().map(|it| (it.path(), it.page("{{content}}", true))).collect();
        let mut links = 0;
        for (from, page) in &pages {
            let targets = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            for target in targets.filter(|target| target.contains('#') && !target.contains("://")) {
                let (path, heading) = target.split_once('#').expect("a heading");
                let path = if path.is_empty() { from } else { path };
                let (_, other) = pages.iter().find(|(other, _)| other == path).expect(target);
                assert!(other.contains(&format!("id=\"{heading}\"")), "{target} in {from}");
                links += 1;
            }
        }
        assert!(links > 20, "{links}");
    }

    #[test]
    fn no_document_has_what_a_page_could_not_hold() {
        // Ids of the frame, and of parts that the style sheet knows by them.
        let reserved = ["main", "connection", "notice", "events", "topics", "token", "filter"];
        let headings = regex::Regex::new(r#"<h[1-6] id="([^"]*)"#).unwrap();
        for document in &DOCUMENTS {
            let page = document.page("{{content}}", true);
            let ids = headings.captures_iter(&page).map(|found| found[1].to_owned());
            let mut seen = BTreeSet::new();
            for id in ids {
                assert!(!reserved.contains(&&*id), "{id} in {}", document.file);
                assert!(seen.insert(id), "{seen:?} in {}", document.file);
            }
            // The policy of pages allows no styles of their own, which a column has that is aligned.
            for refused in ["<td style=", "<th style="] {
                assert!(!page.contains(refused), "{refused} in {}", document.file);
            }
        }
    }

    #[test]
    fn every_recipe_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes");
        let files = std::fs::read_dir(folder).expect("the recipes");
        for file in files.map(|file| file.expect("a file").file_name()) {
            let file = format!("recipes/{}", file.to_string_lossy());
            assert!(DOCUMENTS.iter().any(|document| document.file == file), "{file}");
        }
    }

    #[test]
    fn every_page_has_one_title_and_one_heading_of_the_first_level() {
        for document in &DOCUMENTS {
            let page = document.page("<title>{{title}}</title>{{content}}", true);
            assert_eq!(page.matches("<h1").count(), 1, "{}", document.file);
            assert!(!page.contains("{{") || document.markdown.contains("{{"), "{}", document.file);
            assert!(!page.contains("<title></title>"), "{}", document.file);
        }
    }
}
