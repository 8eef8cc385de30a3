//! What is tried, out of arguments and files.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use scoring::backtest::Change;
use scoring::lists::import;
use scoring::pipeline::PipelineError;
use scoring::rules::Rule;
use serde::Deserialize;

use super::Args;

/// All changes that the arguments ask for.
pub(super) fn of(args: &Args) -> anyhow::Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    if let Some(path) = &args.rule {
        changes.extend(rules(path)?.into_iter().map(Change::Rule));
    }
    changes.extend(args.thresholds.clone());
    for (list, path) in &args.list {
        let entries = import::entries(&read(path)?, "riskflow backtest", false)
            .with_context(|| format!("{} is no list", path.display()))?;
        changes.push(Change::Listed { list: list.clone(), entries });
    }
    changes.extend(args.model.clone());
    Ok(changes)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    rules: Vec<Rule>,
}

fn rules(path: &Path) -> anyhow::Result<Vec<Rule>> {
    let text = read(path)?;
    let file = path.display().to_string();
    let RuleFile { rules } = toml::from_str(&text)
        .map_err(|error| PipelineError::at(&text, &file, error.message().to_owned(), error.span().unwrap_or(0..0)))?;
    if rules.is_empty() {
        bail!("{file} has no rules");
    }
    for (place, rule) in rules.iter().enumerate() {
        if rules[..place].iter().any(|before| before.id == rule.id) {
            bail!("{file} has two rules with the id `{}`", rule.id);
        }
    }
    Ok(rules)
}

/// `review=650,decline=880`.
pub(super) fn thresholds(text: &str) -> Result<Change, String> {
    let (mut review, mut decline) = (None, None);
    for part in text.split(',') {
        let wrong = || format!("`{part}` is no threshold: write review=650,decline=880, or one of them");
        let (name, score) = part.split_once('=').ok_or_else(wrong)?;
        let slot = match name.trim() {
            "review" => &mut review,
            "decline" => &mut decline,
            _ => return Err(wrong()),
        };
        let score = score.trim().parse::<u16>().map_err(|_| wrong())?;
        if slot.replace(score).is_some() {
            return Err(format!("{} is there twice", name.trim()));
        }
    }
    Ok(Change::Thresholds { review, decline })
}

/// `stolen_cards=cards.csv`.
pub(super) fn list(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) =
        text.split_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty()).ok_or("write it as NAME=FILE")?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

/// `card_fraud@7`.
pub(super) fn model(text: &str) -> Result<Change, String> {
    let wrong = || format!("`{text}` is no model: write it as card_fraud@7");
    let (name, version) = text.split_once('@').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    Ok(Change::Model { name: name.to_owned(), version: version.parse().map_err(|_| wrong())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read() {
        let check = |text: &str, expect: Result<(Option<u16>, Option<u16>), &str>| {
            let found = thresholds(text);
            let expect = expect.map(|(review, decline)| Change::Thresholds { review, decline });
            match expect {
                Ok(expect) => assert_eq!(found, Ok(expect), "{text}"),
                Err(part) => assert!(found.as_ref().is_err_and(|said| said.contains(part)), "{text}: {found:?}"),
            }
        };
        check("review=650,decline=880", Ok((Some(650), Some(880))));
        check("decline=880", Ok((None, Some(880))));
        check("", Err("`` is no threshold"));
        check("challenge=1", Err("`challenge=1` is no threshold"));
        check("review=high", Err("`review=high` is no threshold"));
        check("review=1,review=2", Err("review is there twice"));
    }

    #[test]
    fn models_and_lists_are_read() {
        assert_eq!(model("card_fraud@7"), Ok(Change::Model { name: "card_fraud".to_owned(), version: 7 }));
        for wrong in ["card_fraud", "@7", "card_fraud@new"] {
            assert!(model(wrong).is_err_and(|said| said.contains(wrong)), "{wrong}");
        }
        assert_eq!(list("stolen=a=b.csv"), Ok(("stolen".to_owned(), PathBuf::from("a=b.csv"))));
        assert!(list("stolen=").is_err() && list("=f").is_err() && list("stolen").is_err());
    }
}
