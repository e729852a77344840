//! Words and lines of text, whose meaning others check.

use std::convert::Infallible;
use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// The text without the white space around it.
///
/// # Errors
/// None; the type is what clap asks for.
pub(in crate::config) fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.trim().to_owned())
}

/// Another parser, to which the white space around a value is not shown.
#[derive(Clone, Debug)]
pub(in crate::config) struct Trimmed<P>(pub(in crate::config) P);

impl<P: TypedValueParser> TypedValueParser for Trimmed<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let trimmed = value.to_str().map_or(value, |text| OsStr::new(text.trim()));
        self.0.parse_ref(command, arg, trimmed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}
