//! No file of a recipe is left untried.

use std::collections::BTreeSet;
use std::fs;

use super::recipe::{documents, files_in};

/// The documents, and the files that the tests beside this run.
const TRIED: [(&str, &[&str]); 14] = [
    (
        "language-model",
        &[
            "producer.mjs",
            "reader.mjs",
            "page.html",
            "abort.mjs",
            "transport.mjs",
            "chat-server.mjs",
            "model.mjs",
            "chat.jsx",
            "chat.html",
        ],
    ),
    ("job-progress", &["job.py", "wait.mjs", "progress.sh", "page.html"]),
    ("dashboard", &["sensors.mjs", "page.html", "watch.mjs"]),
    ("node", &["publish.mjs", "read.mjs"]),
    ("python", &["publish.py", "read.py", "read_with_httpx_sse.py"]),
    ("go", &["read.go", "publish.go"]),
    ("rust", &["read.rs", "publish.rs"]),
    ("axum", &["main.rs"]),
    ("php", &["publish.php", "form.php"]),
    ("browser", &["page.html"]),
    ("react", &["app.jsx", "page.html"]),
    ("htmx", &["page.html", "publish.sh"]),
    ("datastar", &["page.html", "publish.sh"]),
    ("hotwire", &["page.html", "publish.sh"]),
];

#[test]
fn every_file_of_every_recipe_is_run_by_a_test_and_every_recipe_is_listed() {
    let list = fs::read_to_string(documents().join("README.md")).unwrap();
    let files = fs::read_dir(documents()).unwrap().map(|file| file.unwrap().file_name());
    let names = files.map(|name| name.into_string().unwrap().replace(".md", ""));
    let names: BTreeSet<_> = names.filter(|name| name != "README").collect();
    let tried: BTreeSet<_> = TRIED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, tried);
    for (name, files) in TRIED {
        assert!(list.contains(&format!("({name}.md)")), "{name} is not in the list");
        let printed: Vec<_> = files_in(name).into_iter().map(|(file, _)| file).collect();
        assert_eq!(printed, files, "{name}");
    }
}
