//! `riskflow bench setup`: the one shape that the benches of scoring measure: 30 window features, 10 of them over hot keys, 50 rules,
//! three lists, and a model of 300 trees with 31 leaves each. What is scored is made up; the amount of work is not.

mod model;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ingest::{Clock, SystemClock};
use scoring::lists::{Entry, Pattern};
use scoring::rules::{Points, Rule, RuleId, State};
use scoring::{Control, Pipeline, Verdict};

use super::events::Keys;
use crate::config::{Config, Location};
use crate::output;

/// Make a pipeline, a model and a data folder of the size that the benches of scoring measure
///
/// 33 features, 30 of them windows over cards, customers and a few busy merchants; 50 rules; lists with 1,000 entries each; gradient boosting of
/// 300 trees with 31 leaves, trained on made-up payments.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow bench setup --out bench\n  riskflow run --pipeline bench/pipeline.toml --data-dir bench/data"
)]
pub(super) struct Args {
    /// The folder to make; it must not have a pipeline.toml yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the command.
pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let made = make(&args.out).await?;
    output::message(&format!(
        "riskflow run --pipeline {} --data-dir {}\nriskflow bench api --pipeline {} {}",
        made.pipeline.display(),
        made.data.display(),
        made.pipeline.display(),
        keys().iter().map(|keys| format!("--keys {keys}")).collect::<Vec<_>>().join(" "),
    ));
    Ok(())
}

/// Where a set-up lies.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The pipeline file.
    pub(super) pipeline: PathBuf,
    /// The data folder, with the model and the log that says that it is champion.
    pub(super) data: PathBuf,
}

/// How many keys each entity has: merchants are hot.
pub(super) fn keys() -> Vec<Keys> {
    [("card", 20_000), ("customer", 10_000), ("merchant", 50)]
        .map(|(entity, count)| Keys { entity: entity.to_owned(), count })
        .to_vec()
}

/// Makes a set-up in a folder.
pub(super) async fn make(folder: &Path) -> anyhow::Result<Made> {
    make_on(folder, None).await
}

/// The same on a log that lies elsewhere.
pub(super) async fn make_on(folder: &Path, log: Option<&str>) -> anyhow::Result<Made> {
    let made = Made { pipeline: folder.join("pipeline.toml"), data: folder.join("data") };
    if made.pipeline.exists() {
        anyhow::bail!("{} is there already: choose another folder", made.pipeline.display());
    }
    std::fs::create_dir_all(&made.data).with_context(|| format!("cannot create {}", made.data.display()))?;
    let text = text();
    let pipeline = Pipeline::parse(&text, "the pipeline of the benches")?;
    std::fs::write(&made.pipeline, text).with_context(|| format!("cannot write {}", made.pipeline.display()))?;
    let mut config = Config { data: made.data.clone(), ..Config::load(None, std::iter::empty())? };
    if let Some(log) = log {
        config.log.url = Location::try_from(log.to_owned()).map_err(anyhow::Error::msg)?;
    }
    let artifact = model::train(&pipeline)?;
    let version = crate::open_registry(&config)?.publish(&artifact)?;
    let riskflow = crate::assemble(&config, pipeline, Arc::new(SystemClock), &mut |_| {})?;
    riskflow.promote(version, "riskflow bench setup", "to measure it").await?;
    for listed in entries() {
        riskflow.engine.change(listed).await?;
    }
    riskflow.stop().await?;
    Ok(made)
}

/// The pipeline file: what is written by hand, and a table for each rule.
pub(super) fn text() -> String {
    #[derive(serde::Serialize)]
    struct Rules {
        rules: Vec<Rule>,
    }
    let rules = toml::to_string(&Rules { rules: rules() }).expect("rules are plain data");
    format!("{}\n{rules}", include_str!("pipeline.toml"))
}

/// A rule for each line: an action and a condition.
fn rules() -> Vec<Rule> {
    let rule = |(number, line): (usize, &str)| {
        let (action, condition) = line.split_once(' ').expect("each line is an action and a condition");
        let id = format!("r_{:02}", number + 1);
        Rule {
            id: RuleId::new(&id).expect("letters and digits"),
            version: 1,
            name: format!("rule {} of the benches", number + 1),
            description: String::new(),
            when: condition.to_owned(),
            action: Verdict::ALL.into_iter().find(|verdict| verdict.name() == action),
            score_modifier: Points::default(),
            priority: 0,
            state: State::Active,
            author: "riskflow".to_owned(),
            reason: None,
        }
    };
    include_str!("rules.txt").lines().enumerate().map(rule).collect()
}

/// What is on the lists: keys that no made-up event has, so that looking is all that costs, and a few prefixes.
pub(super) fn entries() -> Vec<Control> {
    const EACH: usize = 1_000;
    let entry = |text: String| Entry {
        pattern: Pattern::parse(&text).expect("letters, digits and a star"),
        reason: "made up".to_owned(),
        created_by: "riskflow".to_owned(),
        approved_by: None,
        valid_from: None,
        valid_until: None,
    };
    let listed = |list: &str| Control::Listed {
        list: list.to_owned(),
        entries: (0..EACH)
            .map(|number| entry(if number < 10 { format!("{list}{number}*") } else { format!("{list}_{number}") }))
            .collect(),
        by: "riskflow bench setup".to_owned(),
        at: SystemClock.now(),
    };
    ["stolen_cards", "staff", "odd_merchants"].map(listed).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_that_is_measured() {
        let pipeline = Pipeline::parse(&text(), "p.toml").expect("it fits");
        let windows = |entity: &str| {
            let of = |name: &&str| name.starts_with(&format!("{entity}_"));
            pipeline.plan.definitions().iter().map(|definition| definition.name.as_str()).filter(of).count()
        };
        assert_eq!([windows("card"), windows("customer"), windows("merchant")], [10, 10, 10]);
        assert_eq!((pipeline.rules.len(), pipeline.lists.len()), (50, 3));
        assert!(pipeline.rules.iter().all(|rule| rule.action.is_some()));
    }

    #[test]
    fn the_model_has_300_trees_of_31_leaves() {
        let pipeline = Pipeline::parse(&text(), "p.toml").expect("it fits");
        let artifact = model::train(&pipeline).expect("it learns");
        let scoring::Model::Trees(trees) = &artifact.scorer.model else { panic!("boosting grows trees") };
        assert_eq!((trees.roots.len(), trees.nodes.len()), (300, 300 * 61), "31 leaves and 30 splits each");
    }
}
