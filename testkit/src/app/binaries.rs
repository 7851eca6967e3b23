//! Where cargo puts the applications.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The path of an application. The first call builds all of them, with the features that the tests are built
/// with, so that next to nothing is built twice.
pub(super) fn binary(application: &str) -> &'static PathBuf {
    static BINARIES: OnceLock<Option<BTreeMap<String, PathBuf>>> = OnceLock::new();
    &BINARIES
        .get_or_init(build)
        .as_ref()
        .expect("the applications build")[application]
}

fn build() -> Option<BTreeMap<String, PathBuf>> {
    let arguments = ["build", "--workspace", "--all-features", "--bins"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    let messages = output.stdout.split(|&byte| byte == b'\n');
    let executables = messages.filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            message["executable"].as_str()?.into(),
        ))
    });
    output.status.success().then(|| executables.collect())
}
