//! An agent that does whatever a hostile issue says, and what comes of it.

use porter::protocol::wire::Outcome;

use crate::faults::running;
use crate::model::Mood;
use crate::run::{DONE, Stage, listed};

/// Runs a script through the real Claude Code's shell tool and gives the change set as lines.
async fn obeys(boxed: &'static str, script: &str) -> (Stage, Vec<String>) {
    let stage = Stage::set("claude", boxed, Mood::Script(script.to_owned())).await;
    assert!(stage.finish().await.success());
    let result = stage.porter.result();
    assert_eq!(
        result.outcome,
        Outcome::Changes,
        "{:?}\n{}",
        result.reason,
        stage.porter.log()
    );
    let files = listed(&result.change_set.unwrap().files);
    (stage, files)
}

#[tokio::test]
async fn the_checkouts_git_is_never_believed() {
    for boxed in ["bwrap", "off"] {
        let script = r#"
            trap_file=$PWD/pwned; hit="touch $trap_file"
            git config core.fsmonitor "$hit"; git config filter.evil.clean "$hit"; git config filter.evil.smudge "$hit"
            git config diff.external "$hit"; git config core.sshCommand "$hit"; git config alias.add "!$hit"
            mkdir -p .git/hooks; for hook in pre-commit post-index-change post-checkout reference-transaction; do
                printf '#!/bin/sh\n%s\n' "$hit" > .git/hooks/$hook; chmod +x .git/hooks/$hook; done
            echo trapped > a.evil; echo '* filter=evil' > .git/info/attributes 2>/dev/null
            mkdir nested; (cd nested; git init -q; git config core.fsmonitor "$hit"; echo x > inner)
            rm -f "$trap_file"; echo broken > .git/index; rm -rf .git/objects; echo done > ok.txt
        "#;
        let (_stage, files) = obeys(boxed, script).await;
        assert_eq!(
            files,
            ["a.evil 100644 trapped\n", "ok.txt 100644 done\n"],
            "{boxed}"
        );
    }
}

#[tokio::test]
async fn no_link_is_followed_out_of_the_tree() {
    let script = r"
        rm -rf src; ln -s /etc src; ln -s /etc/passwd stolen; ln -s . loop; mkfifo pipe
        rm README.md; ln -s run.sh README.md; ln -sf old.txt link
    ";
    let (_stage, files) = obeys("bwrap", script).await;
    let expected = [
        "README.md 120000 run.sh",
        "link 120000 old.txt",
        "loop 120000 .",
        "src 120000 /etc",
        "src/main.txt deleted",
        "stolen 120000 /etc/passwd",
    ];
    assert_eq!(files, expected);
}

#[tokio::test]
async fn what_the_agent_committed_counts() {
    let script = r#"
        git checkout -q -b topic; git mv old.txt new.txt; printf 'a\r\nb\r\nc\r\n' > dos.crlf; printf '\000\001' > blob.bin
        git add -A; git commit -qm "Rename old to new"; echo more >> src/main.txt; echo odd2 > 'odd "name"\.txt'
        chmod -x run.sh; touch noise.log; mkdir -p .claude; echo '{}' > .claude/settings.local.json
    "#;
    let (stage, files) = obeys("bwrap", script).await;
    let set = stage.porter.result().change_set.unwrap();
    assert_eq!(set.message, "Rename old to new");
    let expected = [
        "blob.bin 100644 AAE=",
        "dos.crlf 100644 a\nb\nc\n",
        "new.txt 100644 old\n",
        "odd \"name\"\\.txt 100644 odd2\n",
        "old.txt deleted",
        "run.sh 100644 #!/bin/sh\necho run\n",
        "src/main.txt 100644 one\ntwo\nmore\n",
    ];
    assert_eq!(files, expected);
}

#[tokio::test]
async fn the_box_shows_nothing_of_the_computer() {
    let mut stage = Stage::set("claude", "bwrap", Mood::Silent).await;
    let host_file = stage.directory.path().join("host-secret");
    std::fs::write(&host_file, "canary-host-file").unwrap();
    let port = stage
        .porter
        .address
        .trim_start_matches("http://127.0.0.1:")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let look = format!(
        r#"{{
        cat {host} && echo SAW-HOST-FILE; ls -dA /home/* /home/.??* /root /var/run /sys /mnt /opt/* /srv 2>/dev/null | grep -vE '^/home/agent$|^/opt/(porter|node)$' && echo SAW-DIRECTORIES
        (exec 3<>/dev/tcp/127.0.0.1/{port}) && echo SAW-LOOPBACK; (exec 3<>/dev/tcp/1.1.1.1/53) && echo SAW-NETWORK
        grep -l '[c]anary' /proc/*/environ /proc/*/cmdline && echo SAW-ENVIRONMENT
        ls /proc | grep -c '^[0-9]*$' | grep -qE '^[0-9]$' || echo SAW-PROCESSES
        touch /usr/x /opt/porter/agents/x && echo WROTE-TOOLS; mount -t tmpfs x /mnt && echo MOUNTED; id -u | grep -q '^0$' && echo ROOT
        grep -E '^Cap(Eff|Prm|Bnd|Amb)' /proc/self/status | grep -qv '0000000000000000' && echo CAPABLE
        grep -q 'NoNewPrivs:.1' /proc/self/status || echo NEW-PRIVILEGES; echo looked; }} > seen.txt 2>/dev/null; {DONE}"#,
        host = host_file.display()
    );
    stage.play_claude(&look);
    assert!(stage.finish().await.success());
    let set = stage.porter.result().change_set.unwrap();
    assert_eq!(listed(&set.files), ["seen.txt 100644 looked\n"]);
}

#[tokio::test]
async fn a_file_with_a_token_of_the_run_is_refused_by_name() {
    let script = "echo fine > fine.txt; mkdir d; echo \"key: $ANTHROPIC_API_KEY\" | base64 -w0 > d/leak.txt; echo $ANTHROPIC_API_KEY";
    let stage = Stage::set("claude", "bwrap", Mood::Script(script.to_owned())).await;
    assert!(stage.finish().await.success());
    let result = stage.porter.result();
    assert_eq!(result.outcome, Outcome::Failed);
    assert!(result.reason.unwrap().contains("d/leak.txt"));
    assert!(!stage.porter.log().contains("porter-task-"));
}

#[tokio::test]
async fn nothing_survives_the_agent() {
    for (boxed, number) in [("bwrap", "4324.5"), ("off", "4325.5")] {
        let mut stage = Stage::set("claude", boxed, Mood::Silent).await;
        stage.play_claude(&format!(
            "setsid -f sleep {number}; (trap '' TERM HUP; sleep {number}) & echo x > new; {DONE}"
        ));
        assert!(stage.finish().await.success());
        assert_eq!(stage.porter.result().outcome, Outcome::Changes);
        assert!(!running(number), "{boxed}");
    }
}

#[tokio::test]
async fn limits_are_named() {
    for (script, words) in [
        (
            "for n in $(seq 301); do echo $n > f$n; done",
            "301 files were changed, and the limit is 300",
        ),
        ("truncate -s 5000000 big", "big is too large"),
        (
            "for n in $(seq 21); do printf '\\000' > b$n; done",
            "more than 20 binary files",
        ),
        (
            "for n in $(seq 5); do head -c 1000000 /dev/zero | tr '\\0' x > t$n; done",
            "larger than 4194304 bytes",
        ),
        (
            "head -c 2500000 /dev/zero | tr '\\0' '\\001' > controls",
            "too large to hand over",
        ),
        ("touch $'bad-\\xff-name'", "not UTF-8"),
    ] {
        let mut stage = Stage::set("claude", "bwrap", Mood::Silent).await;
        stage.play_claude(&format!("{script}; {DONE}"));
        assert!(stage.finish().await.success());
        let result = stage.porter.result();
        assert_eq!(result.outcome, Outcome::Failed, "{script}");
        let reason = result.reason.unwrap();
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn rights_taken_away_do_not_stop_the_clean_up() {
    for boxed in ["bwrap", "off"] {
        let mut stage = Stage::set("claude", boxed, Mood::Silent).await;
        stage.uid = nix::unistd::geteuid().is_root().then_some(65_534);
        stage.play_claude(&format!("mkdir -p ignored/deep; touch ignored/deep/x; chmod 000 ignored/deep ignored; echo x > new; chmod 000 new; {DONE}"));
        assert!(stage.finish().await.success());
        assert_eq!(
            listed(&stage.porter.result().change_set.unwrap().files),
            ["new 100644 x\n"]
        );
    }
}

#[tokio::test]
async fn in_the_image_the_agent_is_another_user() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("NOT RUN: only root can run an agent as another user");
    }
    let mut stage = Stage::set("claude", "image", Mood::Silent).await;
    stage.open();
    stage.play_claude(&format!(
        "id -u > who; cat ../private/repository.git/HEAD > stolen; ls .. > listed; cat /proc/$PPID/environ > env; {DONE}"
    ));
    assert!(stage.finish().await.success());
    let files = listed(&stage.porter.result().change_set.unwrap().files);
    assert_eq!(
        files,
        [
            "env 100644 ",
            "listed 100644 ",
            "stolen 100644 ",
            "who 100644 65534\n"
        ]
    );
}
