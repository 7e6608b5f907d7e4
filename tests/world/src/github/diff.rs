//! Unified diffs of texts: the `patch` of changed files.

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Beyond this many compared pairs the changed middle is shown as one replacement.
const MOST_PAIRS: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Same,
    Gone,
    New,
}

/// The hunks of a unified diff, with the number of added and removed lines.
pub(crate) fn patch(old: &str, new: &str) -> (String, usize, usize) {
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (lines(old), lines(new));
    let steps = steps(&old_lines, &new_lines);
    let added = steps.iter().filter(|step| **step == Step::New).count();
    let removed = steps.iter().filter(|step| **step == Step::Gone).count();
    (hunks(&steps, &old_lines, &new_lines), added, removed)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The edit script by longest common subsequence, after the common head and tail.
fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (
        old_rest.get(..old_rest.len() - tail).unwrap_or_default(),
        new_rest.get(..new_rest.len() - tail).unwrap_or_default(),
    );
    let mut script = vec![Step::Same; head];
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        script.extend(vec![Step::Gone; a.len()]);
        script.extend(vec![Step::New; b.len()]);
    } else {
        script.extend(middle(a, b));
    }
    script.extend(vec![Step::Same; tail]);
    script
}

fn middle(a: &[&str], b: &[&str]) -> Vec<Step> {
    let width = b.len() + 1;
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, left) in a.iter().enumerate().rev() {
        for (j, right) in b.iter().enumerate().rev() {
            let best = if left == right {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j, mut script) = (0, 0, Vec::new());
    loop {
        match (a.get(i), b.get(j)) {
            (None, None) => return script,
            (Some(left), Some(right)) if left == right => {
                script.push(Step::Same);
                (i, j) = (i + 1, j + 1);
            }
            (Some(_), right) if right.is_none() || at(&longest, i + 1, j) >= at(&longest, i, j + 1) => {
                script.push(Step::Gone);
                i += 1;
            }
            (_, _) => {
                script.push(Step::New);
                j += 1;
            }
        }
    }
}

fn hunks(steps: &[Step], old: &[&str], new: &[&str]) -> String {
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(steps.len()));
        steps.get(from..to).is_some_and(|window| window.iter().any(|step| *step != Step::Same))
    };
    let (mut text, mut body) = (String::new(), String::new());
    let (mut i, mut j, mut start) = (0, 0, (0, 0));
    for (at, step) in steps.iter().enumerate() {
        if near(at) {
            if body.is_empty() {
                start = (i, j);
            }
            let (sign, line) = match step {
                Step::Same => (' ', old.get(i)),
                Step::Gone => ('-', old.get(i)),
                Step::New => ('+', new.get(j)),
            };
            let line = line.copied().unwrap_or_default();
            body.push(sign);
            body.push_str(line);
            if !line.ends_with('\n') {
                body.push_str("\n\\ No newline at end of file\n");
            }
        } else if !body.is_empty() {
            close_hunk(&mut text, &mut body, start, (i, j));
        }
        i += usize::from(*step != Step::New);
        j += usize::from(*step != Step::Gone);
    }
    close_hunk(&mut text, &mut body, start, (i, j));
    text.trim_end_matches('\n').to_owned()
}

fn close_hunk(text: &mut String, body: &mut String, start: (usize, usize), end: (usize, usize)) {
    if body.is_empty() {
        return;
    }
    let range = |from: usize, to: usize| match to - from {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        length => format!("{},{length}", from + 1),
    };
    text.push_str(&format!("@@ -{} +{} @@\n{body}", range(start.0, end.0), range(start.1, end.1)));
    body.clear();
}

#[cfg(test)]
mod tests {
    use super::patch;

    #[test]
    fn a_changed_line_is_one_hunk_as_git_writes_it() {
        let (text, added, removed) = patch("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n");
        assert_eq!((added, removed), (1, 1));
        assert_eq!(text, "@@ -1,5 +1,5 @@\n a\n b\n-c\n+X\n d\n e");
    }

    #[test]
    fn a_new_file_and_a_missing_newline_are_marked() {
        assert_eq!(patch("", "a").0, "@@ -0,0 +1 @@\n+a\n\\ No newline at end of file");
        assert_eq!(patch("a\n", "").0, "@@ -1 +0,0 @@\n-a");
        assert_eq!(patch("same\n", "same\n").0, "");
    }
}
