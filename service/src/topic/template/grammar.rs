//! The grammar of URI Templates (RFC 6570 section 2), read into pieces.
//!
//! It is followed to the letter inside of braces. Outside of them it is wider than section 2.1:
//! any character is a literal, since a topic may hold any.

use crate::topic::error::{SelectorError, TemplateFlaw};

/// A part of a template.
pub(super) enum Piece<'a> {
    /// Text outside of braces (section 2.1).
    Literal(&'a str),
    /// Text in braces (section 2.2).
    Expression(Expression<'a>),
}

/// An operator and the variables that it applies to (section 2.2).
pub(super) struct Expression<'a> {
    pub(super) operator: Operator,
    pub(super) variables: Vec<Variable<'a>>,
}

/// A variable name and how much of its value is asked for (section 2.3).
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    pub(super) modifier: Modifier,
}

/// The value modifiers of section 2.4.
#[derive(Clone, Copy)]
pub(super) enum Modifier {
    None,
    /// `:n`, the first n characters (section 2.4.1).
    Prefix(u16),
    /// `*`, one element each (section 2.4.2).
    Explode,
}

/// The expression types of section 3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `{x}`, section 3.2.2.
    Simple,
    /// `{+x}`, section 3.2.3.
    Reserved,
    /// `{#x}`, section 3.2.4.
    Fragment,
    /// `{.x}`, section 3.2.5.
    Label,
    /// `{/x}`, section 3.2.6.
    Path,
    /// `{;x}`, section 3.2.7.
    Parameter,
    /// `{?x}`, section 3.2.8.
    Query,
    /// `{&x}`, section 3.2.9.
    Continuation,
}

type Parsed<T> = Result<T, SelectorError>;

fn malformed<T>(at: usize, flaw: TemplateFlaw) -> Parsed<T> {
    Err(SelectorError::MalformedTemplate { at, flaw })
}

/// Reads a whole template (section 2).
pub(super) fn parse(text: &str) -> Parsed<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(length) = text[at..].find(['{', '}']) {
        let brace = at + length;
        if length > 0 {
            pieces.push(Piece::Literal(&text[at..brace]));
        }
        let body = expression_body(text, brace)?;
        pieces.push(Piece::Expression(parse_expression(body, brace + 1)?));
        at = brace + body.len() + 2;
    }
    if at < text.len() {
        pieces.push(Piece::Literal(&text[at..]));
    }
    Ok(pieces)
}

/// What stands between the brace at `open` and the next.
fn expression_body(text: &str, open: usize) -> Parsed<&str> {
    if text[open..].starts_with('}') {
        return malformed(open, TemplateFlaw::NeverOpened);
    }
    let body = &text[open + 1..];
    match body.find(['{', '}']) {
        None => malformed(open, TemplateFlaw::NeverClosed),
        Some(end) if body[end..].starts_with('{') => {
            malformed(open + 1 + end, TemplateFlaw::Nested)
        }
        Some(end) => Ok(&body[..end]),
    }
}

/// `at` is where the body stands in the template, here and below.
fn parse_expression(body: &str, at: usize) -> Parsed<Expression<'_>> {
    let operator = match body.as_bytes().first() {
        Some(b'+') => Operator::Reserved,
        Some(b'#') => Operator::Fragment,
        Some(b'.') => Operator::Label,
        Some(b'/') => Operator::Path,
        Some(b';') => Operator::Parameter,
        Some(b'?') => Operator::Query,
        Some(b'&') => Operator::Continuation,
        Some(b'=' | b',' | b'!' | b'@' | b'|') => {
            return malformed(at, TemplateFlaw::ReservedOperator);
        }
        _ => Operator::Simple,
    };
    let mut at = at + usize::from(operator != Operator::Simple);
    let list = if operator == Operator::Simple { body } else { &body[1..] };
    let mut variables = Vec::new();
    for text in list.split(',') {
        variables.push(parse_variable(text, at)?);
        at += text.len() + 1;
    }
    Ok(Expression { operator, variables })
}

fn parse_variable(text: &str, at: usize) -> Parsed<Variable<'_>> {
    let (name, modifier) = if let Some(name) = text.strip_suffix('*') {
        (name, Modifier::Explode)
    } else if let Some((name, length)) = text.split_once(':') {
        (name, Modifier::Prefix(parse_prefix_length(length, at + name.len() + 1)?))
    } else {
        (text, Modifier::None)
    };
    check_name(name, at)?;
    Ok(Variable { name, modifier })
}

/// Section 2.4.1: `max-length = %x31-39 0*3DIGIT`, that is 1 to 9999.
fn parse_prefix_length(text: &str, at: usize) -> Parsed<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(length) if digits && text.len() <= 4 && !text.starts_with('0') => Ok(length),
        _ => malformed(at, TemplateFlaw::BadPrefixLength),
    }
}

/// Section 2.3: `varname = varchar *( ["."] varchar )`.
fn check_name(name: &str, at: usize) -> Parsed<()> {
    if name.is_empty() {
        return malformed(at, TemplateFlaw::NoName);
    }
    let bytes = name.as_bytes();
    let mut position = 0;
    loop {
        match bytes.get(position) {
            Some(b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z') => position += 1,
            Some(b'%') if is_triplet(&bytes[position..]) => position += 3,
            _ => return malformed(at + position, TemplateFlaw::BadName),
        }
        match bytes.get(position) {
            None => return Ok(()),
            Some(b'.') => position += 1,
            Some(_) => {}
        }
    }
}

/// Whether the bytes start with a percent-encoded octet (RFC 3986 section 2.1).
pub(super) fn is_triplet(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}
