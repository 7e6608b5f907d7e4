//! Keys, tokens and the prompt are searched for wherever they must not be: in every environment and command line of the
//! run while it lasts, and in every file afterwards.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Mood;
use crate::porter::{ANTHROPIC, CLAIM, OPENAI, PROMPT, SESSION};
use crate::run::Stage;

/// The names and bytes of every process below `root`: its command's name, command line and environment.
fn tree(root: u32) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.insert(pid, parent.unwrap_or(0));
    }
    let below = |mut pid: u32| {
        while pid > 1 && pid != root {
            pid = parents.get(&pid).copied().unwrap_or(0);
        }
        pid == root
    };
    let read =
        |pid: u32, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let found = parents.keys().copied().filter(|pid| below(*pid));
    found
        .map(|pid| {
            let name = String::from_utf8_lossy(&read(pid, "comm"))
                .trim()
                .to_owned();
            let name = if pid == root {
                "the runner".to_owned()
            } else {
                name
            };
            (name, read(pid, "cmdline"), read(pid, "environ"))
        })
        .collect()
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|run| run == word.as_bytes())
}

fn search(path: &Path, words: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            search(&entry.path(), words, found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let hits = words.iter().filter(|word| holds(&bytes, word));
            found.extend(hits.map(|word| format!("{word} in {}", entry.path().display())));
        }
    }
}

#[tokio::test]
async fn no_secret_is_seen_during_a_run_or_left_after_it() {
    for (agent, boxed) in [
        ("claude", "bwrap"),
        ("claude", "off"),
        ("codex", "bwrap"),
        ("opencode", "bwrap"),
    ] {
        let stage = Stage::set_with(
            agent,
            boxed,
            Mood::Script("sleep 2; env > seen.txt".to_owned()),
            |job| {
                job.agent.model = (agent == "codex").then(|| "gpt-5.1".to_owned());
            },
        );
        let stage = stage.await;
        let mut child = stage.start();
        let root = child.id().unwrap();
        let session_on_the_wire = STANDARD.encode(format!("porter:{SESSION}"));
        let (mut names, mut wrong) = (Vec::new(), Vec::new());
        while child.try_wait().unwrap().is_none() {
            for (name, line, environment) in tree(root) {
                for word in [
                    ANTHROPIC,
                    OPENAI,
                    SESSION,
                    PROMPT,
                    CLAIM,
                    &session_on_the_wire,
                ] {
                    let excused = match word {
                        CLAIM => name == "the runner",
                        word if word == session_on_the_wire => name.starts_with("git"),
                        _ => false,
                    };
                    if holds(&line, word) || (holds(&environment, word) && !excused) {
                        wrong.push(format!("{word} in {name}"));
                    }
                }
                names.push(name);
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        assert!(
            names.iter().any(|name| name == "sleep"),
            "{agent}: the agent's own child was not seen: {names:?}"
        );
        assert_eq!(wrong, [""; 0], "{agent} {boxed}");
        let mut left = Vec::new();
        search(
            stage.directory.path(),
            &[ANTHROPIC, OPENAI, SESSION, PROMPT, CLAIM],
            &mut left,
        );
        assert_eq!(left, [""; 0], "{agent} {boxed}");
        stage.assert_clean();
        // The agent wrote its whole environment into a file; the stand-in key in it is why that was refused.
        let reason = stage.porter.result().reason.unwrap();
        assert!(reason.contains("seen.txt"), "{reason}");
    }
}
