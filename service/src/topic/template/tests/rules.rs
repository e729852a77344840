//! What a template matches beyond the examples of the RFC, and what is none.

use super::*;

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
