//! What a person sees when all is done, in a few lines: tasks in the order of their commands, pull requests, comments, labels,
//! reactions. Names that differ from run to run (ids, numbers, commits) are replaced by whose they are.

use std::collections::BTreeMap;

use porter_world::github::Subject;
use porter_world::world::{BOT, World};

use crate::sim::Sim;
use crate::watch::TaskSeen;

/// How the status of a running task begins.
const WORKING: &str = "is working**";

/// What is seen, a line each.
#[must_use]
pub fn ending(sim: &Sim) -> String {
    let names = Names::of(sim);
    let mut lines = tasks(sim, &names);
    lines.extend(pulls(&sim.world, &names));
    lines.extend(conversations(&sim.world, &names));
    lines.join("\n")
}

/// The tasks in the order of the texts that asked for them, and a page's retry behind the task it runs again.
#[must_use]
pub fn in_order(sim: &Sim) -> Vec<(String, TaskSeen)> {
    let mut tasks: Vec<(String, TaskSeen)> =
        sim.watch.borrow().tasks.iter().map(|(id, task)| (id.clone(), task.clone())).collect();
    tasks.sort_by_key(|(id, task)| {
        let origin: serde_json::Value = serde_json::from_str(&task.origin).unwrap_or_default();
        let text = origin.pointer("/text/id").and_then(serde_json::Value::as_i64).unwrap_or(0);
        (text, task.retry_of.is_some(), id.clone())
    });
    tasks
}

/// What to say instead of what differs from run to run.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(sim: &Sim) -> Self {
        let mut names: Vec<(String, String)> =
            in_order(sim).into_iter().enumerate().map(|(n, (id, _))| (id, format!("T{}", n + 1))).collect();
        let plain = Self(names.clone());
        for pull in sim.world.pull_requests() {
            let head = pull.pull.map(|pull| pull.head).unwrap_or_default();
            if head.starts_with("porter/") {
                names.push((
                    format!("#{}", pull.number),
                    format!("the pull request of {}", plain.say(&head).replace("porter/", "")),
                ));
            }
        }
        Self(names)
    }

    fn say(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (what, name) in &self.0 {
            text = text.replace(what, name);
        }
        let Some((before, rest)) = text.split_once("commit `") else { return text };
        let after = rest.split_once('`').map_or("", |(_, after)| after);
        format!("{before}commit{after}")
    }
}

fn tasks(sim: &Sim, names: &Names) -> Vec<String> {
    let line = |(id, task): &(String, TaskSeen)| {
        let again = task.retry_of.as_ref().map(|old| format!(", {} again", names.say(old))).unwrap_or_default();
        format!("{} {}{again}", names.say(id), task.state)
    };
    in_order(sim).iter().map(line).collect()
}

fn pulls(world: &World, names: &Names) -> Vec<String> {
    let mut lines = Vec::new();
    for issue in world.pull_requests() {
        let Some(pull) = &issue.pull else { continue };
        let state = match (pull.merged.is_some(), issue.open) {
            (true, _) => "merged",
            (false, true) => "open",
            (false, false) => "closed",
        };
        let commits = world.messages(&pull.head).len();
        let wrote = world.file_at(&pull.head, "a.txt").map(|text| names.say(text.trim())).unwrap_or_default();
        lines.push(format!(
            "{} into {}: {state}, {commits} commits, a.txt {wrote}",
            names.say(&pull.head),
            names.say(&pull.base)
        ));
    }
    lines.sort();
    lines
}

fn conversations(world: &World, names: &Names) -> Vec<String> {
    let ours = |login: &str| login == "porter[bot]" || login == BOT;
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let numbers: Vec<i64> = world.repository().issues.keys().copied().collect();
    for number in numbers {
        let mut lines: Vec<String> = Vec::new();
        for (_, text) in world.comments(number).into_iter().filter(|(login, _)| ours(login)) {
            lines.push(said(&text, names));
        }
        lines.extend(reacted(world, number));
        let labels: Vec<String> =
            world.labels(number).into_iter().filter(|label| label.starts_with("porter:")).collect();
        if !labels.is_empty() {
            lines.push(format!("label {}", labels.join(", ")));
        }
        lines.sort();
        if !lines.is_empty() {
            places.insert(names.say(&format!("#{number}")), lines);
        }
    }
    places.into_iter().flat_map(|(place, lines)| lines.into_iter().map(move |line| format!("{place} {line}"))).collect()
}

/// The first line of a comment of ours, under what it stands for.
fn said(text: &str, names: &Names) -> String {
    let marker = text.rsplit_once("<!-- porter:").map_or("", |(_, marker)| marker);
    let kind = if marker.starts_with("reply") {
        "reply"
    } else if marker.contains(":final") {
        "end"
    } else {
        "status"
    };
    let first: String = names.say(text.lines().next().unwrap_or_default()).chars().take(90).collect();
    // How far a running task is depends on the moment.
    let first = first.split_once(WORKING).map_or(first.clone(), |(before, _)| format!("{before}{WORKING}"));
    format!("{kind}: {first}")
}

/// Our reactions on an issue's opening, its comments and its lines.
fn reacted(world: &World, number: i64) -> Vec<String> {
    let (repository, github) = (world.repository(), world.github.borrow());
    let we = ["porter[bot]", BOT].into_iter().find_map(|login| github.user_named(login)).map(|user| user.id);
    let here = |subject: &Subject| match subject {
        Subject::Issue(issue) => *issue == number,
        Subject::Comment(id) => repository.comments.get(id).is_some_and(|one| one.issue == number),
        Subject::ReviewComment(id) => repository.review_comments.get(id).is_some_and(|one| one.pull == number),
    };
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in repository.reactions.values().filter(|one| here(&one.subject) && Some(one.author) == we) {
        by_text.entry(format!("{:?}", one.subject)).or_default().push(one.content.clone());
    }
    let line = |mut contents: Vec<String>| {
        contents.sort();
        format!("reaction {}", contents.join(", "))
    };
    by_text.into_values().map(line).collect()
}
