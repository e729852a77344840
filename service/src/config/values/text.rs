//! Words and lines of text, whose meaning is checked elsewhere.

use std::convert::Infallible;
use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::auth::token::Algorithm;

/// The text without the white space around it.
///
/// # Errors
/// None; the type is what clap asks for.
pub(in crate::config) fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.trim().to_owned())
}

/// An algorithm that tokens are signed with.
///
/// # Errors
/// When it is none, with an example of one.
pub(in crate::config) fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    const UNKNOWN: &str = "no algorithm for tokens; write HS256, HS384, HS512, RS256, PS256, ES256, ES384 or EdDSA, or RS and PS with 384 or 512";
    text.trim().parse().map_err(|_| UNKNOWN)
}

/// The name of a cookie (RFC 6265, section 4.1.1), which has a letter.
///
/// # Errors
/// When it is none, with an example of one.
pub(in crate::config) fn cookie_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.bytes().all(fits) && text.contains(|c: char| c.is_ascii_alphabetic()) {
        Ok(text.to_owned())
    } else {
        Err("no name of a cookie; write letters and digits such as mercureAuthorization")
    }
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
