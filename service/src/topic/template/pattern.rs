//! From the pieces of a template to a regular expression over bytes, after RFC 6570 section 3 and
//! the table in its appendix A.
//!
//! Two things are wider than the RFC: a character outside of ASCII may stand in a topic as it is,
//! not only percent-encoded, and the digits of a percent-encoded octet may have either case.
//! A topic is valid UTF-8, so bytes above 0x7F need not be told apart further.

use super::grammar::{Expression, Modifier, Operator, Piece, Variable, is_triplet};

/// RFC 6570 section 1.5: the insides of a class of unreserved characters …
const UNRESERVED: &str = r"A-Za-z0-9\-._\~";
/// … and of the reserved ones, `gen-delims` and `sub-delims`.
const RESERVED: &str = r":/?#\[\]@!$\&'()*+,;=";
/// The bytes of a character outside of ASCII that is not percent-encoded.
const NOT_ASCII: &str = r"\x80-\xFF";
/// A percent-encoded octet (RFC 3986 section 2.1).
const TRIPLET: &str = "%[0-9A-Fa-f]{2}";
/// The percent-encoded octets of one character of UTF-8 (RFC 3629 section 3): one that starts a
/// character, and those that continue it. How many have to follow is not checked: it would triple
/// the expression, and makes a difference only for octets that are not UTF-8.
const TRIPLETS_OF_A_CHARACTER: &str = "%[0-7C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])*";

/// How the values of an expression are put together (appendix A).
struct Shape {
    first: &'static str,
    separator: &'static str,
    named: bool,
    /// Whether `=` may be left out after a name, which is how `;` writes an empty value.
    bare_name: bool,
    allow_reserved: bool,
}

impl Shape {
    fn of(operator: Operator) -> Shape {
        let (first, separator) = match operator {
            Operator::Simple | Operator::Reserved => ("", ","),
            Operator::Fragment => ("#", ","),
            Operator::Label => (r"\.", r"\."),
            Operator::Path => ("/", "/"),
            Operator::Parameter => (";", ";"),
            Operator::Query => (r"\?", "&"),
            Operator::Continuation => ("&", "&"),
        };
        Shape {
            first,
            separator,
            named: matches!(
                operator,
                Operator::Parameter | Operator::Query | Operator::Continuation
            ),
            bare_name: operator == Operator::Parameter,
            allow_reserved: matches!(operator, Operator::Reserved | Operator::Fragment),
        }
    }

    /// Section 3.2.1: the characters that a value is not percent-encoded to.
    fn allowed(&self) -> &'static str {
        if self.allow_reserved { RESERVED } else { "" }
    }

    /// A string, or an element of a list or an associative array.
    fn text(&self) -> String {
        format!("(?:[{UNRESERVED}{NOT_ASCII}{}]|{TRIPLET})*", self.allowed())
    }

    /// A string, or the elements of a list or an associative array with `,` between them.
    fn list(&self) -> String {
        format!("(?:[{UNRESERVED}{NOT_ASCII},{}]|{TRIPLET})*", self.allowed())
    }

    /// One character of a string, for the prefix modifier (section 2.4.1): as it is, with the bytes
    /// that continue it if it is not of ASCII, or percent-encoded.
    fn character(&self) -> String {
        let first = format!(r"{UNRESERVED}\xC0-\xFF{}", self.allowed());
        format!(r"(?:[{first}][\x80-\xBF]*|{TRIPLETS_OF_A_CHARACTER})")
    }
}

/// The expression for the whole template, anchored at both ends.
pub(super) fn write(pieces: &[Piece<'_>]) -> String {
    let mut pattern = String::from(r"\A");
    for piece in pieces {
        match piece {
            Piece::Literal(text) => pattern.push_str(&literal(text)),
            Piece::Expression(part) => pattern.push_str(&expression(part)),
        }
    }
    pattern.push_str(r"\z");
    pattern
}

/// Section 3.1: whether expansion copies this character, which is one that a URI may hold.
/// `%` is not among them: it may start a triplet or not.
pub(super) fn is_copied(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=".contains(character)
}

/// Section 3.1: a literal stands for itself. What expansion would percent-encode matches as it is
/// and percent-encoded; what is percent-encoded already stays so.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let triplet = is_triplet(rest.as_bytes());
        let (head, tail) = rest.split_at(if triplet { 3 } else { character.len_utf8() });
        if is_copied(character) {
            pattern.push_str(&regex::escape(head));
        } else if triplet {
            push_either_case(&mut pattern, head);
        } else {
            pattern.push_str("(?:");
            pattern.push_str(&regex::escape(head));
            pattern.push('|');
            for byte in head.bytes() {
                push_either_case(&mut pattern, &format!("%{byte:02X}"));
            }
            pattern.push(')');
        }
        rest = tail;
    }
    pattern
}

/// RFC 3986 section 2.1: the two cases of a hexadecimal digit are equivalent.
fn push_either_case(pattern: &mut String, triplet: &str) {
    for digit in triplet.chars() {
        let (upper, lower) = (digit.to_ascii_uppercase(), digit.to_ascii_lowercase());
        if upper == lower {
            pattern.push(digit);
        } else {
            pattern.extend(['[', upper, lower, ']']);
        }
    }
}

/// Section 3.2.1: undefined variables vanish together with their separators; when all of them are
/// undefined, the first character vanishes as well.
fn expression(expression: &Expression<'_>) -> String {
    let shape = Shape::of(expression.operator);
    let mut values: Vec<_> =
        expression.variables.iter().map(|variable| value(variable, &shape)).collect();
    // A list is values with commas between them, so where a list may stand, two may stand as one.
    if shape.separator == "," {
        let list = shape.list();
        values.dedup_by(|next, previous| *next == list && *previous == list);
    }
    if shape.first == shape.separator {
        return separated(&values, &shape);
    }
    format!("(?:{}{})?", shape.first, at_least_one(&values, &shape))
}

/// Any of the values, a separator before each.
fn separated(values: &[String], shape: &Shape) -> String {
    values.iter().flat_map(|value| ["(?:", shape.separator, value, ")?"]).collect()
}

/// One or more of the values in their order, separators between them. Halving the list keeps the
/// expression short: n log n, where "the first is i, then any of the rest" for each i is n².
fn at_least_one(values: &[String], shape: &Shape) -> String {
    if let [value] = values {
        return value.clone();
    }
    let (left, right) = values.split_at(values.len() / 2);
    format!(
        "(?:{}{}|{})",
        at_least_one(left, shape),
        separated(right, shape),
        at_least_one(right, shape)
    )
}

/// What one variable expands to, without the separator before it (section 3.2.1).
fn value(variable: &Variable<'_>, shape: &Shape) -> String {
    if let Modifier::Explode = variable.modifier {
        return exploded(shape);
    }
    let text = match variable.modifier {
        Modifier::Prefix(length) => format!("{}{{0,{length}}}", shape.character()),
        _ => shape.list(),
    };
    match (shape.named, shape.bare_name) {
        (false, _) => text,
        // Section 3.2.7: an empty value has no `=`. A list of one empty string may have one.
        (true, true) => format!("{}(?:={text})?", literal(variable.name)),
        (true, false) => format!("{}={text}", literal(variable.name)),
    }
}

/// Section 3.2.1, explode modifier: elements with the operator's separator between them. They are
/// those of a list, or the pairs `key=value` of an associative array. A named list is written as
/// pairs too, and its name is a key like any other.
fn exploded(shape: &Shape) -> String {
    if shape.allow_reserved {
        return shape.list();
    }
    let (text, separator) = (shape.text(), shape.separator);
    let pair =
        if shape.bare_name { format!("{text}(?:={text})?") } else { format!("{text}={text}") };
    let pairs = format!("{pair}(?:{separator}{pair})*");
    if shape.named {
        return pairs;
    }
    format!("(?:{text}(?:{separator}{text})*|{pairs})")
}
