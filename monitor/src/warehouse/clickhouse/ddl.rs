//! The statements that make the tables. On one server they stand as they are written; for a cluster each table becomes a replicated one
//! on every shard with a distributed one over them.

use std::collections::BTreeMap;

use super::address::is_name;
use crate::tables::Table;

/// After how many days rows go, by the name of their table; rows of other tables stay.
pub type KeepDays = BTreeMap<String, u32>;

/// A statement of the definition of one table.
pub(super) struct Definition {
    pub(super) table: &'static str,
    sql: &'static str,
}

macro_rules! definitions {
    ($($number:literal $table:literal),* $(,)?) => {
        [$(Definition {
            table: $table,
            sql: include_str!(concat!("../../../sql/clickhouse/ddl/", $number, "_", $table, ".sql")),
        }),*]
    };
}

/// All tables, in their order.
pub(super) static DEFINITIONS: [Definition; 12] = definitions![
    "01" "decisions",
    "02" "labels",
    "03" "events",
    "04" "scores",
    "05" "changes",
    "06" "drift_points",
    "07" "metric_points",
    "08" "experiment_points",
    "09" "profiles",
    "10" "alert_events",
    "11" "slots",
    "12" "checkpoints",
];

/// A derived table of before that nothing was ever written into; what happens with alerts is in `alert_events`.
pub(super) const RETIRED: &str = "alerts";

impl Definition {
    /// The statement, without the line that says why.
    pub(super) fn statement(&self) -> &'static str {
        self.sql.split_once('\n').map_or("", |(_, statement)| statement).trim_end()
    }

    /// What makes the table on one server, or on each shard of a cluster with the table over them.
    pub(super) fn statements(&self, cluster: Option<&str>, keep: &KeepDays) -> Vec<String> {
        let keep = keep.get(self.table).copied();
        match cluster {
            None => vec![with_ttl(self.statement(), keep)],
            Some(cluster) => on_cluster(self, cluster, keep),
        }
    }

    fn why(&self) -> &'static str {
        self.sql.lines().next().unwrap_or_default()
    }
}

/// What takes a table away with its rows: the one over the shards first, so that nobody asks for what is half gone.
pub(super) fn drops(table: &str, cluster: Option<&str>) -> Vec<String> {
    match cluster {
        None => vec![format!("DROP TABLE IF EXISTS {table} SYNC")],
        Some(cluster) => {
            [table, &local(table)].map(|table| format!("DROP TABLE IF EXISTS {table} ON CLUSTER {cluster} SYNC")).into()
        }
    }
}

/// The table that holds the rows, for a statement that changes them: a distributed one only passes questions and rows on.
pub(super) fn holder(table: &str, cluster: Option<&str>) -> String {
    match cluster {
        None => table.to_owned(),
        Some(cluster) => format!("{} ON CLUSTER {cluster}", local(table)),
    }
}

/// The name of a table on a shard.
pub(super) fn local(table: &str) -> String {
    format!("{table}_local")
}

/// The statements for an operator to run, each with why, for one server or for a cluster.
///
/// # Errors
/// When the cluster's name is none, or a table of `keep` cannot lose rows.
pub fn ddl(cluster: Option<&str>, keep: &KeepDays) -> Result<String, String> {
    check_keep(keep)?;
    if let Some(cluster) = cluster.filter(|cluster| !is_name(cluster)) {
        return Err(format!("`{cluster}` is no name of a cluster: letters, digits and underscores, and no digit first"));
    }
    let mut text = String::new();
    for definition in &DEFINITIONS {
        text.push_str(definition.why());
        text.push('\n');
        definition.statements(cluster, keep).iter().for_each(|statement| text.extend([statement, ";\n\n"]));
    }
    Ok(text)
}

/// # Errors
/// One that names a table that there is not, or whose rows must stay, or no days.
pub(super) fn check_keep(keep: &KeepDays) -> Result<(), String> {
    let tables: Vec<&str> = Table::all().map(Table::name).collect();
    match keep.iter().find(|(table, days)| !tables.contains(&table.as_str()) || **days == 0) {
        None => Ok(()),
        Some((table, 0)) => Err(format!("keep_days.{table} is 0: give at least one day, or leave it out, and the rows stay")),
        Some((table, _)) => Err(format!("keep_days names a table `{table}`; there are {}", tables.join(", "))),
    }
}

/// The clause that lets rows go.
pub(super) fn ttl(days: u32) -> String {
    format!("TTL day + toIntervalDay({days})")
}

fn with_ttl(statement: &str, keep: Option<u32>) -> String {
    match keep {
        None => statement.to_owned(),
        Some(days) => statement.replacen("\nSETTINGS", &format!("\n{}\nSETTINGS", ttl(days)), 1),
    }
}

/// The table on each shard, and the one over all of them.
fn on_cluster(definition: &Definition, cluster: &str, keep: Option<u32>) -> Vec<String> {
    const PLACE: &str = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'";
    let table = definition.table;
    let local = with_ttl(definition.statement(), keep)
        .replacen(&format!("EXISTS {table} "), &format!("EXISTS {table}_local ON CLUSTER {cluster} "), 1)
        .replacen("ENGINE = ReplacingMergeTree(", &format!("ENGINE = ReplicatedReplacingMergeTree({PLACE}, "), 1)
        .replacen("ENGINE = MergeTree\n", &format!("ENGINE = ReplicatedMergeTree({PLACE})\n"), 1)
        .replacen("non_replicated_deduplication_window", "replicated_deduplication_window", 1);
    // What is joined by event lies on one shard; the few rows of the other tables all lie on the first.
    let key = if local.contains("event_id String") { "cityHash64(event_id)" } else { "0" };
    let over = format!(
        "CREATE TABLE IF NOT EXISTS {table} ON CLUSTER {cluster} AS {table}_local\nENGINE = Distributed({cluster}, currentDatabase(), {table}_local, {key})"
    );
    vec![local, over]
}

/// The names of the tables that the log is projected into.
pub(super) fn projected() -> impl Iterator<Item = &'static str> {
    Table::PROJECTED.into_iter().map(Table::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Derived;

    #[test]
    fn every_table_has_a_definition_with_its_columns() {
        for table in Table::all() {
            let definition = DEFINITIONS.iter().find(|definition| definition.table == table.name()).expect("a definition");
            assert!(definition.why().starts_with("-- "), "{table}");
            assert!(!definition.statement().contains(';'), "{table}");
            let lines: Vec<&str> = definition.statement().lines().map(str::trim_start).collect();
            for field in table.schema().fields() {
                let column = lines.iter().find(|line| line.split(' ').next() == Some(field.name()));
                let column = column.unwrap_or_else(|| panic!("{table} lacks {}", field.name()));
                assert_eq!(
                    column.contains("Nullable("),
                    field.is_nullable() || field.name() == "vector",
                    "{table}.{}",
                    field.name()
                );
            }
        }
        assert_eq!(DEFINITIONS.len(), Table::all().count() + 2);
    }

    #[test]
    fn tables_of_a_cluster_are_replicated_and_distributed() {
        let text = ddl(Some("main"), &KeepDays::from([("decisions".to_owned(), 400)])).unwrap();
        for expect in [
            "CREATE TABLE IF NOT EXISTS decisions_local ON CLUSTER main (",
            "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')\n",
            "TTL day + toIntervalDay(400)\nSETTINGS replicated_deduplication_window",
            "ENGINE = Distributed(main, currentDatabase(), decisions_local, cityHash64(event_id));",
            "ENGINE = Distributed(main, currentDatabase(), changes_local, 0);",
            "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', generation)\n",
        ] {
            assert!(text.contains(expect), "{text}\nlacks {expect}");
        }
        assert_eq!(text.matches("ENGINE = Replicated").count(), DEFINITIONS.len());
        assert_eq!(text.matches("toIntervalDay").count(), 1);
    }

    #[test]
    fn what_is_no_cluster_or_table_is_named() {
        let check = |cluster: Option<&str>, keep: (&str, u32), expect: &str| {
            let error = ddl(cluster, &KeepDays::from([(keep.0.to_owned(), keep.1)])).unwrap_err();
            assert!(error.starts_with(expect), "{error}");
        };
        check(Some("a'b"), ("events", 1), "`a'b` is no name of a cluster");
        check(None, ("events", 0), "keep_days.events is 0");
        check(None, ("slots", 1), "keep_days names a table `slots`; there are decisions, labels,");
        assert!(Derived::ALL.iter().all(|derived| ddl(None, &KeepDays::from([(derived.name().to_owned(), 1)])).is_ok()));
    }
}
