//! The arrows between the crates, against a snapshot: a new one shows up in review.

use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn the_arrows_are_those_of_the_map() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let arrows: BTreeMap<&str, Vec<&str>> = packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            let ours = dependencies.filter(|each| !each["path"].is_null() && each["kind"].is_null());
            let mut names: Vec<&str> = ours.filter_map(|each| each["name"].as_str()).collect();
            names.sort_unstable();
            (package["name"].as_str().expect("a name"), names)
        })
        .collect();
    insta::assert_json_snapshot!("arrows", arrows);
}
