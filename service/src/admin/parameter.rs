//! Parameters of requests to the admin listener.

use super::problem::AdminProblem;

/// How many are asked for.
pub(super) fn parse_limit(text: &str, max: usize) -> Result<usize, AdminProblem> {
    let number = text.parse().ok().filter(|limit| (1..=max).contains(limit));
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    number.filter(|_| is_plain).ok_or(AdminProblem::Limit { max })
}

/// Takes the value of a parameter that may stand once.
pub(super) fn put<T>(
    into: &mut Option<T>,
    name: &'static str,
    value: T,
) -> Result<(), AdminProblem> {
    match into.replace(value) {
        None => Ok(()),
        Some(_) => Err(AdminProblem::RepeatedParameter(name)),
    }
}

/// One that there is not.
pub(super) fn unknown(name: &str, known: &'static str) -> AdminProblem {
    AdminProblem::UnknownParameter { name: name.chars().take(64).collect(), known }
}
