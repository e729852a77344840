//! Cases as in a manual. Each line is a template, and topics that it matches or does not.

use super::*;
use crate::topic::Selector;

fn compile(template: &str) -> Template {
    Template::compile(template)
        .unwrap_or_else(|| panic!("{template} is no template"))
        .unwrap_or_else(|TooComplex| panic!("{template} is too complex"))
}

fn matching(cases: &[(&str, &[&str])]) {
    for (template, topics) in cases {
        let compiled = compile(template);
        for topic in *topics {
            assert!(compiled.matches(topic), "{template} should match {topic:?}");
        }
    }
}

fn not_matching(cases: &[(&str, &[&str])]) {
    for (template, topics) in cases {
        let compiled = compile(template);
        for topic in *topics {
            assert!(!compiled.matches(topic), "{template} should not match {topic:?}");
        }
    }
}

#[test]
fn section_3_2_1_variables() {
    matching(&[
        ("{count}", &["one,two,three"]),
        ("{count*}", &["one,two,three"]),
        ("{/count}", &["/one,two,three"]),
        ("{/count*}", &["/one/two/three"]),
        ("{;count}", &[";count=one,two,three"]),
        ("{;count*}", &[";count=one;count=two;count=three"]),
        ("{?count}", &["?count=one,two,three"]),
        ("{?count*}", &["?count=one&count=two&count=three"]),
        ("{&count*}", &["&count=one&count=two&count=three"]),
    ]);
}

#[test]
fn section_3_2_2_simple_strings() {
    matching(&[
        ("{var}", &["value"]),
        ("{hello}", &["Hello%20World%21"]),
        ("{half}", &["50%25"]),
        ("O{empty}X", &["OX"]),
        ("O{undef}X", &["OX"]),
        ("{x,y}", &["1024,768"]),
        ("{x,hello,y}", &["1024,Hello%20World%21,768"]),
        ("?{x,empty}", &["?1024,"]),
        ("?{x,undef}", &["?1024"]),
        ("?{undef,y}", &["?768"]),
        ("{var:3}", &["val"]),
        ("{var:30}", &["value"]),
        ("{list}", &["red,green,blue"]),
        ("{list*}", &["red,green,blue"]),
        ("{keys}", &["semi,%3B,dot,.,comma,%2C"]),
        ("{keys*}", &["semi=%3B,dot=.,comma=%2C"]),
        ("map?{x,y}", &["map?1024,768"]),
        ("{base}index", &["http%3A%2F%2Fexample.com%2Fhome%2Findex"]),
    ]);
}

#[test]
fn section_3_2_3_reserved_strings() {
    matching(&[
        ("{+var}", &["value"]),
        ("{+hello}", &["Hello%20World!"]),
        ("{+half}", &["50%25"]),
        ("{+base}index", &["http://example.com/home/index"]),
        ("O{+empty}X", &["OX"]),
        ("O{+undef}X", &["OX"]),
        ("{+path}/here", &["/foo/bar/here"]),
        ("here?ref={+path}", &["here?ref=/foo/bar"]),
        ("up{+path}{var}/here", &["up/foo/barvalue/here"]),
        ("{+x,hello,y}", &["1024,Hello%20World!,768"]),
        ("{+path,x}/here", &["/foo/bar,1024/here"]),
        ("{+path:6}/here", &["/foo/b/here"]),
        ("{+list}", &["red,green,blue"]),
        ("{+list*}", &["red,green,blue"]),
        ("{+keys}", &["semi,;,dot,.,comma,,"]),
        ("{+keys*}", &["semi=;,dot=.,comma=,"]),
    ]);
}

#[test]
fn section_3_2_4_fragments() {
    matching(&[
        ("{#var}", &["#value"]),
        ("{#hello}", &["#Hello%20World!"]),
        ("{#half}", &["#50%25"]),
        ("foo{#empty}", &["foo#"]),
        ("foo{#undef}", &["foo"]),
        ("{#x,hello,y}", &["#1024,Hello%20World!,768"]),
        ("{#path,x}/here", &["#/foo/bar,1024/here"]),
        ("{#path:6}/here", &["#/foo/b/here"]),
        ("{#list}", &["#red,green,blue"]),
        ("{#list*}", &["#red,green,blue"]),
        ("{#keys}", &["#semi,;,dot,.,comma,,"]),
        ("{#keys*}", &["#semi=;,dot=.,comma=,"]),
    ]);
}

#[test]
fn section_3_2_5_labels() {
    matching(&[
        ("{.who}", &[".fred"]),
        ("{.who,who}", &[".fred.fred"]),
        ("{.half,who}", &[".50%25.fred"]),
        ("www{.dom*}", &["www.example.com"]),
        ("X{.var}", &["X.value"]),
        ("X{.empty}", &["X."]),
        ("X{.undef}", &["X"]),
        ("X{.var:3}", &["X.val"]),
        ("X{.list}", &["X.red,green,blue"]),
        ("X{.list*}", &["X.red.green.blue"]),
        ("X{.keys}", &["X.semi,%3B,dot,.,comma,%2C"]),
        ("X{.keys*}", &["X.semi=%3B.dot=..comma=%2C"]),
        ("X{.empty_keys}", &["X"]),
        ("X{.empty_keys*}", &["X"]),
    ]);
}

#[test]
fn section_3_2_6_path_segments() {
    matching(&[
        ("{/who}", &["/fred"]),
        ("{/who,who}", &["/fred/fred"]),
        ("{/half,who}", &["/50%25/fred"]),
        ("{/who,dub}", &["/fred/me%2Ftoo"]),
        ("{/var}", &["/value"]),
        ("{/var,empty}", &["/value/"]),
        ("{/var,undef}", &["/value"]),
        ("{/var,x}/here", &["/value/1024/here"]),
        ("{/var:1,var}", &["/v/value"]),
        ("{/list}", &["/red,green,blue"]),
        ("{/list*}", &["/red/green/blue"]),
        ("{/list*,path:4}", &["/red/green/blue/%2Ffoo"]),
        ("{/keys}", &["/semi,%3B,dot,.,comma,%2C"]),
        ("{/keys*}", &["/semi=%3B/dot=./comma=%2C"]),
    ]);
}

#[test]
fn section_3_2_7_path_parameters() {
    matching(&[
        ("{;who}", &[";who=fred"]),
        ("{;half}", &[";half=50%25"]),
        ("{;empty}", &[";empty"]),
        ("{;v,empty,who}", &[";v=6;empty;who=fred"]),
        ("{;v,bar,who}", &[";v=6;who=fred"]),
        ("{;x,y}", &[";x=1024;y=768"]),
        ("{;x,y,empty}", &[";x=1024;y=768;empty"]),
        ("{;x,y,undef}", &[";x=1024;y=768"]),
        ("{;hello:5}", &[";hello=Hello"]),
        ("{;list}", &[";list=red,green,blue"]),
        ("{;list*}", &[";list=red;list=green;list=blue"]),
        ("{;keys}", &[";keys=semi,%3B,dot,.,comma,%2C"]),
        ("{;keys*}", &[";semi=%3B;dot=.;comma=%2C"]),
    ]);
}

#[test]
fn sections_3_2_8_and_3_2_9_queries() {
    matching(&[
        ("{?who}", &["?who=fred"]),
        ("{?half}", &["?half=50%25"]),
        ("{?x,y}", &["?x=1024&y=768"]),
        ("{?x,y,empty}", &["?x=1024&y=768&empty="]),
        ("{?x,y,undef}", &["?x=1024&y=768"]),
        ("{?var:3}", &["?var=val"]),
        ("{?list}", &["?list=red,green,blue"]),
        ("{?list*}", &["?list=red&list=green&list=blue"]),
        ("{?keys}", &["?keys=semi,%3B,dot,.,comma,%2C"]),
        ("{?keys*}", &["?semi=%3B&dot=.&comma=%2C"]),
        ("{&who}", &["&who=fred"]),
        ("?fixed=yes{&x}", &["?fixed=yes&x=1024"]),
        ("{&x,y,empty}", &["&x=1024&y=768&empty="]),
        ("{&x,y,undef}", &["&x=1024&y=768"]),
        ("{&var:3}", &["&var=val"]),
        ("{&list}", &["&list=red,green,blue"]),
        ("{&list*}", &["&list=red&list=green&list=blue"]),
        ("{&keys}", &["&keys=semi,%3B,dot,.,comma,%2C"]),
        ("{&keys*}", &["&semi=%3B&dot=.&comma=%2C"]),
    ]);
}

#[test]
fn a_simple_variable_stays_within_a_path_segment() {
    not_matching(&[(
        "https://example.com/books/{id}",
        &[
            "https://example.com/books/1/2",
            "https://example.com/books/1?q",
            "https://example.com/books/1#f",
            "https://example.com/book",
            "http://example.com/books/1",
            "https://example.com/BOOKS/1",
            "xhttps://example.com/books/1",
            "https://example.com/books/a b",
            "https://example.com/books/50%",
            "https://example.com/books/%2",
            "https://example.com/books/a=b",
        ],
    )]);
}

#[test]
fn a_reserved_variable_crosses_segments_but_takes_no_stray_percent_or_space() {
    matching(&[("https://example.com/{+path}", &["https://example.com/a/b?c=d#e,f%20"])]);
    not_matching(&[(
        "https://example.com/{+path}",
        &["https://example.com/a b", "https://example.com/50%", "https://example.com/a\"b"],
    )]);
}

#[test]
fn a_variable_in_the_middle_is_held_on_both_sides() {
    matching(&[("/a/{x}/b", &["/a/1/b", "/a//b"])]);
    not_matching(&[("/a/{x}/b", &["/a/1/c", "/a/1/b/", "/a/1/2/b", "/a/b", "/a/1"])]);
}

#[test]
fn regular_expression_characters_in_literals_mean_nothing() {
    matching(&[
        ("a.b/{x}", &["a.b/1"]),
        ("a(b)*+?[c]$^|\\-&&~~/{x}", &["a(b)*+?[c]$^|\\-&&~~/1"]),
        ("{x}(b)$", &["1(b)$"]),
        ("{x}.{y}|z", &["1.2|z", "1.2%7Cz", "1.2%7cz"]),
        ("{x}\\d\\x41", &["1\\d\\x41", "1%5Cd%5cx41"]),
    ]);
    not_matching(&[
        ("a.b/{x}", &["aXb/1"]),
        ("{x}/a.b", &["1/aXb"]),
        ("{x}(b)", &["1b"]),
        ("{x}/b$", &["1/b"]),
        ("{x}/^b", &["1/b"]),
        ("{x}/a|b", &["1/a", "b"]),
        ("{x}/[ab]", &["1/a"]),
        ("{x}\\d", &["11"]),
        ("{x}/a*", &["1/", "1/aa"]),
        ("{x}/.", &["1/a", "1/\n"]),
    ]);
}

#[test]
fn literals_that_expansion_encodes_match_raw_and_encoded_in_either_case() {
    matching(&[
        ("café/{x}", &["café/1", "caf%C3%A9/1", "caf%c3%a9/1", "caf%C3%a9/1"]),
        ("{x}/é", &["1/é", "1/%C3%A9"]),
        ("{x}/a b", &["1/a b", "1/a%20b"]),
        ("{x}/<😀>", &["1/<😀>", "1/%3C%F0%9F%98%80%3e"]),
        ("{x}/100%", &["1/100%", "1/100%25"]),
        ("{x}/%zz", &["1/%zz", "1/%25zz"]),
    ]);
    not_matching(&[
        ("café/{x}", &["cafe/1", "caf%E9/1", "caf\u{e9}%A9/1"]),
        ("{x}/a b", &["1/a+b", "1/a%2520b"]),
    ]);
}

#[test]
fn encoded_literals_stay_encoded() {
    matching(&[("{x}/a%2fb", &["1/a%2fb", "1/a%2Fb"]), ("a%2Fb{x}", &["a%2fb1", "a%2Fb1"])]);
    not_matching(&[("{x}/a%2fb", &["1/a/b", "1/a%252fb"]), ("a%2Fb{x}", &["a/b1"])]);
}

#[test]
fn literals_that_expansion_copies_do_not_match_encoded() {
    not_matching(&[("a/b{x}", &["a%2Fb1"]), ("{x}/~", &["1/%7E"]), ("{x}'s", &["1%27s"])]);
}

#[test]
fn values_outside_of_ascii_match_raw_and_encoded() {
    matching(&[
        ("/{x}", &["/日本語", "/%E6%97%A5", "/%e6%97%a5", "/日%E6"]),
        ("/{+x}", &["/日/本"]),
        ("{?q}", &["?q=日本"]),
        ("{x}é{y}", &["日é本", "éé", "éèé"]),
    ]);
}

#[test]
fn a_prefix_counts_characters_and_not_bytes() {
    matching(&[
        ("{x:1}", &["", "a", "é", "😀", "%C3%A9", "%e2%82%ac", "%F0%9F%98%80", "%20"]),
        ("{x:2}", &["é%C3%A9", "%C3%A9a", "a"]),
        ("{+x:2}", &["/%2F", "/😀", ","]),
        ("{x:1}{y:1}", &["é", "é%C3%A9", "ab"]),
        ("{x:1}z", &["éz", "z"]),
    ]);
    not_matching(&[
        ("{x:1}", &["ab", "éé", "%C3%A9a", "%C3%A9%C3%A9", "%20%20", "%2", "/"]),
        ("{x:2}", &["abc", "日本語", "%E6%97%A5%E6%9C%AC%E8%AA%9E"]),
        ("{+x:2}", &["/a/"]),
        ("{x:3}", &["a,b"]),
        ("{x:1}{y:1}", &["éaé"]),
    ]);
}

#[test]
fn octets_that_are_not_utf8_match_a_whole_value_and_seldom_a_prefix() {
    matching(&[("{x}", &["%E9", "%80", "%E2%82"]), ("{x:1}", &["%E9"])]);
    not_matching(&[("{x:1}", &["%80", "%E9a", "a%80"])]);
}

#[test]
fn empty_and_undefined_values() {
    matching(&[
        ("/{x}", &["/"]),
        ("{x}", &["", ","]),
        ("{#x}", &["", "#"]),
        ("{/x,y}", &["", "/", "//", "/1", "/1/2"]),
        ("{;x,y}", &["", ";x", ";y", ";x;y", ";y=2"]),
        ("{?x,y}", &["", "?x=", "?y=", "?x=&y=", "?y=2"]),
        ("{&x,y}", &["", "&y=2"]),
    ]);
    not_matching(&[
        ("{/x,y}", &["/1/2/3", "1"]),
        ("{;x,y}", &[";", ";y;x", ";x;", ";z", ";xy", "x=1"]),
        ("{?x,y}", &["?", "?x", "?y=2&x=1", "?x=1&", "&y=2", "?x=1?y=2", "?x=1&x=1", "?z=1"]),
        ("{&x,y}", &["?x=1", "&", "&y=1&x=2"]),
        ("{#x}", &["x", "##x y"]),
    ]);
}

#[test]
fn any_part_of_a_long_list_of_variables_may_be_undefined() {
    matching(&[(
        "{?a,b,c,d,e}",
        &["?a=1", "?e=5", "?b=2&d=4", "?a=1&b=2&c=3&d=4&e=5", "?c=3&e=5", "?a=1&e=5"],
    )]);
    not_matching(&[("{?a,b,c,d,e}", &["?b=2&a=1", "?a=1&&b=2", "?c=3e=5", "?a=1&f=6", "a=1"])]);
}

#[test]
fn an_exploded_value_is_a_list_or_pairs_and_not_both() {
    matching(&[
        ("{x*}", &["a", "a,b", "k=v", "k=v,l=w", "k=,=v"]),
        ("{/x*}", &["/a/b/", "/k=v/l=w"]),
        ("{?x*}", &["?x=1&x=2", "?k=v&l=w", "?k="]),
        ("{;x*}", &[";x;x=2", ";k=v;l"]),
        ("{x,y*}", &["a,k=v", "a,b,k=v", "k=v"]),
    ]);
    not_matching(&[
        ("{x*}", &["a,k=v", "k=v,a", "k=v=w", "a/b"]),
        ("{/x*}", &["/a/k=v", "a/b", "/a,b/k=v"]),
        ("{?x*}", &["?a", "?k=v&", "?k=v&a", "?k=a,b"]),
        ("{;x*}", &["x", ";k=v=w"]),
        ("{x,y*}", &["k=v,a"]),
        ("{x}", &["k=v"]),
    ]);
}

#[test]
fn a_variable_that_stands_twice_may_match_two_values() {
    matching(&[("{x}/{x}", &["a/a", "a/b"])]);
}

#[test]
fn names_are_what_the_grammar_allows() {
    matching(&[
        ("{?_a1.b.c}", &["?_a1.b.c=1"]),
        ("{?1}", &["?1=1"]),
        ("{?%c3%a9}", &["?%c3%a9=1", "?%C3%A9=1"]),
        ("{%41.b*}", &["k=v"]),
    ]);
    not_matching(&[("{?a.b}", &["?aXb=1"]), ("{?%c3%a9}", &["?é=1"])]);
}

#[test]
fn braces_that_the_grammar_does_not_know_make_no_template() {
    for text in [
        "{",
        "a{",
        "{x",
        "}",
        "x}",
        "é{x}}",
        "{x{y}}",
        "{{x}}",
        "{}",
        "{+}",
        "{x,}",
        "{x,,y}",
        "{*}",
        "{:3}",
        "{=x}",
        "{,x}",
        "a{!x}",
        "{@x}",
        "{|x}",
        "{x y}",
        "{x, y}",
        "{++x}",
        "{x-y}",
        "{é}",
        "{..x}",
        "{x.}",
        "{x..y}",
        "{x%4}",
        "{x%zz}",
        "{x**}",
        "{x:3*}",
        "{x*:3}",
        "{x:0}",
        "{x:03}",
        "{x:10000}",
        "{x:}",
        "{x:+3}",
        "{x:-1}",
        "{x:3:4}",
        "a/{x}/{y,z:a}",
    ] {
        assert!(Template::compile(text).is_none(), "{text}");
    }
}

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
    let limit = 2 * determinize::CELLS + 256 + Selector::MAX_BYTES + 256;
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

/// What keeps memory for selectors small: the stats that the limits were chosen by.
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
