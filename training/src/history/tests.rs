use std::fmt::Write as _;

use ingest::simulator::{self, Injection, Settings, Simulator};
use scoring::Pipeline;

use super::*;

fn schema() -> Schema {
    Pipeline::parse(include_str!("../../../pipelines/card_fraud_handbook.toml"), "p").unwrap().schema
}

const HEADER: &str = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT_CENTS,TX_FRAUD\n";

/// The ids in the order in which they come, and what was set aside.
async fn read(context: &SessionContext, paths: &[PathBuf]) -> Result<(Vec<String>, Vec<SetAside>), Error> {
    let mut history = open(context, &Files::find(paths)?, &schema(), None).await?;
    let mut ids = Vec::new();
    while let Some(chunk) = history.next().await? {
        ids.extend(chunk.iter().map(|past| past.historical.event.event_id.to_string()));
    }
    Ok((ids, history.rejected()))
}

#[tokio::test]
async fn files_of_all_kinds_come_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let parquet = folder.path().join("dt=b/m.parquet");
    std::fs::create_dir_all(parquet.parent().unwrap()).unwrap();
    let world = Settings { customers: 5, terminals: 2_000, days: Some(3), ..Settings::default() };
    simulator::parquet::write(Simulator::new(world).unwrap(), &mut Injection::none(), &parquet, &mut |_| {}).unwrap();
    let (simulated, _) = read(&context().unwrap(), &[folder.path().to_owned()]).await.unwrap();
    assert!(simulated.len() > 10);

    let csv = |name: &str, rows: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{HEADER}{rows}")).unwrap();
    };
    csv("z.csv", "z1,2018-03-31T12:00:00Z,1,1,100,0\nz2,2018-03-31T10:00:00Z,1,1,100,0\nz3,then,1,1,100,0\n");
    csv("dt=a/a.csv", "a1,2018-03-31T12:00:00Z,1,1,100,1\na2,2018-03-31T12:00:00Z,1,1,100,\na0,2019-01-01,1,1,100,\n");
    csv("dt=a/empty.csv", "");
    let (ids, rejected) = read(&context().unwrap(), &[folder.path().to_owned()]).await.unwrap();
    let expect: Vec<String> = ["z2", "a1", "a2", "z1"].map(str::to_owned).into_iter().chain(simulated).collect();
    assert_eq!(ids[..ids.len() - 1], expect, "ties by file, then by row");
    assert_eq!(ids.last().map(String::as_str), Some("a0"));
    let expect = Rejected { line: 4, field: Some("TX_DATETIME".to_owned()), reason: rejected[0].rejected.reason.clone() };
    assert_eq!(rejected, [SetAside { file: folder.path().join("z.csv"), rejected: expect }]);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |files: &[(&str, &str)], expect: &str| {
        let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
        files.iter().zip(&paths).for_each(|((_, text), path)| std::fs::write(path, text).unwrap());
        let error = read(&context().unwrap(), &paths).await.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(&[("a.csv", "")], "a.csv has no rows").await;
    check(&[("a.csv", HEADER), ("b.csv", HEADER)], "a.csv has no rows").await;
    check(&[("a.parquet", "PAR0")], "cannot read").await;
    check(&[("a.csv", "TRANSACTION_ID,TX_DATETIME\n1,2018-01-01\n")], "column TX_AMOUNT_CENTS (amount_minor) is missing").await;
    let unlabelled = HEADER.replace(",TX_FRAUD", "") + "1,2018-01-01,1,1,100\n";
    check(&[("a.csv", &unlabelled)], "a.csv lacks the label column TX_FRAUD").await;
}

#[tokio::test]
async fn what_does_not_fit_into_memory_goes_on_on_the_disk() {
    const FILES: usize = 8;
    const ROWS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    // Every file covers the whole time, in falling order.
    for file in 0..FILES {
        let mut text = HEADER.to_owned();
        for row in (0..ROWS).rev() {
            let second = row * FILES + file;
            let (hour, minute, day) = (second / 3600 % 24, second / 60 % 60, second / 86_400 + 1);
            writeln!(text, "{second},2018-04-{day:02}T{hour:02}:{minute:02}:{:02}Z,{row},7,100,0", second % 60).unwrap();
        }
        std::fs::write(folder.path().join(format!("{file}.csv")), text).unwrap();
    }
    // A row takes a hundred bytes, so that all take 16 MB.
    let small = bounded(12 << 20).unwrap();
    let mut history = open(&small, &Files::find(&[folder.path().to_owned()]).unwrap(), &schema(), None).await.unwrap();
    let mut next = 0;
    while let Some(chunk) = history.next().await.unwrap() {
        assert!(next > 0 || small.runtime_env().spilling_progress().active_files_count > 0, "nothing went to the disk");
        for past in chunk {
            assert_eq!(past.historical.event.event_id.as_str(), next.to_string());
            next += 1;
        }
    }
    assert_eq!(next, FILES * ROWS);
}
