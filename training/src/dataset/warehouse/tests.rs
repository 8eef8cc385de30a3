use std::fs;

use super::parts::{Parts, Table};

#[test]
fn the_files_that_count_are_those_up_to_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let check = |expect: &str| {
        let error = Parts::find(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check("checkpoint.json: ");
    write("checkpoint.json", "{}");
    check("missing field `version`");
    write("checkpoint.json", r#"{"version":4,"reached":20,"rows":{}}"#);
    check("its tables have version 4, this program reads up to 3");
    write("checkpoint.json", r#"{"version":1,"reached":20,"rows":{"decisions":3}}"#);
    for name in ["part-0-9", "part-0-4", "part-5-9", "part-10-19", "part-10-20", "part-x-1"] {
        write(&format!("decisions/day=2018-08-01/{name}.parquet"), "");
    }
    write("decisions/day=2018-08-02/part-3-3.parquet", "");
    write("decisions/day=2018-08-02/part-4-5.parquet.tmp", "");
    write("decisions/else/part-6-7.parquet", "");
    write("labels/day=1999-01-01/part-8-8.parquet", "");
    let parts = Parts::find(folder.path()).unwrap();
    let of = |table, days| {
        let names = parts.of(table, days).into_iter();
        names.map(|path| path.rsplit_once("part-").unwrap().1.replace(".parquet", "")).collect::<Vec<_>>()
    };
    assert_eq!(of(Table::Decisions, None), ["0-9", "10-19", "3-3"]);
    assert_eq!(of(Table::Labels, None), ["8-8"]);
    assert_eq!(of(Table::Events, None), Vec::<String>::new());
    let day = "2018-08-02".parse::<ingest::Timestamp>().unwrap().day();
    assert_eq!(of(Table::Decisions, Some(&(day..=day))), ["3-3"]);
}
