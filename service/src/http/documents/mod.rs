//! The documents of the HTTP interface, as pages below `/docs`: what whoever writes a client looks up,
//! of the very version that serves it.
//!
//! Documents for operators are not among them: they are read before there is a server.

mod markdown;

use markdown::Rendered;

/// The page that lists them.
const INDEX: &str = "/docs";

/// For programs: the interface in the words of OpenAPI.
pub(super) const OPENAPI: (&str, &str) =
    ("/docs/openapi.yaml", include_str!("../../../../docs/openapi.yaml"));

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

pub(super) static DOCUMENTS: [Document; 19] = documents![
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

impl Document {
    /// The path of its page.
    pub(super) fn path(&self) -> String {
        path_of(self.file)
    }

    /// Its page, in a frame that has places for `{{title}}` and `{{content}}`.
    pub(super) fn page(&self, frame: &str) -> String {
        let Rendered { title, html } = markdown::render(self.markdown, |link| self.target(link));
        frame.replacen("{{title}}", &title, 1).replacen("{{content}}", &html, 1)
    }

    /// Where a link of this document leads on the pages; `None` if what it names is not served.
    fn target(&self, link: &str) -> Option<String> {
        if link.starts_with('#') || link.contains("://") {
            return Some(link.to_owned());
        }
        let (file, heading) = link.split_at(link.find('#').unwrap_or(link.len()));
        let file = beside(self.file, file)?;
        let path = path_of(&file);
        let is_served = path == OPENAPI.0 || DOCUMENTS.iter().any(|other| other.file == file);
        is_served.then(|| format!("{path}{heading}"))
    }
}

/// The file that a relative link of another one names; `None` above the folder of documents.
fn beside(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn path_of(file: &str) -> String {
    let name = file.strip_suffix(".md").unwrap_or(file);
    format!("{INDEX}/{}", name.strip_suffix("/README").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(file: &str) -> &'static Document {
        DOCUMENTS.iter().find(|document| document.file == file).expect(file)
    }

    #[test]
    fn links_lead_to_the_pages_of_what_is_served_and_nowhere_else() {
        let cases = [
            ("protocol.md", "#errors", Some("#errors")),
            ("protocol.md", "clients.md#browsers", Some("/docs/clients#browsers")),
            ("protocol.md", "openapi.yaml", Some("/docs/openapi.yaml")),
            ("protocol.md", "https://www.rfc-editor.org/", Some("https://www.rfc-editor.org/")),
            ("protocol.md", "recipes/README.md", Some("/docs/recipes")),
            ("protocol.md", "operations.md#limits", None),
            ("protocol.md", "../clients/js/README.md", None),
            ("recipes/README.md", "node.md", Some("/docs/recipes/node")),
            ("recipes/node.md", "../protocol.md#tickets", Some("/docs/protocol#tickets")),
            ("recipes/axum.md", "../../service/src/embed/mod.rs", None),
            ("recipes/axum.md", "../../../protocol.md", None),
        ];
        for (from, link, expected) in cases {
            assert_eq!(document(from).target(link).as_deref(), expected, "{link} in {from}");
        }
    }

    #[test]
    fn every_link_to_a_heading_of_a_page_finds_it() {
        let pages: Vec<_> =
            DOCUMENTS.iter().map(|it| (it.path(), it.page("{{content}}"))).collect();
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
            let page = document.page("<title>{{title}}</title>{{content}}");
            assert_eq!(page.matches("<h1").count(), 1, "{}", document.file);
            assert!(!page.contains("{{") || document.markdown.contains("{{"), "{}", document.file);
            assert!(!page.contains("<title></title>"), "{}", document.file);
        }
    }
}
