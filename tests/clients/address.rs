//! No text climbs out of its path segment.

use porter::clients::address::segment;
use porter::domain::ids::Sha;
use porter::ports::Method;
use proptest::prelude::*;

use crate::script::{World, on, run};
use crate::with_token;

#[test]
fn texts_that_climb_are_no_segments() {
    for bad in ["", ".", "..", "../x", "a/../b", "a//b", "/a", "a/", "a/./b", "..\\x", "a\\..\\b", "\\"] {
        assert_eq!(segment(bad), None, "{bad}");
    }
    for (text, expected) in [
        ("a b", "a%20b"),
        ("a/b.rs", "a%2Fb.rs"),
        ("%2e%2e", "%252e%252e"),
        ("x?y#z", "x%3Fy%23z"),
        ("...", "..."),
        ("ü", "%C3%BC"),
        ("a\nb", "a%0Ab"),
        ("porter:running", "porter%3Arunning"),
    ] {
        assert_eq!(segment(text).as_deref(), Some(expected));
    }
}

#[test]
fn a_strangers_path_that_climbs_asks_nobody() {
    let world = World::new([]);
    let file = run(with_token(&world).file("../../user", "main", 10)).unwrap();
    assert_eq!(file, None);
}

#[test]
fn a_reference_cannot_add_a_query() {
    let step = on(Method::Get, "/repos/o/r/contents/a%3Fb?ref=x%26y%3D1%23").answers(404, serde_json::json!({}));
    let world = World::new([step]);
    assert_eq!(run(with_token(&world).file("a?b", "x&y=1#", 10)).unwrap(), None);
}

proptest! {
    #[test]
    fn any_text_stays_one_segment(text in "\\PC*|[./\\\\%2eE#?&: \\x00-\\x1f]{0,12}") {
        if let Some(segment) = segment(&text) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b);
            prop_assert!(!segment.is_empty() && segment.bytes().all(plain), "{}", segment);
            let dots = segment.to_ascii_lowercase().replace("%2e", ".");
            prop_assert!(dots != "." && dots != "..", "{}", segment);
            let decoded = decode(&segment);
            prop_assert!(decoded.split(['/', '\\']).all(|part| part != ".."), "{}", segment);
            prop_assert_eq!(decoded, text);
        }
    }

    #[test]
    fn object_names_pass_unchanged(text in "[0-9a-f]{40}") {
        let sha = Sha::parse(&text).unwrap();
        prop_assert_eq!(segment(sha.as_str()), Some(text));
    }
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
