//! Small promises on the wire: what is no JSON, and where the git gateway follows a redirect.

use porter::http::Forward;
use porter::ports::Method;
use porter_world::world::Mode;

use crate::stage::Stage;

#[test]
fn what_is_no_json_is_400_with_and_without_a_mention() {
    let stage = Stage::new(Mode::QuickApp);
    let before = stage.dump();
    let table = [
        ("issue_comment", "{broken}", 400),
        ("issue_comment", "{broken, @porter claude fix it}", 400),
        ("issue_comment", "@porter claude fix it", 400),
        ("issue_comment", "", 400),
        ("issue_comment", "{", 400),
        ("issue_comment", "[]", 400),
        ("pull_request_review", " { broken }\n", 400),
        ("issues", "{broken}", 400),
        ("ping", "{broken}", 400),
        // Objects that say nothing to Porter.
        ("issue_comment", "{}", 200),
        ("issue_comment", " {\n \"action\": \"created\"}\n", 200),
        // Nothing of an event that is not used is looked at.
        ("star", "{broken}", 204),
        ("star", "", 204),
    ];
    for (number, (event, body, status)) in table.iter().enumerate() {
        let seen = stage.deliver_raw(event, &format!("delivery-{number}"), body.as_bytes());
        assert_eq!(seen.status, *status, "{event} {body:?}");
    }
    assert_eq!(stage.dump(), before);
}

#[test]
fn a_redirect_of_the_git_host_is_followed_on_its_own_origin_for_the_same_operation() {
    let forward = Forward {
        method: Method::Get,
        url: "https://github.com/acme/demo.git/info/refs?service=git-upload-pack".to_owned(),
        operation: "info/refs?service=git-upload-pack".to_owned(),
        add: Vec::new(),
        pass_up: &[],
        pass_down: &[],
    };
    let there = "https://github.com/acme/new.git/info/refs?service=git-upload-pack";
    let table = [
        (there, Some(there)),
        ("/acme/new.git/info/refs?service=git-upload-pack", Some(there)),
        ("//evil.example/new.git/info/refs?service=git-upload-pack", None),
        ("/\\evil.example/new.git/info/refs?service=git-upload-pack", None),
        ("https://evil.example/acme/new.git/info/refs?service=git-upload-pack", None),
        ("https://github.com.evil.example/new.git/info/refs?service=git-upload-pack", None),
        ("http://github.com/acme/new.git/info/refs?service=git-upload-pack", None),
        ("new.git/info/refs?service=git-upload-pack", None),
        ("/acme/new.git/info/refs?service=git-receive-pack", None),
        ("/login", None),
        ("", None),
    ];
    for (to, expected) in table {
        assert_eq!(forward.follow(&forward.url, to).as_deref(), expected, "{to}");
    }
}
