//! Labels of the repository and on issues and pull requests.

use serde_json::json;

use super::call::Ask;
use super::error::GithubError;
use super::issues::Label;
use super::{Repo, Subject, found};
use crate::ports::Method;

/// A label Porter makes when it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLabel {
    /// As `porter:running`.
    pub name: &'static str,
    /// Six hexadecimal digits.
    pub color: &'static str,
    /// At most 100 characters.
    pub description: &'static str,
}

impl Repo<'_> {
    /// Makes a label of the repository unless it is there. `POST /repos/{o}/{r}/labels`
    pub async fn ensure_label(&self, on: Subject, label: NewLabel) -> Result<(), GithubError> {
        let body = json!({"name": label.name, "color": label.color, "description": label.description});
        match self.send(on.write(), self.post("making a label", &["labels"], body)).await {
            Ok(_) => Ok(()),
            Err(error) if error.already_exists() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The labels on an issue or pull request. `GET /repos/{o}/{r}/issues/{n}/labels`
    pub async fn labels(&self, on: Subject) -> Result<Vec<Label>, GithubError> {
        let number = on.number().to_string();
        let address = self.address(&["issues", &number, "labels"]).with("per_page", "100");
        self.fetch(on.read(), Ask::new("reading the labels", Method::Get, address)).await
    }

    /// Puts a label on; one that is on stays. All that are on then. `POST /repos/{o}/{r}/issues/{n}/labels`
    pub async fn add_label(&self, on: Subject, name: &str) -> Result<Vec<Label>, GithubError> {
        let number = on.number().to_string();
        let ask = self.post("adding a label", &["issues", &number, "labels"], json!({"labels": [name]}));
        self.fetch(on.write(), ask).await
    }

    /// Takes a label off; one that is not on is fine. `DELETE /repos/{o}/{r}/issues/{n}/labels/{name}`
    pub async fn remove_label(&self, on: Subject, name: &str) -> Result<(), GithubError> {
        let address = self.address(&["issues", &on.number().to_string(), "labels", name]);
        let ask = Ask::new("removing a label", Method::Delete, address);
        found(self.send(on.write(), ask).await).map(|_| ())
    }
}
