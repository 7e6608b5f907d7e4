//! TEMPORARY
pub struct Rules<'a> { pub base_sha: &'a str, pub max_files: u32, pub max_binary_files: u32, pub max_bytes: u64, pub protected: &'a [String], pub exists: &'a dyn Fn(&str) -> bool }
#[derive(Debug, Clone)] pub struct Broken { pub path: String, pub rule: String }
#[derive(Debug, Clone)] pub struct Checked { pub protected: Vec<String> }
pub fn check(_: &super::wire::ChangeSet, _: &Rules<'_>) -> Result<Checked, Vec<Broken>> { Ok(Checked { protected: Vec::new() }) }
