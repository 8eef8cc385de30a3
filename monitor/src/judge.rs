//! Judges what was decided and writes it down: the figures of the last weeks day by day, and every challenger beside the champion.
//! Doing it again puts what is known by now in place of what was known before.

use std::sync::Arc;

use ingest::{Currency, Duration, Timestamp, with_causes};
use scoring::Registry;
use serde::{Deserialize, Serialize};

use crate::drift::window_start;
use crate::error::Error;
use crate::experiment::{self, Comparison, Inputs};
use crate::file::Monitoring;
use crate::performance::{self, concept};
use crate::points::{MetricPoint, read, write};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// Labels that come later change no point any more.
const DAYS: i64 = 90;

/// What is judged, and how.
#[derive(Clone)]
pub struct Judge {
    /// Where decisions and labels are, and figures go.
    pub warehouse: Arc<dyn Warehouse>,
    /// Where models are.
    pub registry: Arc<dyn Registry>,
    /// The model that decides.
    pub model: String,
    /// What money is told in: the currency of the pipeline.
    pub currency: Currency,
    /// How.
    pub monitoring: Monitoring,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Why the champion is to be trained anew, if it is: see [`performance::Floors`].
    pub fallen: Option<String>,
    /// What probabilities mean came to drift or came back, and was not [kept](Judge::keep) before.
    pub turned: Vec<concept::Turn>,
    /// Every challenger that can be compared.
    pub challengers: Vec<Judged>,
    weeks: Vec<concept::Week>,
    written: concept::Written,
}

/// A challenger that was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// It beside the champion.
    pub compared: Comparison,
    /// Whether the verdict is another one than was written before.
    pub is_news: bool,
}

impl Judge {
    /// Judges as of the newest moment that the warehouse knows of: the champion by itself, and every challenger beside it; one that cannot be compared is said and passed
    /// over. Blocks on the warehouse while it writes, so it belongs on a thread of its own.
    ///
    /// # Errors
    /// When the warehouse does not answer or take the figures. What was written until then stays.
    pub async fn once(&self, champion: Option<u32>, challengers: &[u32]) -> Result<Findings, Error> {
        let Self { warehouse, model, monitoring, .. } = self;
        let (as_of, currency) = (performance::as_of(&**warehouse, None).await?, self.currency);
        // Whole weeks: of a part of one less is known.
        let since = window_start(Window::Week, as_of - Duration::days(DAYS));
        let days = Days::between((as_of > Timestamp::from_micros(0)).then_some(since), None);
        let written = concept::Written::read(&**warehouse, model).await?;
        let request = performance::Request { days, as_of: Some(as_of), currency, segments: Vec::new(), written };
        let figures = performance::performance(&**warehouse, &request, &monitoring.performance).await?;
        performance::write_points(&**warehouse, model, &figures)?;
        let (weeks, written) = (figures.concept, request.written);
        let turned = written.turns(&weeks, &monitoring.performance.concept);
        let mut found = Findings { fallen: None, turned, challengers: Vec::new(), weeks, written };
        let Some(champion) = champion else { return Ok(found) };
        let of_champion = figures.versions.iter().find(|version| version.name == champion.to_string());
        found.fallen = of_champion.and_then(|version| monitoring.performance.retrain_below.broken(version));
        for &challenger in challengers.iter().filter(|challenger| **challenger != champion) {
            let (model, as_of) = (model.clone(), Some(as_of));
            let request = experiment::Request { model, champion, challenger, days, as_of, currency };
            match self.beside(request).await {
                Ok(judged) => found.challengers.push(judged),
                Err(error) => tracing::warn!(
                    error = with_causes(&error),
                    challenger,
                    "a challenger was not compared; it is tried again in an hour"
                ),
            }
        }
        Ok(found)
    }

    async fn beside(&self, request: experiment::Request) -> Result<Judged, Error> {
        let Self { warehouse, registry, model, monitoring, .. } = self;
        let [champion, challenger] = [request.champion, request.challenger];
        let inputs = Inputs::new(&registry.load(model, champion)?.about, &registry.load(model, challenger)?.about)?;
        let policies = (&monitoring.experiment, &monitoring.performance);
        let compared = experiment::compare(&**warehouse, &request, inputs, policies.0, policies.1).await?;
        let before = experiment::last_verdict(&**warehouse, &compared).await?;
        let is_news = before.as_deref() != Some(compared.finding.verdict.name());
        Ok(Judged { compared, is_news })
    }

    /// Writes down verdicts, once they were told: until then they are news. Blocks on the warehouse.
    ///
    /// # Errors
    /// When the warehouse does not take them.
    pub fn keep_verdicts(&self, found: &Findings) -> Result<(), Error> {
        found.challengers.iter().try_for_each(|judged| experiment::write_points(&*self.warehouse, &judged.compared))
    }

    /// Writes down what has turned, once it was told: until then it is found again. Blocks on the warehouse.
    ///
    /// # Errors
    /// When the warehouse does not take it.
    pub fn keep(&self, found: &Findings) -> Result<(), Error> {
        found.written.write(&*self.warehouse, &self.model, &found.weeks, &self.monitoring.performance.concept)
    }

    /// Whether it is [written down](Judge::keep_asked) that a training was asked for because of a version since then, when it became
    /// champion: what was asked for in an earlier reign says nothing of this one.
    ///
    /// # Errors
    /// When the warehouse does not answer.
    pub async fn was_asked(&self, champion: u32, since: Timestamp) -> Result<bool, Error> {
        let series = self.asked_for(champion);
        let asked_at = |point: &MetricPoint| serde_json::from_str(&point.detail).map(|Asked { at, .. }| at);
        let points = read::<MetricPoint>(&*self.warehouse, Days::ALL).await?;
        let mut asked = points.iter().filter(|filed| filed.series == series);
        Ok(asked.any(|filed| asked_at(&filed.point).is_ok_and(|at| at >= since)))
    }

    /// Writes down that a training was asked for, since a champion is not what it was: that is so once a reign, whenever the program
    /// was started. Blocks on the warehouse.
    ///
    /// # Errors
    /// When the warehouse does not take it.
    pub fn keep_asked(&self, champion: u32, at: Timestamp, reason: &str) -> Result<(), Error> {
        let point = MetricPoint {
            model: self.model.clone(),
            model_version: Some(champion),
            segment: String::new(),
            metric: "retraining_asked".to_owned(),
            value: None,
            low: None,
            high: None,
            n: 0,
            bad: 0,
            maturity: None,
            estimated: false,
            detail: serde_json::to_string(&Asked { reason: reason.to_owned(), at }).expect("text is always JSON"),
        };
        write(&*self.warehouse, &self.asked_for(champion), Window::Week, window_start(Window::Week, at), &[point])
    }

    /// What the row is filed under that says so.
    fn asked_for(&self, champion: u32) -> String {
        format!("retraining {} {champion}", self.model)
    }
}

/// What is written down of a training that was asked for.
#[derive(Serialize, Deserialize)]
struct Asked {
    reason: String,
    at: Timestamp,
}

#[cfg(test)]
mod tests {
    use scoring::FileRegistry;

    use super::*;
    use crate::warehouse::ParquetWarehouse;

    #[tokio::test]
    async fn what_was_asked_for_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Judge {
            warehouse: Arc::new(ParquetWarehouse::open(&folder.path().join("warehouse")).unwrap()),
            registry: Arc::new(FileRegistry::open(&folder.path().join("registry")).unwrap()),
            model: "card_fraud".to_owned(),
            currency: Currency::default(),
            monitoring: Monitoring::default(),
        };
        let (judge, at): (Judge, Timestamp) = (open(), "2026-11-28T12:00:00Z".parse().unwrap());
        assert!(!judge.was_asked(7, Timestamp::MIN).await.unwrap());
        judge.keep_asked(7, at, "AUC 0.5 is below 0.6").unwrap();
        drop(judge);
        let judge = open();
        assert!(judge.was_asked(7, at).await.unwrap());
        assert!(!judge.was_asked(8, Timestamp::MIN).await.unwrap(), "another champion, another training");
        let again = at + Duration::seconds(1);
        assert!(!judge.was_asked(7, again).await.unwrap(), "it is champion again, and nobody has asked since");
        judge.keep_asked(7, again, "AUC 0.5 is below 0.6").unwrap();
        assert!(judge.was_asked(7, again).await.unwrap());
    }
}
