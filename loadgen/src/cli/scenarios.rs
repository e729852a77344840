//! The scenarios that are built in, and files beside them.

use std::path::Path;

use super::Failure;
use super::files::say;
use crate::plan::Settings;

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

/// The settings of a scenario under flags.
pub(super) fn under(scenario: Option<&Path>, flags: &Settings) -> Result<Settings, Failure> {
    let Some(path) = scenario else { return Ok(flags.clone()) };
    if path.exists() {
        return Ok(flags.over_file(path)?);
    }
    let name = path.to_string_lossy();
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = built_in else {
        let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(Failure::Usage(format!(
            "{name} is neither a file nor a built-in scenario ({})",
            names.join(", ")
        )));
    };
    Ok(flags.over_text(path, text)?)
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
    fn every_scenario_is_a_plan_and_says_what_it_is_for() {
        for (name, _) in BUILT_IN {
            let settings = under(Some(Path::new(name)), &Settings::default()).expect(name);
            assert_eq!(settings.name.as_deref(), Some(*name));
            assert!(settings.about.as_ref().is_some_and(|about| about.len() > 20), "{name}");
            settings.plan().expect(name);
            for goal in &settings.slo {
                goal.parse::<crate::slo::Slo>().expect(goal);
            }
        }
    }
}
