//! The grammar of URI Templates (RFC 6570 section 2), read into pieces.
//!
//! It is followed to the letter inside of braces. Outside of them it is wider than section 2.1:
//! any character is a literal, since a topic may hold any.

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

/// Reads a whole template (section 2). `None` when the text is no template.
pub(super) fn parse(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        if brace > 0 {
            pieces.push(Piece::Literal(&rest[..brace]));
        }
        let inside = rest[brace..].strip_prefix('{')?;
        let (body, behind) = inside.split_at(inside.find(['{', '}'])?);
        pieces.push(Piece::Expression(parse_expression(body)?));
        rest = behind.strip_prefix('}')?;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Some(pieces)
}

fn parse_expression(body: &str) -> Option<Expression<'_>> {
    let operator = match body.as_bytes().first()? {
        b'+' => Operator::Reserved,
        b'#' => Operator::Fragment,
        b'.' => Operator::Label,
        b'/' => Operator::Path,
        b';' => Operator::Parameter,
        b'?' => Operator::Query,
        b'&' => Operator::Continuation,
        _ => Operator::Simple,
    };
    let list = if operator == Operator::Simple { body } else { &body[1..] };
    let variables = list.split(',').map(parse_variable).collect::<Option<_>>()?;
    Some(Expression { operator, variables })
}

fn parse_variable(text: &str) -> Option<Variable<'_>> {
    let (name, modifier) = if let Some(name) = text.strip_suffix('*') {
        (name, Modifier::Explode)
    } else if let Some((name, length)) = text.split_once(':') {
        (name, Modifier::Prefix(parse_prefix_length(length)?))
    } else {
        (text, Modifier::None)
    };
    is_name(name).then_some(Variable { name, modifier })
}

/// Section 2.4.1: `max-length = %x31-39 0*3DIGIT`, that is 1 to 9999.
fn parse_prefix_length(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = digits && text.len() <= 4 && !text.starts_with('0');
    text.parse().ok().filter(|_| valid)
}

/// Section 2.3: `varname = varchar *( ["."] varchar )`. The operators that section 2.2 reserves for
/// later are no characters of a name either.
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut position = 0;
    loop {
        match bytes.get(position) {
            Some(b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z') => position += 1,
            Some(b'%') if is_triplet(&bytes[position..]) => position += 3,
            _ => return false,
        }
        match bytes.get(position) {
            None => return true,
            Some(b'.') => position += 1,
            Some(_) => {}
        }
    }
}

/// Whether the bytes start with a percent-encoded octet (RFC 3986 section 2.1).
pub(super) fn is_triplet(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}
