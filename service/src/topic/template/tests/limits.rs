//! What a template may cost.

use super::*;

#[test]
fn ordinary_templates_are_within_the_limits() {
    compile(&format!("https://example.com/{}{{x}}", "a".repeat(4000)));
    compile(&format!("{{x}}/{}", "a".repeat(VARYING_BYTES - 4)));
    compile("{x:50}");
    compile("https://example.com{/a,b,c,d}{;e,f,g}{?h,i,j,k,l,m,n,o}{#p*}");
    let names = |count: u32| (0..count).map(|n| format!("name{n}")).collect::<Vec<_>>().join(",");
    compile(&format!("{{?{}}}", names(20)));
    compile(&format!("?a=1{{&{}}}", names(60)));
}

#[test]
fn what_would_cost_too_much_is_too_complex() {
    for template in [
        "{x:9999}",
        "{a:50}{b:50}{c:50}",
        &format!("{{x}}/{}", "a".repeat(VARYING_BYTES - 3)),
        &format!("{{x}}{}", "é".repeat(250)),
        &format!("{{?{}}}", vec!["x"; 200].join(",")),
        &"{x*}".repeat(120),
        &"{x}".repeat(1300),
    ] {
        assert_eq!(Template::compile(template).unwrap().unwrap_err(), TooComplex, "{template}");
    }
}

/// Templates for which an automaton that keeps track of every way to match would have very many
/// states: whatever may stand before a counted or a long part may hold that part as well.
fn hostile_templates() -> Vec<String> {
    let mut templates: Vec<String> = [
        "{+x}a{y:60}c{+w}",
        "{+x}a{y:14}c",
        "{+x}a{+y:12}b{z}",
        "{x*}a{y:40}/{z:40}b{w*}",
        "{x}a{y:30}b{z:30}c",
        "{+a:50}x{+b:50}",
        "{a:99}{b:99}{+c}",
        "{#x}a{#y:30}b{#z:30}",
        "{?x*}a{y:60}",
        "{;x*}{;y:30}{;z:30}/{+w}a{v:20}",
        "{/x*,y:30}{/z*}a{w:30}b",
        "{.x*}.{y:50}.{z:50}{.w*}",
        "{?a*,b*,c*,d*,e*,f*,g*,h*}{&i*,j*,k*,l*,m*}",
        "{+a}ab{+b}ba{+c}aab{+d}bba{+e}abab{+f}baba{+g:9}",
    ]
    .map(String::from)
    .into();
    for n in [1, 4, 16, 60] {
        templates.push("{+x}a{y:9}".repeat(n));
        templates.push("{x*}".repeat(n) + "{y:30}a");
        templates.push("{/x*}".repeat(n) + "{?y:30}");
        templates.push("{a,b*,c:9}".repeat(n));
        templates.push(format!("{{+x}}{}{{+y}}", "ab".repeat(4 * n)));
        templates.push(format!("{{+x}}{}{{y}}", "é%2F ".repeat(n)));
        templates.push(format!("{{+x}}{}", "%é".repeat(n)));
        templates.push(format!("{{?{}}}", vec!["x:20"; n].join(",")));
        templates.push(format!("{{;{}}}", vec!["x*"; n].join(",")));
        templates.push(format!("{{+{}}}", vec!["x:3"; n].join(",")));
    }
    templates
}

/// Nothing but the table is looked at for a byte of a topic, so its size says everything.
#[test]
fn a_hostile_template_is_refused_or_becomes_a_small_table() {
    let limit = 2 * crate::topic::automaton::CELLS + 256 + Selector::MAX_BYTES + 256;
    let (mut accepted, mut refused) = (0, 0);
    for template in hostile_templates() {
        match Template::compile(&template).unwrap() {
            Ok(compiled) => {
                accepted += 1;
                assert!(compiled.bytes() <= limit, "{template}: {} bytes", compiled.bytes());
                compiled.matches(&"a".repeat(4096));
                compiled.matches(&"ab%2F/,=".repeat(512));
            }
            Err(TooComplex) => refused += 1,
        }
    }
    assert!(accepted > 5 && refused > 20, "{accepted} accepted, {refused} refused");
}

/// What keeps memory for selectors small: the figures that the limits were chosen by.
#[test]
fn usual_templates_take_little_memory() {
    let names = (0..20).map(|n| format!("name{n}")).collect::<Vec<_>>().join(",");
    for (template, kibibytes) in [
        ("https://example.com/books/{id}", 1),
        ("{+x}", 1),
        ("{?a*}", 1),
        ("{/a,b,c,d}", 1),
        ("{x}/comments/{y}", 1),
        ("https://example.com{/path*}{?a,b,c}", 3),
        ("https://example.com{/a,b,c,d}{;e,f,g}{?h,i,j,k,l,m,n,o}{#p*}", 12),
        ("{x:80}", 9),
        (&format!("{{?{names}}}"), 33),
        (&format!("{{+x}}/{}", "a".repeat(500)), 1),
    ] {
        let bytes = compile(template).bytes();
        assert!(bytes <= kibibytes << 10, "{template}: {bytes} bytes");
    }
}

#[test]
fn a_fixed_end_is_compared_and_may_not_overlap_the_start() {
    matching(&[
        ("ab{x}ba", &["abba", "ab1ba", "ababa", "abbaba"]),
        ("/{x}/comments", &["/1/comments", "//comments"]),
        ("{x}%2Fa", &["1%2Fa", "%2fa"]),
        ("{x}%a", &["1%a", "%25a"]),
        ("{x}%2", &["1%2", "1%252"]),
    ]);
    not_matching(&[
        ("ab{x}ba", &["aba", "ab", "ba", "ab1ab"]),
        ("/{x}/comments", &["/comments", "/1/comment", "/1/2/comments", "/1/comments/"]),
        ("{x}%2Fa", &["1/a", "1%2Ga"]),
    ]);
}

/// A matcher that tries one split after the other would not come back from these.
#[test]
fn ambiguous_templates_against_long_topics_come_to_an_end() {
    let cases = [
        ("{a}{b}{c}{d}{e}{f}{g}{h}/", "a".repeat(4096)),
        ("{a*}{b*}{c*}{d*}{e*}{f*}{g*}{h*}/", "a,".repeat(2048)),
        ("{a*}{b*}{c*}{d*}{e*}{f*}{g*}{h*}/", "a=a,".repeat(1024)),
        ("{+a}x{+b}x{+c}x{+d}x{+e}x{+f}x{+g}x{+h}\\", "x".repeat(4096)),
        ("{a:9}{b:9}{c:9}{d}{e:9}{f:9}{g:9}/", "%E2%82%AC".repeat(455)),
        ("{?a*,b*,c*,d*}{&e*,f*}/", format!("?{}", "a=a&".repeat(1023))),
    ];
    for (template, topic) in cases {
        // With the right end, so that it is the middle that has to be looked at.
        for topic in [format!("{topic} /"), topic] {
            assert!(!compile(template).matches(&topic), "{template}");
        }
    }
}
