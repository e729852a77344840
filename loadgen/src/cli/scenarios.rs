//! Built-in scenarios, and scenario files.

use std::io::{self, Write as _};
use std::path::Path;

use super::Failure;
use super::files::{hint, say};
use crate::plan::{PublishStyle, Settings, without_secrets};

/// Names and texts, in the order in which they are worth trying.
const BUILT_IN: &[(&str, &str)] = &[
    ("quickstart", include_str!("../../scenarios/quickstart.toml")),
    ("broadcast-10k", include_str!("../../scenarios/broadcast-10k.toml")),
    ("throughput", include_str!("../../scenarios/throughput.toml")),
    ("many-topics", include_str!("../../scenarios/many-topics.toml")),
    ("slow-readers", include_str!("../../scenarios/slow-readers.toml")),
    ("reconnect-storm", include_str!("../../scenarios/reconnect-storm.toml")),
    ("resume", include_str!("../../scenarios/resume.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
];

/// The settings of a scenario under flags. What a file will have run is said, however quiet the
/// rest is: another person may have written it.
pub(super) fn under(scenario: Option<&Path>, flags: &Settings) -> Result<Settings, Failure> {
    let settings = merged(scenario, flags)?;
    settings.slo.iter().filter_map(|text| crate::slo::hint(text)).for_each(|line| hint(&line));
    Ok(settings)
}

fn merged(scenario: Option<&Path>, flags: &Settings) -> Result<Settings, Failure> {
    let Some(path) = scenario else { return Ok(flags.clone()) };
    if path.exists() {
        let settings = flags.over_file(path)?;
        if let Some(warning) = command_of_file(path, flags, &settings) {
            // Standard error may be closed on purpose.
            let _ = writeln!(io::stderr(), "{warning}");
        }
        return Ok(settings);
    }
    let name = path.to_string_lossy();
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = built_in else {
        let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(Failure::Usage(format!(
            "the scenario {name} is neither a file nor built in ({})",
            names.join(", ")
        )));
    };
    Ok(flags.over_text(path, text)?)
}

/// The line about the program that a file, and not a flag, says is to be run.
fn command_of_file(path: &Path, flags: &Settings, settings: &Settings) -> Option<String> {
    let runs = settings.publish_style == Some(PublishStyle::Command);
    let command = settings.publish_command.as_ref().filter(|_| runs)?;
    // A file could hide a command behind characters that move the cursor.
    let plain = |letter: char| {
        let escaped = letter.is_control().then(|| letter.escape_default().to_string());
        escaped.unwrap_or_else(|| letter.to_string())
    };
    let command: String = without_secrets(command).chars().map(plain).collect();
    let line = format!("will run: {command}  (for each event; {} says so)", path.display());
    flags.publish_command.is_none().then_some(line)
}

pub(super) fn list() -> Result<(), Failure> {
    for (name, text) in BUILT_IN {
        let settings = Settings::default().over_text(Path::new(name), text)?;
        say(&format!("{name:<16}  {}", settings.about.unwrap_or_default()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_a_file_would_run_is_shown_and_one_of_a_flag_is_not() {
        let path = Path::new("theirs.toml");
        let file = "publish-style = 'command'\npublish-command = \"rm -r x\\u001b[1K\"";
        let line = |flags: &Settings, file: &str| {
            command_of_file(path, flags, &flags.over_text(path, file).expect("a scenario"))
        };
        let none = Settings::default();
        let shown = line(&none, file).expect("a line");
        assert!(shown.starts_with("will run: rm -r x\\u{1b}[1K"), "{shown}");
        assert!(shown.contains("theirs.toml"), "{shown}");
        let mine = Settings { publish_command: Some("true".to_owned()), ..Settings::default() };
        assert_eq!(line(&mine, file), None);
        assert_eq!(line(&none, "publish-command = 'never used'"), None);
    }

    #[test]
    fn every_scenario_is_a_plan_and_says_what_it_is_for() {
        for (name, _) in BUILT_IN {
            let settings = under(Some(Path::new(name)), &Settings::default()).expect(name);
            assert_eq!(settings.name.as_deref(), Some(*name));
            assert!(settings.about.as_ref().is_some_and(|about| about.len() > 20), "{name}");
            settings.plan().expect(name);
            for slo in &settings.slo {
                slo.parse::<crate::slo::Slo>().expect(slo);
            }
        }
    }
}
