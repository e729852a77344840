//! The examples of `docs/clients.md` are the programs that the tests run, and not only like them.

use super::process::folder;

/// The examples of the document: the program that each is of, and its lines. A block that stands below
/// a heading without a link to a program is of none.
fn examples(document: &str) -> Vec<(&str, Vec<&str>)> {
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    let (mut program, mut within) = (None, false);
    for line in document.lines() {
        if line.starts_with("```") {
            within = !within;
            examples.extend(program.filter(|_| within).map(|name| (name, Vec::new())));
        } else if within {
            if let (Some(_), Some((_, lines))) = (program, examples.last_mut()) {
                lines.push(line.trim());
            }
        } else if line.starts_with('#') {
            program = None;
        } else if let Some((_, rest)) = line.split_once("](../service/tests/peers/") {
            program = rest.split_once(')').map(|(name, _)| name);
        }
    }
    examples
}

#[test]
fn every_line_of_an_example_stands_in_the_program_that_it_links_to() {
    let document = folder().join("../../../docs/clients.md");
    let document = std::fs::read_to_string(document).unwrap();
    let examples = examples(&document);
    assert!(examples.len() >= 10, "{examples:?}");
    for (name, lines) in examples {
        let program =
            std::fs::read_to_string(folder().join(name)).unwrap_or_else(|_| panic!("{name}"));
        let mut program = program.lines().map(str::trim);
        for line in lines.iter().filter(|line| !line.is_empty()) {
            assert!(
                program.any(|own| own == *line),
                "{name} has no such line, in this order: {line}"
            );
        }
    }
}
