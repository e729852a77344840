//! From the pieces of a template to a regular expression, after RFC 6570 section 3 and the table in
//! its appendix A. The expression is over the codes of [`alphabet`], not over bytes.
//!
//! Two things are wider than the RFC: a character outside of ASCII may stand in a topic as it is,
//! not only percent-encoded, and the digits of a percent-encoded octet may have either case.
//! A topic is valid UTF-8, so bytes above 0x7F need not be told apart further.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, Repetition};

use super::alphabet::{self, Range};
use super::grammar::{Expression, Modifier, Operator, Piece, Variable, is_triplet};

/// How the values of an expression are put together (appendix A).
struct Shape {
    first: Option<char>,
    separator: char,
    named: bool,
    /// Whether `=` may be left out after a name, which is how `;` writes an empty value.
    bare_name: bool,
    allow_reserved: bool,
}

impl Shape {
    fn of(operator: Operator) -> Shape {
        let (first, separator) = match operator {
            Operator::Simple | Operator::Reserved => (None, ','),
            Operator::Fragment => (Some('#'), ','),
            Operator::Label => (Some('.'), '.'),
            Operator::Path => (Some('/'), '/'),
            Operator::Parameter => (Some(';'), ';'),
            Operator::Query => (Some('?'), '&'),
            Operator::Continuation => (Some('&'), '&'),
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
    fn allowed(&self) -> &'static [Range] {
        if self.allow_reserved { &[alphabet::RESERVED] } else { &[] }
    }

    fn separator(&self) -> Hir {
        text(self.separator.encode_utf8(&mut [0; 4]))
    }

    /// A string, or an element of a list or an associative array.
    fn string(&self) -> Hir {
        let plain = [alphabet::UNRESERVED, alphabet::STARTING_BYTES, alphabet::CONTINUING_BYTES];
        any_number(either([class(&[&plain, self.allowed()]), triplet()]))
    }

    /// A string, or the elements of a list or an associative array with `,` between them.
    fn list(&self) -> Hir {
        let plain = [
            alphabet::UNRESERVED,
            alphabet::STARTING_BYTES,
            alphabet::CONTINUING_BYTES,
            alphabet::COMMA,
        ];
        any_number(either([class(&[&plain, self.allowed()]), triplet()]))
    }

    /// One character of a string, for the prefix modifier (section 2.4.1): as it is, with the bytes
    /// that continue it if it is not of ASCII, or percent-encoded.
    fn character(&self) -> Hir {
        let first = class(&[&[alphabet::UNRESERVED, alphabet::STARTING_BYTES], self.allowed()]);
        let further = any_number(class(&[&[alphabet::CONTINUING_BYTES]]));
        either([Hir::concat(vec![first, further]), triplets_of_a_character()])
    }
}

/// The expression for the whole template.
pub(super) fn of(pieces: &[Piece<'_>]) -> Hir {
    let part = |piece: &Piece<'_>| match piece {
        Piece::Literal(text) => literal(text),
        Piece::Expression(part) => expression(part),
    };
    Hir::concat(pieces.iter().map(part).collect())
}

/// Section 3.1: whether expansion copies this character, which is one that a URI may hold.
/// `%` is not among them: it may start a triplet or not.
pub(super) fn is_copied(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=".contains(character)
}

/// Section 3.1: a literal stands for itself. What expansion would percent-encode matches as it is
/// and percent-encoded; what is percent-encoded already stays so.
fn literal(literal: &str) -> Hir {
    let mut parts = Vec::new();
    let mut rest = literal;
    while let Some(character) = rest.chars().next() {
        let triplet = is_triplet(rest.as_bytes());
        let (head, tail) = rest.split_at(if triplet { 3 } else { character.len_utf8() });
        if is_copied(character) {
            parts.push(text(head));
        } else if triplet {
            parts.push(either_case(head));
        } else {
            let encoded: String = head.bytes().map(|byte| format!("%{byte:02X}")).collect();
            parts.push(either([text(head), either_case(&encoded)]));
        }
        rest = tail;
    }
    Hir::concat(parts)
}

/// RFC 3986 section 2.1: the two cases of a hexadecimal digit are equivalent.
fn either_case(triplets: &str) -> Hir {
    let code = |byte| Range::one(alphabet::code(byte));
    let either =
        |byte: u8| class(&[&[code(byte.to_ascii_uppercase()), code(byte.to_ascii_lowercase())]]);
    Hir::concat(triplets.bytes().map(either).collect())
}

/// Section 3.2.1: undefined variables vanish together with their separators; when all of them are
/// undefined, the first character vanishes as well.
fn expression(expression: &Expression<'_>) -> Hir {
    let shape = Shape::of(expression.operator);
    let mut values: Vec<_> =
        expression.variables.iter().map(|variable| value(variable, &shape)).collect();
    // A list is values with commas between them, so where a list may stand, two may stand as one.
    if shape.separator == ',' {
        let list = shape.list();
        values.dedup_by(|next, previous| *next == list && *previous == list);
    }
    if shape.first == Some(shape.separator) {
        return separated(&values, &shape);
    }
    let first = shape.first.map(String::from).unwrap_or_default();
    optional(Hir::concat(vec![text(&first), at_least_one(&values, &shape)]))
}

/// Any of the values, a separator before each.
fn separated(values: &[Hir], shape: &Shape) -> Hir {
    let one = |value: &Hir| optional(Hir::concat(vec![shape.separator(), value.clone()]));
    Hir::concat(values.iter().map(one).collect())
}

/// One or more of the values in their order, separators between them. Halving the list keeps the
/// expression short: n log n, where "the first is i, then any of the rest" for each i is n².
fn at_least_one(values: &[Hir], shape: &Shape) -> Hir {
    if let [value] = values {
        return value.clone();
    }
    let (left, right) = values.split_at(values.len() / 2);
    either([
        Hir::concat(vec![at_least_one(left, shape), separated(right, shape)]),
        at_least_one(right, shape),
    ])
}

/// What one variable expands to, without the separator before it (section 3.2.1).
fn value(variable: &Variable<'_>, shape: &Shape) -> Hir {
    if let Modifier::Explode = variable.modifier {
        return exploded(shape);
    }
    let value = match variable.modifier {
        Modifier::Prefix(length) => at_most(u32::from(length), shape.character()),
        _ => shape.list(),
    };
    if !shape.named {
        return value;
    }
    let assigned = Hir::concat(vec![text("="), value]);
    // Section 3.2.7: an empty value has no `=`. A list of one empty string may have one.
    let assigned = if shape.bare_name { optional(assigned) } else { assigned };
    Hir::concat(vec![literal(variable.name), assigned])
}

/// Section 3.2.1, explode modifier: elements with the operator's separator between them. They are
/// those of a list, or the pairs `key=value` of an associative array. A named list is written as
/// pairs too, and its name is a key like any other.
fn exploded(shape: &Shape) -> Hir {
    if shape.allow_reserved {
        return shape.list();
    }
    let assigned = Hir::concat(vec![text("="), shape.string()]);
    let assigned = if shape.bare_name { optional(assigned) } else { assigned };
    let pair = Hir::concat(vec![shape.string(), assigned]);
    let pairs = one_or_more(&pair, shape);
    if shape.named {
        return pairs;
    }
    either([one_or_more(&shape.string(), shape), pairs])
}

/// This, any number of times with separators between.
fn one_or_more(element: &Hir, shape: &Shape) -> Hir {
    let further = Hir::concat(vec![shape.separator(), element.clone()]);
    Hir::concat(vec![element.clone(), any_number(further)])
}

/// A percent-encoded octet (RFC 3986 section 2.1).
fn triplet() -> Hir {
    let digit = class(&[&[alphabet::HEXADECIMAL_DIGITS]]);
    Hir::concat(vec![text("%"), digit.clone(), digit])
}

/// The percent-encoded octets of one character of UTF-8 (RFC 3629 section 3): one that starts a
/// character, and those that continue it. How many have to follow is not checked: it would triple
/// the expression, and makes a difference only for octets that are not UTF-8.
fn triplets_of_a_character() -> Hir {
    let second = class(&[&[alphabet::HEXADECIMAL_DIGITS]]);
    let octet = |first| Hir::concat(vec![text("%"), class(&[&[first]]), second.clone()]);
    let starting = octet(alphabet::STARTING_DIGITS);
    let continuing = octet(alphabet::CONTINUING_DIGITS);
    Hir::concat(vec![starting, any_number(continuing)])
}

/// This text and no other.
fn text(text: &str) -> Hir {
    Hir::literal(text.bytes().map(alphabet::code).collect::<Vec<_>>())
}

/// One byte of these ranges.
fn class(sets: &[&[Range]]) -> Hir {
    let ranges = sets.iter().flat_map(|set| set.iter());
    let ranges = ranges.map(|range| ClassBytesRange::new(range.first, range.last));
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

fn either<const N: usize>(branches: [Hir; N]) -> Hir {
    Hir::alternation(branches.into())
}

fn any_number(of: Hir) -> Hir {
    repeated(of, None)
}

fn optional(part: Hir) -> Hir {
    repeated(part, Some(1))
}

fn at_most(max: u32, of: Hir) -> Hir {
    repeated(of, Some(max))
}

fn repeated(part: Hir, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min: 0, max, greedy: true, sub: Box::new(part) })
}
