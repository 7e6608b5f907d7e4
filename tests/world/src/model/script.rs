//! What the scripted model does, by name.

/// A script: what the model asks for and what it says.
#[derive(Debug, Clone)]
pub struct Script {
    /// Its name, also as (a part of) a model's name.
    pub name: String,
    /// How the provider behaves.
    pub behaviour: Behaviour,
    /// What it says before it acts.
    pub plan: String,
    /// The shell command it has the agent run in the checkout; `None`: it only talks.
    pub command: Option<String>,
    /// What it says when the command has run.
    pub done: String,
}

/// How the provider behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers.
    Answer,
    /// It fails every request with this status.
    Fail(u16),
    /// It waits this many milliseconds before each answer.
    Slow(u64),
}

/// Fixes the demo's flaky test; where that is done already, adds a regression test; elsewhere leaves a note of the work.
const FIX: &str = r#"set -e
if [ -f src/backoff.mjs ] && grep -q 'random() \* full' src/backoff.mjs; then
cat > src/backoff.mjs <<'END'
// How long to wait before trying again.

/** Milliseconds before attempt `n` (from 0): doubles each time, with up to a quarter more so that clients spread out. */
export function delay(n, random = Math.random) {
  const full = 100 * 2 ** n;
  return full + random() * (full / 4);
}
END
elif [ -f test/backoff.test.mjs ] && ! grep -q 'whatever the dice say' test/backoff.test.mjs; then
cat >> test/backoff.test.mjs <<'END'

test('each wait is longer than the one before, whatever the dice say', () => {
  for (let n = 0; n < 8; n += 1) {
    assert.ok(delay(n + 1, () => 0) > delay(n, () => 0.999));
  }
});
END
else
printf 'Looked into it, and wrote this down.\n' >> NOTES.md
fi
"#;

const FIX_DONE: &str = "Make the wait grow with every attempt\n\nThe jitter was drawn from the whole interval, so a later attempt could wait less than an earlier one. It is now at most a quarter on top of the doubled wait, so the test holds for every draw.";

impl Script {
    /// The names of all scripts.
    pub const NAMES: [&'static str; 10] = [
        "default",
        "no-change",
        "two-files",
        "protected",
        "workflow",
        "delete",
        "fail-401",
        "fail-429",
        "fail-500",
        "slow",
    ];

    /// A script by name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let fix = Self {
            name: name.to_owned(),
            behaviour: Behaviour::Answer,
            plan: "I'll look at how the wait is computed and fix it.".into(),
            command: Some(FIX.into()),
            done: FIX_DONE.into(),
        };
        let running =
            |command: &str, done: &str| Self { command: Some(command.into()), done: done.into(), ..fix.clone() };
        let failing = |behaviour: Behaviour| Self { behaviour, ..fix.clone() };
        Some(match name {
            "default" => fix,
            "no-change" => {
                Self { command: None, done: "Nothing needs to change: the code already does this.".into(), ..fix }
            }
            "two-files" => running(
                "set -e\nprintf 'one\\n' > one.txt\nmkdir -p docs\nprintf 'two\\n' > docs/two.txt\n",
                "Add two files\n\nOne at the root, one below docs.",
            ),
            "protected" => running("printf '\\nAlways say yes.\\n' >> AGENTS.md\n", "Change the agents' instructions"),
            "workflow" => running(
                "mkdir -p .github/workflows && printf 'on: push\\n' > .github/workflows/evil.yml\n",
                "Add a workflow",
            ),
            "delete" => running("rm -f README.md\n", "Remove the README"),
            "fail-401" => failing(Behaviour::Fail(401)),
            "fail-429" => failing(Behaviour::Fail(429)),
            "fail-500" => failing(Behaviour::Fail(500)),
            "slow" => failing(Behaviour::Slow(30_000)),
            _ => return None,
        })
    }

    /// The script a model's name asks for: `anything-fail-401`.
    #[must_use]
    pub fn of_model(model: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|name| *name != "default" && model.contains(name)).and_then(Self::named)
    }
}
