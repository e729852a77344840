//! Headers that people give, as names and values that can stand in a request as they are: nothing
//! in them can end a line or begin another header.

use super::PlanError;

pub(super) fn parse_headers(lines: &[String]) -> Result<Vec<(String, String)>, PlanError> {
    lines.iter().map(|line| parse_header(line)).collect()
}

pub(super) fn parse_header(line: &str) -> Result<(String, String), PlanError> {
    let wrong = || PlanError::Header(line.to_owned());
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let printable = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte);
    if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(printable) {
        return Err(wrong());
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

pub(super) fn bearer(
    token: Option<&str>,
    headers: &mut Vec<(String, String)>,
) -> Result<(), PlanError> {
    if let Some(token) = token {
        headers.push(parse_header(&format!("authorization: Bearer {token}"))?);
    }
    Ok(())
}
