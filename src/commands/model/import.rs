//! `riskflow model import`: a model that another program trained, checked against its own predictions and put into the registry.

use std::path::PathBuf;

use anyhow::Context;
use ingest::{Clock, SystemClock};
use scoring::model::Network;
use scoring::model::network::{Gives, Missing};
use scoring::registry::Published;
use scoring::{Artifact, Model};
use serde::Serialize;
use training::import::{GoldenRows, Said, read, settle, verify};

use super::RegistryArgs;
use crate::output;

/// Import a model of LightGBM (text), XGBoost (JSON, UBJSON) or ONNX (trees, linear models, neural networks)
///
/// It must come with rows whose predictions are known, as CSV: a column for each feature and one called `prediction`, the probability, and
/// an empty cell where a value is missing. Where the file names no features, the columns are they, in their order. A prediction that
/// differs by more than 1e-6 (1e-5 for a neural network) refuses the model; so does anything in it that cannot be kept exactly.
///
/// A neural network is kept as it is. It has no exact reasons: a feature counts by what the log-odds lose when it is at its median over the
/// rows with known predictions, so those rows should be usual ones.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  riskflow model import --pipeline pipelines/card_fraud_handbook.toml --file model.txt --golden rows.csv --by ada\n  \
        riskflow model import --pipeline pipelines/card_fraud_handbook.toml --file network.onnx --golden rows.csv --by ada \\\n    \
        --output log-odds --missing 0 --missing card_tx_mean_7d=55.5"
)]
pub(super) struct Args {
    #[command(flatten)]
    registry: RegistryArgs,
    /// The pipeline file whose features the model reads, by their names
    #[arg(long, value_name = "FILE")]
    pipeline: PathBuf,
    /// The model
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Rows with known predictions
    #[arg(long, value_name = "FILE")]
    golden: PathBuf,
    /// What a neural network gives: the probability of a bad event, or its log-odds; of two numbers the second is that of bad events
    #[arg(long, value_name = "WHAT", default_value = "probability", value_parser = gives)]
    output: Gives,
    /// What a missing feature of a neural network counts as, of all or of one: a number, or `nan` for a network that deals with it.
    /// May be given several times. Without it an event that lacks a feature gets no score, and `on_failure` decides
    #[arg(long, value_name = "[FEATURE=]VALUE", value_parser = missing)]
    missing: Vec<(Option<String>, Missing)>,
    /// Who imports it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    version: u32,
    source: &'static str,
    features: usize,
    rows: u64,
    largest_difference: f64,
    reasons_are_exact: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let pipeline = crate::read_pipeline(&args.pipeline)?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let mut imported = read(&bytes).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let golden = std::fs::read(&args.golden).with_context(|| format!("cannot read {}", args.golden.display()))?;
    imported.name_features(&golden).with_context(|| args.golden.display().to_string())?;
    let rows = GoldenRows::read(&golden, &imported.features).with_context(|| args.golden.display().to_string())?;
    let said = Said { gives: args.output, missing: args.missing.clone() };
    settle(&mut imported, &rows, &said).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let exactness = verify(&imported.scorer, &rows).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let name = pipeline.model.name.clone();
    let published = Published { at: SystemClock.now(), by: args.by.clone() };
    let (source, features) = (imported.source.name(), imported.features);
    let mut artifact = Artifact::foreign(&name, source, features, &pipeline.plan, imported.scorer, published)?;
    if let Model::Network(network) = &artifact.scorer.model {
        artifact.about.settings = serde_json::to_value(network)?;
    }
    artifact.card = card(&artifact, exactness.rows as u64, exactness.largest_difference);
    let version = args.registry.open()?.publish(&artifact)?;
    let line = Line {
        name,
        version,
        source,
        features: artifact.about.features.len(),
        rows: exactness.rows as u64,
        largest_difference: exactness.largest_difference,
        reasons_are_exact: imported.has_cover,
    };
    if args.json {
        return output::json_line(&line);
    }
    output::text_line(&format!(
        "{} {} from {}: {} rows as they should be, the largest difference is {:.1e}",
        line.name, line.version, line.source, line.rows, line.largest_difference
    ))?;
    if let Some(of_reasons) = of_reasons(&artifact.scorer.model, line.reasons_are_exact) {
        output::message(of_reasons);
    }
    Ok(())
}

/// What is to be known of reasons that are not exact.
fn of_reasons(model: &Model, are_exact: bool) -> Option<&'static str> {
    match model {
        Model::Network(_) => Some(
            "a neural network has no exact reasons: a feature counts by what the log-odds lose when it is at its median over these rows",
        ),
        Model::Trees(_) if !are_exact => Some(
            "the file does not say how many rows came to each leaf: scores are exact, reasons are not those of its training data",
        ),
        Model::Trees(_) | Model::Linear(_) => None,
    }
}

fn gives(text: &str) -> Result<Gives, String> {
    match text {
        "probability" => Ok(Gives::Probability),
        "log-odds" => Ok(Gives::LogOdds),
        _ => Err("it is `probability` or `log-odds`".to_owned()),
    }
}

fn missing(text: &str) -> Result<(Option<String>, Missing), String> {
    let (feature, value) = match text.rsplit_once('=') {
        Some((feature, value)) => (Some(feature.to_owned()), value),
        None => (None, text),
    };
    match value.parse::<f64>() {
        Ok(value) if value.is_nan() => Ok((feature, Missing::Given)),
        Ok(value) if value.is_finite() => Ok((feature, Missing::Value(value))),
        _ => Err(format!("{value} is neither a number nor `nan`")),
    }
}

fn card(artifact: &Artifact, rows: u64, difference: f64) -> String {
    let about = &artifact.about;
    let network = match &artifact.scorer.model {
        Model::Network(network) => format!("{}\n\n", of_network(network, &about.features)),
        Model::Linear(_) | Model::Trees(_) => String::new(),
    };
    format!(
        "# {}: imported\n\nA model from {}, imported by {} with {}. What it learned from is not known here.\n\nOn {rows} rows with known predictions \
         the largest difference was {difference:.1e}. Its probability is taken as it is.\n\n{network}## Features\n\n{}\n",
        about.name,
        about.learner,
        artifact.published.by,
        about.program,
        about.features.iter().map(|feature| format!("- {feature}")).collect::<Vec<_>>().join("\n"),
    )
}

/// What is said of a network in its card.
fn of_network(network: &Network, features: &[String]) -> String {
    let gives = match network.gives {
        Gives::Probability => "the probability",
        Gives::LogOdds => "the log-odds",
    };
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let counts = |missing: &Missing| match missing {
        Missing::Refused => "no score".to_owned(),
        Missing::Value(value) => value.to_string(),
        Missing::Given => "NaN, which the network reads".to_owned(),
    };
    let lines = features.iter().zip(&network.missing).zip(&network.usual);
    let lines = lines.map(|((feature, missing), usual)| format!("| {feature} | {} | {} |", counts(missing), number(*usual)));
    format!(
        "## Neural network\n\nAn ONNX file of {} bytes, kept as it came; its output `{}` is {gives} of a bad event. It is run one event at a time.\n\n\
         It has no exact reasons. What a feature adds is the log-odds of the event minus those of the same event with the feature at its usual \
         value, the median over the rows with known predictions; such numbers need not add up to the score.\n\n\
         | feature | missing counts as | usual |\n|---|---|---|\n{}",
        network.onnx().len(),
        network.output,
        lines.collect::<Vec<_>>().join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_missing_feature_counts_as_is_read() {
        let check = |text: &str, expect: Result<(Option<&str>, Missing), &str>| {
            let expect = expect.map(|(feature, missing)| (feature.map(str::to_owned), missing)).map_err(str::to_owned);
            assert_eq!(missing(text), expect, "{text}");
        };
        check("0", Ok((None, Missing::Value(0.0))));
        check("nan", Ok((None, Missing::Given)));
        check("amount=-1.5e3", Ok((Some("amount"), Missing::Value(-1500.0))));
        check("a=b=2", Ok((Some("a=b"), Missing::Value(2.0))));
        check("amount=median", Err("median is neither a number nor `nan`"));
        check("inf", Err("inf is neither a number nor `nan`"));
    }
}
