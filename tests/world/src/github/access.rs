//! Who may see and do what: visibility, token scopes and roles.

use std::sync::Arc;

use super::caller::{Caller, Level, Permission};
use super::state::{Github, Repository, Role, User};
use super::wire::{Call, Problem};

impl Github {
    /// The repository of an address: 404 when it is not there or not visible, 301 when it was renamed.
    pub(crate) fn find_repository(&self, call: &Call, owner: &str, name: &str, rest: &[&str]) -> Result<i64, Problem> {
        let full = format!("{owner}/{name}");
        if let Some(id) = self.repository_named(&full) {
            // The App itself (not an installation) may ask where it is installed, whatever it may see.
            if !(call.caller == Caller::App && rest == ["installation"]) {
                self.visible(call, id)?;
            }
            return Ok(id);
        }
        let id = *self.renamed.get(&full.to_ascii_lowercase()).ok_or_else(Problem::not_found)?;
        self.visible(call, id)?;
        let below = call.request.path.splitn(5, '/').nth(4).map(|rest| format!("/{rest}")).unwrap_or_default();
        let query = if call.request.query.is_empty() { String::new() } else { format!("?{}", call.request.query) };
        let location = format!("{}/repositories/{id}{below}{query}", self.roots.api);
        let status = if call.method() == "GET" { 301 } else { 307 };
        Err(Problem::new(status, "Moved Permanently").with("location", location))
    }

    /// A repository by full name, whatever its case.
    #[must_use]
    pub fn repository_named(&self, full_name: &str) -> Option<i64> {
        let (owner, name) = full_name.split_once('/')?;
        let owner = self.user_named(owner)?.id;
        let found = self.repositories.values().find(|repo| repo.owner == owner && repo.name.eq_ignore_ascii_case(name));
        found.map(|repo| repo.id)
    }

    /// An account by login, whatever its case.
    #[must_use]
    pub fn user_named(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub(crate) fn repository(&self, id: i64) -> Result<&Repository, Problem> {
        self.repositories.get(&id).map(Arc::as_ref).ok_or_else(Problem::not_found)
    }

    pub(crate) fn repository_mut(&mut self, id: i64) -> Result<&mut Repository, Problem> {
        self.repositories.get_mut(&id).map(Arc::make_mut).ok_or_else(Problem::not_found)
    }

    pub(crate) fn full_name(&self, repo: &Repository) -> String {
        format!("{}/{}", self.login(repo.owner), repo.name)
    }

    pub(crate) fn login(&self, user: i64) -> &str {
        self.users.get(&user).map_or("ghost", |user| user.login.as_str())
    }

    pub(crate) fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// A person's role; everyone reads a public repository.
    pub(crate) fn role(&self, repo: &Repository, user: i64) -> Option<Role> {
        if repo.owner == user {
            return Some(Role::Admin);
        }
        repo.collaborators.get(&user).copied().or_else(|| (!repo.private).then_some(Role::Read))
    }

    /// 404 unless the caller may know that the repository exists.
    pub(crate) fn visible(&self, call: &Call, id: i64) -> Result<(), Problem> {
        let repo = self.repository(id)?;
        let sees = !repo.private
            || match &call.caller {
                Caller::Anonymous | Caller::App => false,
                Caller::Installation(grant) => self.in_scope(grant, repo),
                Caller::Person { user, scopes } => scopes.contains("repo") && self.role(repo, *user).is_some(),
            };
        if sees { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// Whether a grant covers a repository.
    pub(crate) fn in_scope(&self, grant: &super::Grant, repo: &Repository) -> bool {
        let installed = self.installations.get(&grant.installation).is_some_and(|installation| {
            installation.account == repo.owner
                && installation.suspended.is_none()
                && installation.repositories.as_ref().is_none_or(|set| set.contains(&repo.id))
        });
        installed && grant.repositories.as_ref().is_none_or(|set| set.contains(&repo.id))
    }

    /// Refuses unless the caller's token goes this far with one of the permissions. With a public repository GitHub lets an
    /// App read without the permission; the stand-in does not, so that what works here works with private ones too.
    pub(crate) fn need(&self, call: &Call, id: i64, any: &[Permission], level: Level) -> Result<(), Problem> {
        let repo = self.repository(id)?;
        match &call.caller {
            Caller::Anonymous if level > Level::Read => Err(Problem::new(401, "Requires authentication")),
            Caller::Anonymous => Ok(()),
            Caller::App => Err(Problem::not_for_integrations()),
            Caller::Installation(grant) => {
                let granted = any.iter().any(|permission| {
                    let asked_more = level > Level::Read || *permission != Permission::Metadata;
                    !asked_more || grant.permissions.get(permission.word()).is_some_and(|has| *has >= level)
                });
                if granted && self.in_scope(grant, repo) { Ok(()) } else { Err(Problem::not_for_integrations()) }
            }
            Caller::Person { scopes, .. } => {
                let enough = level == Level::Read
                    || scopes.contains("repo")
                    || (!repo.private && scopes.contains("public_repo"));
                if enough { Ok(()) } else { Err(Problem::new(403, "Resource not accessible by personal access token")) }
            }
        }
    }

    /// Refuses a person whose role is too small; an App's rights are its permissions.
    pub(crate) fn need_role(&self, call: &Call, id: i64, least: Role) -> Result<(), Problem> {
        let Caller::Person { user, .. } = &call.caller else {
            return Ok(());
        };
        if self.role(self.repository(id)?, *user) >= Some(least) {
            return Ok(());
        }
        Err(Problem::new(
            403,
            if least == Role::Admin {
                "Must have admin rights to Repository."
            } else {
                "Must have push access to repository"
            },
        ))
    }

    /// The account a caller acts as.
    pub(crate) fn actor(&self, call: &Call) -> Result<i64, Problem> {
        match &call.caller {
            Caller::Person { user, .. } => Ok(*user),
            Caller::Installation(_) => self.app.as_ref().map(|app| app.bot).ok_or_else(Problem::not_found),
            Caller::Anonymous | Caller::App => Err(Problem::new(401, "Requires authentication")),
        }
    }
}
