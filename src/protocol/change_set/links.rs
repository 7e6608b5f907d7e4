//! Links: each is followed through the other links of the set, as the file system would follow it.

use std::collections::HashMap;

use super::content::link_target;
use super::paths::{fold, is_git};
use crate::protocol::wire::ChangeSet;

/// Linux gives up after forty links, and so do we.
const MOST_HOPS: usize = 40;

/// The paths of links that are not relative, leave the tree, lead into `.git` or go round in circles.
pub(super) fn check(set: &ChangeSet) -> Vec<&str> {
    let links: HashMap<String, Option<String>> =
        set.files.iter().filter_map(|file| Some((fold(file.path()), link_target(file)?.ok()))).collect();
    let is_bad =
        |path: &&str| links.get(&fold(path)).is_some_and(|target| !stays_inside(path, target.as_deref(), &links));
    set.files.iter().map(crate::protocol::wire::ChangedFile::path).filter(is_bad).collect()
}

/// Whether a link at `path` stays in the tree at every step of its way.
fn stays_inside(path: &str, target: Option<&str>, links: &HashMap<String, Option<String>>) -> bool {
    let git_reads_it =
        matches!(fold(path).rsplit('/').next(), Some(".gitmodules" | ".gitattributes" | ".gitignore" | ".mailmap"));
    let Some(target) = target.filter(|target| is_relative(target) && !git_reads_it) else {
        return false;
    };
    let mut place: Vec<String> = path.split('/').map(str::to_owned).collect();
    place.pop();
    // Parts still to walk, the next one last.
    let mut ahead: Vec<String> = target.rsplit('/').map(str::to_owned).collect();
    let mut hops = 0;
    while let Some(part) = ahead.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                if place.pop().is_none() {
                    return false;
                }
                continue;
            }
            name if is_git(name) => return false,
            _ => place.push(part),
        }
        let Some(next) = links.get(&fold(&place.join("/"))) else {
            continue;
        };
        hops += 1;
        let Some(next) = next.as_deref().filter(|next| hops <= MOST_HOPS && is_relative(next)) else {
            return false;
        };
        place.pop();
        ahead.extend(next.rsplit('/').map(str::to_owned));
    }
    true
}

/// A target that no system reads as absolute: no root, drive, stream or backslash, no control characters.
fn is_relative(target: &str) -> bool {
    let plain = |c: char| c != '\\' && !c.is_control();
    let drive = target.as_bytes().get(1) == Some(&b':');
    !target.is_empty() && target.len() <= 4000 && !target.starts_with('/') && !drive && target.chars().all(plain)
}
