//! The rules of a change set, each with what keeps it and what breaks it.

use super::*;
use crate::protocol::wire::Encoding;
use proptest::prelude::*;

const BASE: &str = "0123456789012345678901234567890123456789";

fn rules() -> Rules {
    let limits = Limits { deadline_s: 600, budget_micros: None, max_files: 300, max_binary_files: 2, max_bytes: 100 };
    Rules::new(BASE, &limits, &[])
}

fn written(path: &str, mode: &str, encoding: Encoding, content: &str) -> ChangedFile {
    ChangedFile::Written { path: path.into(), mode: mode.into(), encoding, content: content.into() }
}

fn text(path: &str) -> ChangedFile {
    written(path, "100644", Encoding::Utf8, "x")
}

fn link(path: &str, target: &str) -> ChangedFile {
    written(path, "120000", Encoding::Utf8, target)
}

fn gone(path: &str) -> ChangedFile {
    ChangedFile::Deleted { path: path.into(), deleted: true }
}

fn set(files: Vec<ChangedFile>) -> ChangeSet {
    ChangeSet { base_sha: BASE.into(), message: "Fix it".into(), files }
}

fn broken(files: Vec<ChangedFile>) -> Vec<Rule> {
    check(&set(files), &rules()).err().unwrap_or_default().into_iter().map(|broken| broken.rule).collect()
}

#[test]
fn ordinary_sets_pass_and_are_measured() {
    let files = vec![
        text("src/a.rs"),
        written("run.sh", "100755", Encoding::Utf8, "é"),
        written("logo.png", "100644", Encoding::Base64, "AAEC"),
        written("nul", "100644", Encoding::Utf8, "\0"),
        gone("old.rs"),
        link("docs/latest", "../src"),
        text(".github/dependabot.yml"),
        text(".gitignore"),
        text("src/ünï/…/日本.rs"),
        text("a/.github/workflows/x.yml"),
    ];
    let checked = check(&set(files), &rules()).unwrap();
    assert_eq!(checked.bytes, 1 + 2 + 3 + 1 + 6 + 1 + 1 + 1 + 1);
    assert_eq!(checked.binary, ["logo.png", "nul"]);
    assert_eq!(checked.protected, [""; 0]);
}

#[test]
fn paths_must_be_plain() {
    let long_part = "a".repeat(256);
    let long_path = "abc/".repeat(1001);
    for bad in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "./a",
        "a/./b",
        "../a",
        "a/../b",
        "a\\b",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\u{7f}",
        "a\u{85}b",
        "a\u{202e}b",
        &long_part,
        &long_path,
    ] {
        assert!(broken(vec![text(bad)]).contains(&Rule::Path), "{bad:?}");
        assert!(broken(vec![gone(bad)]).contains(&Rule::Path), "{bad:?}");
    }
}

#[test]
fn git_is_known_in_every_disguise() {
    for bad in [
        ".git",
        ".GIT",
        ".Git",
        ".gIt",
        ".git.",
        ".git..",
        ".git ",
        ".git . ",
        ".GIT ",
        "git~1",
        "GIT~1",
        "git~2",
        "GiT~12",
        ".g\u{200c}it",
        ".gi\u{200d}t",
        "\u{feff}.git",
        ".git\u{200e}",
        ".g\u{ad}it",
        ".git::$INDEX_ALLOCATION",
        ".git:x",
        ".git::$DATA",
        "git~1::$INDEX_ALLOCATION",
        ".g\u{131}t",
        ".gİt",
        ".gi\u{307}t",
        "．ｇｉｔ",
        ".git\u{a0}",
        "\u{2024}git",
    ] {
        for path in [bad.to_owned(), format!("{bad}/config"), format!("a/{bad}/hooks/x"), format!("a\\{bad}\\x")] {
            assert!(broken(vec![text(&path)]).contains(&Rule::GitDirectory), "{path:?}");
        }
    }
    for good in [".gitignore", ".github/x", "git", "git~", "git~x", "x.git", ".git-x", "..git", ".gitx/y", ".git_"] {
        assert_eq!(broken(vec![text(good)]), [], "{good}");
    }
}

#[test]
fn workflows_and_actions_are_refused() {
    for bad in [
        ".github/workflows/ci.yml",
        ".github/workflows",
        ".github",
        ".github/actions/x/action.yml",
        ".github/actions",
        ".GitHub/Workflows/ci.yml",
        ".github/WORKFLOWS/a/b.yml",
        ".github./workflows/x",
        ".github /workflows /x",
        ".gith\u{200b}ub/workflows/x",
        ".github/workflows::$DATA",
    ] {
        for file in [text(bad), gone(bad), link(bad, "x")] {
            assert!(broken(vec![file]).contains(&Rule::Workflow), "{bad:?}");
        }
    }
    assert_eq!(
        broken(vec![text(".github/workflow/x"), text(".github/ISSUE_TEMPLATE/x.md"), text("github/workflows/x")]),
        []
    );
}

#[test]
fn protected_paths_are_named() {
    let mut rules = rules();
    rules.protected = ["/infra/**", "*.tf", "db/migrations", ""].map(Glob::new).into();
    for (path, is) in [
        (".porter/config.json", true),
        ("a/.PORTER/x", true),
        (".porter", true),
        ("CODEOWNERS", true),
        (".github/CODEOWNERS", true),
        ("docs/agents.md", true),
        ("CLAUDE.md", true),
        ("x/gemini.MD", true),
        (".github/copilot-instructions.md", true),
        ("x/.github/Copilot-Instructions.md", true),
        (".claude/settings.json", true),
        ("a/b/.codex/x/y", true),
        (".gemini/x", true),
        (".opencode/x", true),
        ("opencode.json", true),
        ("opencode.jsonc", true),
        (".mcp.json", true),
        ("infra/a/b", true),
        ("infra", true),
        ("x/infra/a", false),
        ("a/main.tf", true),
        ("x/db/migrations/1.sql", true),
        ("db/migrations2/1.sql", false),
        ("AGENTS.mdx", false),
        ("porter/config.json", false),
        ("src/main.rs", false),
        ("claude.rs", false),
        ("agents.md.bak/x", false),
        ("CODEOWNERS.md", false),
        ("copilot-instructions.md", false),
        ("AGENTS.md.", true),
        ("AGENTS\u{200b}.md", true),
    ] {
        let checked = check(&set(vec![text(path)]), &rules).unwrap();
        assert_eq!(!checked.protected.is_empty(), is, "{path}");
    }
}

#[test]
fn paths_that_clash_are_refused() {
    for (files, rule) in [
        (vec![text("a"), text("a")], Rule::Duplicate),
        (vec![text("a"), gone("a")], Rule::Duplicate),
        (vec![text("README.md"), text("readme.MD")], Rule::CaseClash),
        (vec![text("README.md"), gone("readme.md")], Rule::CaseClash),
        (vec![text("Straße"), text("STRASSE")], Rule::CaseClash),
        (vec![text("ΣΑΣ"), text("σας")], Rule::CaseClash),
        (vec![text("a"), text("a/b")], Rule::DirectoryClash),
        (vec![text("a/b/c"), gone("A/B")], Rule::DirectoryClash),
        (vec![link("d", "x"), text("D/y")], Rule::DirectoryClash),
    ] {
        assert_eq!(broken(files.clone()), [rule], "{files:?}");
    }
    assert_eq!(broken(vec![text("a/b"), text("a/c"), text("ab"), text("a-b")]), []);
}

#[test]
fn links_stay_inside() {
    for (path, target) in [
        ("l", "a"),
        ("l", "./a/b"),
        ("a/l", "../b"),
        ("a/b/l", "../../c"),
        ("l", "a/../b"),
        ("l", ".gitignore"),
        ("l", "a//b"),
    ] {
        assert_eq!(broken(vec![link(path, target)]), [], "{path} -> {target}");
    }
    for (path, target) in [
        ("l", ""),
        ("l", "/etc/passwd"),
        ("l", ".."),
        ("l", "../x"),
        ("a/l", "../../x"),
        ("a/l", "b/../../../x"),
        ("l", "a/../../x"),
        ("l", ".git"),
        ("l", ".git/config"),
        ("l", "a/.GIT/x"),
        ("l", "git~1/hooks"),
        ("l", "a\\b"),
        ("l", "C:x"),
        ("l", "a\nb"),
        ("l", "l"),
        ("l", "l/x"),
        (".gitmodules", "a"),
        ("sub/.GitAttributes", "a"),
        ("a/l", "../.git"),
    ] {
        assert_eq!(broken(vec![link(path, target)]), [Rule::Link], "{path} -> {target:?}");
    }
    let encoded = written("l", "120000", Encoding::Base64, "Li4veA==");
    assert_eq!(broken(vec![encoded]), [Rule::Link]);
}

#[test]
fn links_are_followed_through_one_another() {
    // Each is harmless by its letters; together they leave the tree or enter git's directory.
    for files in [
        vec![link("deep/down/d", "../.."), link("l", "deep/down/d/../x")],
        vec![link("d", "a/b"), link("e", "d/../../.."), text("q")],
        vec![link("a", "b"), link("b", "c"), link("c", "a")],
        vec![link("x/y/z/d", "../../.."), link("l", "X/y/z/D/..")],
    ] {
        assert!(broken(files.clone()).contains(&Rule::Link), "{files:?}");
    }
    assert_eq!(broken(vec![link("d", "a/b"), link("e", "d/../c"), link("f", "e")]), []);
    let chain: Vec<_> = (10..49).map(|n| link(&format!("{n}"), &format!("{}", n + 1))).collect();
    assert_eq!(broken(chain), []);
}

#[test]
fn modes_encodings_and_limits() {
    for mode in ["160000", "040000", "100664", "100600", "", "644", "120001"] {
        assert_eq!(broken(vec![written("a", mode, Encoding::Utf8, "x")]), [Rule::Mode], "{mode}");
    }
    for bad in ["A", "AAE", "AAEC\n", "AA EC", "AA-_", "AAEC=", "\u{e9}"] {
        assert_eq!(broken(vec![written("a", "100644", Encoding::Base64, bad)]), [Rule::Encoding], "{bad:?}");
    }
    let binary = |n: u32| (0..n).map(|n| written(&format!("b{n}"), "100644", Encoding::Base64, "")).collect::<Vec<_>>();
    assert_eq!(broken(binary(2)), []);
    assert_eq!(broken(binary(3)), [Rule::MaxBinaryFiles]);
    let sized = |n: usize| vec![written("a", "100644", Encoding::Utf8, &"x".repeat(n))];
    assert_eq!(broken(sized(100)), []);
    assert_eq!(broken(sized(101)), [Rule::MaxBytes]);
    // 101 bytes, 136 characters: what counts is what is stored.
    let encoded = |bytes: usize| {
        use base64::Engine as _;
        vec![written(
            "a",
            "100644",
            Encoding::Base64,
            &base64::engine::general_purpose::STANDARD.encode(vec![1; bytes]),
        )]
    };
    assert_eq!(broken(encoded(100)), []);
    assert_eq!(broken(encoded(101)), [Rule::MaxBytes]);
    let many = |n: u32| (0..n).map(|n| gone(&format!("f{n}"))).collect::<Vec<_>>();
    assert_eq!(broken(many(300)), []);
    assert_eq!(broken(many(301)), [Rule::MaxFiles]);
    assert_eq!(broken(vec![]), [Rule::Empty]);
    assert_eq!(broken(vec![ChangedFile::Deleted { path: "a".into(), deleted: false }]), [Rule::Deleted]);
    let elsewhere = ChangeSet { base_sha: "f".repeat(40), ..set(vec![text("a")]) };
    assert_eq!(check(&elsewhere, &rules()).err(), Some(vec![Broken { path: String::new(), rule: Rule::BaseSha }]));
}

#[test]
fn the_base_tree_has_its_say() {
    let base = |path: &str| matches!(path, "old.rs" | "dir/file" | "link");
    let against = |files| check_against_base(&set(files), &base).err().unwrap_or_default();
    assert_eq!(against(vec![gone("old.rs"), text("new.rs"), text("dir/other"), text("old.rs")]), []);
    for (file, rule) in [
        (gone("new.rs"), Rule::DeletesNothing),
        (gone("dir"), Rule::DeletesNothing),
        (text("old.rs/x"), Rule::DirectoryClash),
        (text("link/x/y"), Rule::DirectoryClash),
    ] {
        let path = file.path().to_owned();
        assert_eq!(against(vec![file]), [Broken { path, rule }]);
    }
}

#[test]
fn the_answers_form_is_pinned() {
    let broken = Broken { path: ".git/x".into(), rule: Rule::GitDirectory };
    assert_eq!(serde_json::to_string(&broken).unwrap(), r#"{"path":".git/x","rule":"git_directory"}"#);
    let all = broken_many();
    assert_eq!(all, MOST_LISTED);
}

fn broken_many() -> usize {
    broken((0..200).map(|n| text(&format!(".git/{n}"))).collect()).len()
}

proptest! {
    #[test]
    fn what_passes_is_plain(paths in prop::collection::vec("[a-cA-C./\\\\ ~1git\u{200c}-]{0,9}", 1..5), targets in prop::collection::vec("(\\.\\./|[ab.]|/|git){0,5}", 1..5)) {
        let files: Vec<_> = paths.iter().zip(targets.iter().cycle()).map(|(path, target)| link(path, target)).collect();
        if check(&set(files), &rules()).is_ok() {
            for path in &paths {
                prop_assert!(!path.is_empty() && !path.contains('\\') && !path.starts_with('/') && !path.ends_with('/'));
                for part in path.split('/') {
                    let bare: String = part.replace('\u{200c}', "").to_lowercase();
                    let bare = bare.trim_end_matches(['.', ' ']);
                    prop_assert!(!part.is_empty() && part != "." && part != "..");
                    prop_assert!(bare != ".git" && bare != "git~1", "{:?}", path);
                }
            }
        }
    }

    /// Builds the accepted links in a real directory and asks the file system where they lead.
    #[test]
    fn accepted_links_stay_inside_on_a_real_file_system(pairs in prop::collection::vec(("[ab](/[ab]){0,2}", "(\\.\\./){0,3}[ab.](/(\\.\\.|[ab])){0,4}"), 1..6)) {
        let files: Vec<_> = pairs.iter().map(|(path, target)| link(path, target)).collect();
        if check(&set(files), &rules()).is_ok() {
            let outside = tempfile::tempdir().unwrap();
            let outside = outside.path().canonicalize().unwrap();
            let root = outside.join("root");
            std::fs::create_dir(&root).unwrap();
            for (path, target) in &pairs {
                let at = root.join(path);
                std::fs::create_dir_all(at.parent().unwrap()).unwrap();
                std::os::unix::fs::symlink(target, at).unwrap();
            }
            for (path, _) in &pairs {
                if let Ok(real) = root.join(path).canonicalize() {
                    prop_assert!(real.starts_with(&root), "{path} leads to {}", real.display());
                }
            }
        }
    }
}
