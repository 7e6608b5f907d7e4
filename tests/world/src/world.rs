//! The world in the product's words, for scenarios: people write, Porter answers, and the scenario looks.
#![expect(clippy::expect_used, clippy::panic, reason = "a scenario that asks for the impossible must stop at once")]

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use porter::domain::time::Timestamp;
use porter::ports::Clock as _;

use crate::github::{
    App, AppKey, Change, Comment, CommitSpec, Delivery, Github, Hook, Issue, Level, Repository, Role, UserKind,
};
use crate::keys;
use crate::ports::{InProcess, ManualClock};

/// How Porter is let in to GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a GitHub App with a real RSA key.
    App,
    /// As a GitHub App whose JWTs [`crate::ports::QuickCrypto`] signs with [`QUICK_PEM`].
    QuickApp,
    /// By a bot account's token, [`TOKEN`] of [`BOT`].
    Token,
}

/// The secret of webhook signatures.
pub const WEBHOOK_SECRET: &str = "webhook-secret-for-tests";
/// The bot account's token in token mode.
pub const TOKEN: &str = "canary-github-0001";
/// The bot account in token mode.
pub const BOT: &str = "porter-bot";
/// The App's number.
pub const APP_ID: i64 = 4242;
/// What stands for the App's key in [`Mode::QuickApp`].
pub const QUICK_PEM: &str = "quick-app-key-for-tests";
/// What the App may do where it is installed.
pub const APP_PERMISSIONS: [(&str, Level); 4] =
    [("metadata", Level::Read), ("contents", Level::Write), ("issues", Level::Write), ("pull_requests", Level::Write)];
/// 2026-02-18T09:30:00Z, when worlds begin.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_771_407_000_000);

/// GitHub with `acme/demo` in it (public; `alice` owns it through `acme`, `bob` writes, `carol` reads, `mallory` is a stranger),
/// seen through one repository.
#[derive(Clone)]
pub struct World {
    /// GitHub.
    pub github: Rc<RefCell<Github>>,
    /// The time.
    pub clock: Rc<ManualClock>,
    /// The repository the verbs speak of.
    pub repo: i64,
    mode: Mode,
}

impl World {
    /// A world with the usual people and one small repository.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let mut github = Github::default();
        let now = BEGINNING;
        let acme = github.add_user("acme", UserKind::Organization);
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|login| github.add_user(login, UserKind::User));
        github.add_user("mallory", UserKind::User);
        let files = [
            ("README.md", "# Demo\n\nA small program.\n"),
            ("src/main.rs", "fn main() {\n    println!(\"hello\");\n}\n"),
        ];
        let repo = github.add_repository(now, acme, "demo", false, &files);
        for (user, role) in [(alice, Role::Admin), (bob, Role::Write), (carol, Role::Read)] {
            github.set_role(repo, user, Some(role));
        }
        let world = Self { github: Rc::new(RefCell::new(github)), clock: Rc::new(ManualClock::at(now)), repo, mode };
        world.let_porter_in(acme);
        world.take_deliveries();
        world
    }

    /// A world that goes on from a kept state; the two no longer know of each other.
    #[must_use]
    pub fn from_kept(github: Github, now: Timestamp, repo: i64, mode: Mode) -> Self {
        Self { github: Rc::new(RefCell::new(github)), clock: Rc::new(ManualClock::at(now)), repo, mode }
    }

    /// How Porter is let in.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    fn let_porter_in(&self, account: i64) {
        let now = self.clock.now();
        let mut github = self.github.borrow_mut();
        let secret = WEBHOOK_SECRET.to_owned();
        let key = match self.mode {
            Mode::Token => {
                let bot = github.add_user(BOT, UserKind::User);
                github.accept_token(TOKEN, bot, &["repo"]);
                github.set_role(self.repo, bot, Some(Role::Write));
                github.hook = Hook::Repository { secret };
                return;
            }
            Mode::QuickApp => AppKey::Quick(QUICK_PEM.into()).into(),
            Mode::App => keys::public_half(&self.app_pem()).expect("the test App's key is readable"),
        };
        let bot = github.add_user("porter[bot]", UserKind::Bot);
        github.app = Some(App {
            id: APP_ID,
            slug: "porter".into(),
            owner: account,
            bot,
            client_id: "Iv1.world".into(),
            client_secret: "client-secret-for-tests".into(),
            key,
            permissions: APP_PERMISSIONS.map(|(name, level)| (name.to_owned(), level)).into(),
        });
        github.hook = Hook::App { secret };
        github.install(now, account, None, &APP_PERMISSIONS);
    }

    /// The App's private key, for Porter's configuration.
    #[must_use]
    pub fn app_pem(&self) -> String {
        match self.mode {
            Mode::App => keys::app_key().expect("the test App's key can be made; is openssl installed?"),
            Mode::QuickApp | Mode::Token => QUICK_PEM.to_owned(),
        }
    }

    /// The configuration that lets Porter in here, by variable name. Model keys and machine host are the scenario's to add.
    #[must_use]
    pub fn porter_settings(&self) -> BTreeMap<String, String> {
        let roots = self.github.borrow().roots.clone();
        let mut settings = BTreeMap::from([
            ("GITHUB_URL", roots.web),
            ("GITHUB_API_URL", roots.api),
            ("GITHUB_WEBHOOK_SECRET", WEBHOOK_SECRET.into()),
            ("PORTER_OWNERS", "acme".into()),
        ]);
        match self.mode {
            Mode::Token => settings.extend([("GITHUB_TOKEN", TOKEN.into()), ("GITHUB_USER", BOT.into())]),
            Mode::App | Mode::QuickApp => {
                settings.extend([("GITHUB_APP_ID", APP_ID.to_string()), ("GITHUB_APP_PRIVATE_KEY", self.app_pem())]);
            }
        }
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Porter's network, with GitHub in it; plug other hosts in.
    #[must_use]
    pub fn http(&self) -> InProcess {
        InProcess::new(Rc::clone(&self.github), Rc::clone(&self.clock))
    }

    /// The same world seen through another repository, `owner/name`.
    #[must_use]
    pub fn in_repo(&self, full_name: &str) -> Self {
        let repo =
            self.github.borrow().repository_named(full_name).unwrap_or_else(|| panic!("no repository {full_name}"));
        Self { repo, ..self.clone() }
    }

    /// An account's number.
    #[must_use]
    pub fn user(&self, login: &str) -> i64 {
        self.github.borrow().user_named(login).unwrap_or_else(|| panic!("no user {login}")).id
    }

    /// Gives someone a role in the repository, or takes it away; makes the account when it is new.
    pub fn role(&self, login: &str, role: Option<Role>) {
        let mut github = self.github.borrow_mut();
        let known = github.user_named(login).map(|user| user.id);
        let user = known.unwrap_or_else(|| github.add_user(login, UserKind::User));
        github.set_role(self.repo, user, role);
    }

    /// Opens an issue.
    pub fn issue(&self, author: &str, title: &str, body: &str) -> i64 {
        let (now, author) = (self.clock.now(), self.user(author));
        self.github.borrow_mut().open_issue(now, self.repo, author, title, Some(body)).expect("an issue can be opened")
    }

    /// Writes a comment and gives the delivery it caused, taken out of the queue: hand it to Porter.
    #[must_use]
    pub fn comment(&self, author: &str, issue: i64, text: &str) -> Delivery {
        self.comment_quietly(author, issue, text);
        self.github.borrow_mut().deliveries.waiting.pop_back().expect("a comment causes a delivery")
    }

    /// Writes a comment and gives its id; its delivery waits in the queue with the others.
    pub fn comment_quietly(&self, author: &str, issue: i64, text: &str) -> i64 {
        let (now, author) = (self.clock.now(), self.user(author));
        self.github.borrow_mut().add_comment(now, self.repo, author, issue, text).expect("the issue is there")
    }

    /// Edits a comment.
    pub fn edit_comment(&self, comment: i64, text: &str) {
        let now = self.clock.now();
        let author = self.repository().comments.get(&comment).expect("the comment is there").author;
        self.github
            .borrow_mut()
            .edit_comment_text(now, self.repo, author, comment, text)
            .expect("the comment is there");
    }

    /// Hands in a review: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`.
    pub fn review(&self, author: &str, pull: i64, state: &str, text: &str) -> i64 {
        let (now, author) = (self.clock.now(), self.user(author));
        self.github
            .borrow_mut()
            .add_review(now, self.repo, author, pull, state, text)
            .expect("the pull request is there")
    }

    /// Comments on a line of a pull request.
    pub fn line_comment(&self, author: &str, pull: i64, path: &str, line: i64, text: &str) -> i64 {
        let (now, author) = (self.clock.now(), self.user(author));
        let mut github = self.github.borrow_mut();
        github
            .add_line_comment(now, self.repo, author, pull, path, line, text, None)
            .expect("the pull request is there")
    }

    /// Closes an issue or pull request.
    pub fn close(&self, who: &str, number: i64) {
        let (now, who) = (self.clock.now(), self.user(who));
        self.github.borrow_mut().set_issue_open(now, self.repo, who, number, false, "completed").expect("it is there");
    }

    /// Opens a closed issue or pull request again.
    pub fn open_again(&self, who: &str, number: i64) {
        let (now, who) = (self.clock.now(), self.user(who));
        self.github.borrow_mut().set_issue_open(now, self.repo, who, number, true, "reopened").expect("it is there");
    }

    /// Merges a pull request.
    pub fn merge(&self, who: &str, pull: i64) {
        let (now, who) = (self.clock.now(), self.user(who));
        if let Err(problem) = self.github.borrow_mut().merge_pull(now, self.repo, who, pull) {
            panic!("pull request {pull} cannot be merged: {problem:?}");
        }
    }

    /// Pushes a commit to a branch (made from the default one when missing) and gives its SHA.
    pub fn push_commit(&self, who: &str, branch: &str, message: &str, changes: &[Change]) -> String {
        let (now, who) = (self.clock.now(), self.user(who));
        let spec = CommitSpec { branch, message, changes };
        self.github
            .borrow_mut()
            .push_commit(now, self.repo, who, &spec)
            .expect("the branch can be pushed to")
            .to_string()
    }

    /// Merges one branch into another without a pull request.
    pub fn merge_branch(&self, who: &str, into: &str, from: &str) {
        let (now, who) = (self.clock.now(), self.user(who));
        self.github.borrow_mut().merge_branch(now, self.repo, who, (into, from)).expect("the branches can be merged");
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, who: &str, branch: &str) {
        let (now, who) = (self.clock.now(), self.user(who));
        let name = format!("refs/heads/{branch}");
        self.github.borrow_mut().set_ref(now, self.repo, who, &name, None).expect("the branch is there");
    }

    /// The newest commit of a branch; `None` when there is no such branch.
    #[must_use]
    pub fn head(&self, branch: &str) -> Option<String> {
        self.repository().git.branch(branch).map(|oid| oid.to_string())
    }

    /// The messages of a branch's commits along the first parents, newest first.
    #[must_use]
    pub fn messages(&self, branch: &str) -> Vec<String> {
        let repository = self.repository();
        let first = repository.git.branch(branch).and_then(|oid| repository.git.commit(oid));
        let parent = |commit: &&crate::github::objects::Commit| repository.git.commit(*commit.parents.first()?);
        std::iter::successors(first, parent).map(|commit| commit.message.clone()).collect()
    }

    /// Puts labels on an issue.
    pub fn label(&self, who: &str, issue: i64, labels: &[&str]) {
        let (now, who) = (self.clock.now(), self.user(who));
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.github.borrow_mut().put_labels(now, self.repo, who, issue, &labels).expect("the issue is there");
    }

    /// Opens a pull request from a branch of this repository, or of a fork by its full name.
    pub fn open_pull(&self, author: &str, from: Option<&str>, branch: &str, title: &str) -> i64 {
        let (now, author) = (self.clock.now(), self.user(author));
        let head_repo = from.map_or(self.repo, |fork| self.in_repo(fork).repo);
        let head = self.github.borrow().repositories.get(&head_repo).and_then(|repo| repo.git.branch(branch));
        let base = self.repository().default_branch.clone();
        let base_sha = self.repository().git.branch(&base).expect("the default branch is there");
        let pull = crate::github::Pull {
            head_repo,
            head: branch.to_owned(),
            head_sha: head.unwrap_or_else(|| panic!("no branch {branch}")),
            base,
            base_sha,
            draft: false,
            requested_reviewers: Vec::new(),
            merged: None,
        };
        self.github
            .borrow_mut()
            .open_pull(now, self.repo, author, title, Some(""), pull)
            .expect("a pull request can be opened")
    }

    /// Every delivery that waits and is due, in order. Tell their answers with [`World::answered`].
    pub fn take_deliveries(&self) -> Vec<Delivery> {
        let now = self.clock.now();
        std::iter::from_fn(|| self.github.borrow_mut().deliveries.next(now)).collect()
    }

    /// Notes how Porter answered a delivery; 0 when it did not.
    pub fn answered(&self, delivery: Delivery, status: u16) {
        self.github.borrow_mut().deliveries.answered(delivery, self.clock.now(), status);
    }

    /// The repository as it is.
    #[must_use]
    pub fn repository(&self) -> Ref<'_, Repository> {
        Ref::map(self.github.borrow(), |github| {
            github.repositories.get(&self.repo).map(AsRef::as_ref).expect("the repository is there")
        })
    }

    /// The comments on an issue, oldest first, as (login, text).
    #[must_use]
    pub fn comments(&self, issue: i64) -> Vec<(String, String)> {
        let github = self.github.borrow();
        let repository = github.repositories.get(&self.repo).expect("the repository is there");
        let own = repository.comments.values().filter(|comment| comment.issue == issue);
        own.map(|comment: &Comment| (github.login(comment.author).to_owned(), comment.body.clone())).collect()
    }

    /// The labels of an issue, in the order they were put on.
    #[must_use]
    pub fn labels(&self, issue: i64) -> Vec<String> {
        let repository = self.repository();
        let labels = repository.issues.get(&issue).map(|issue| issue.labels.clone()).unwrap_or_default();
        labels.iter().filter_map(|key| repository.labels.get(key)).map(|label| label.name.clone()).collect()
    }

    /// The reactions on a comment, as (login, content).
    #[must_use]
    pub fn reactions(&self, comment: i64) -> Vec<(String, String)> {
        let github = self.github.borrow();
        let repository = github.repositories.get(&self.repo).expect("the repository is there");
        let own = repository.reactions.values().filter(|one| one.subject == crate::github::Subject::Comment(comment));
        own.map(|one| (github.login(one.author).to_owned(), one.content.clone())).collect()
    }

    /// The pull requests, oldest first.
    #[must_use]
    pub fn pull_requests(&self) -> Vec<Issue> {
        self.repository().issues.values().filter(|issue| issue.pull.is_some()).cloned().collect()
    }

    /// The content of a file on a branch (or at a commit); `None` when it is not there.
    #[must_use]
    pub fn file_at(&self, branch: &str, path: &str) -> Option<String> {
        let repository = self.repository();
        let tree = repository.git.resolve(branch).and_then(|commit| repository.git.tree_of(commit))?;
        let entry = repository.git.at(tree, path)?;
        Some(String::from_utf8_lossy(repository.git.blob(entry.oid)?).into_owned())
    }
}
