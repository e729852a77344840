//! The examples of RFC 6570, by its sections.

use super::*;

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
