//! What was decided is decided again by what held then, whatever the pipeline file says by now.

use super::*;
use crate::lists::Entry;

fn parse(text: &str) -> Pipeline {
    Pipeline::parse(text, "tests.toml").expect("a pipeline")
}

const WATCHED: &str = r#"
    [[lists]]
    name = "others"
    kind = "watch"
    of = "customer"
"#;

async fn replayed(engine: &Arc<Engine>, id: &str) -> Vec<Difference> {
    let replayed = engine.replay(EventId::new(id).expect("short")).await.expect("replayed").expect("it was decided");
    replayed.differences
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_lists_and_the_words_of_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, log) = start(folder.path(), &Arc::new(parse(&format!("{PIPELINE}{WATCHED}"))));
    promote(&engine, folder.path()).await;
    let entry: Entry = serde_json::from_str(r#"{"value":"c1","reason":"seen","created_by":"ada"}"#).expect("an entry");
    let listed = Control::Listed { list: "others".to_owned(), entries: vec![entry], by: "ada".to_owned(), at: NOW };
    engine.change(listed).await.expect("changed");
    let wanted = Terms::live(Reasons::All);
    let then = engine.score(event("e1", 1, 100), NOW, wanted).await.expect("scored").decision;
    assert_eq!((then.decision, then.reasons[0].text.as_str()), (Verdict::Review, "1 payments within an hour"));

    let blocked = WATCHED.replace("watch", "block");
    let changed = format!("{PIPELINE}{blocked}").replace("payments within an hour", "payments in 60 minutes");
    assert_eq!(engine.reload(parse(&changed)).await.expect("taken"), 1);
    let now = engine.score(event("e2", 1, 100), NOW, wanted).await.expect("scored").decision;
    assert_eq!((now.decision, now.reasons[0].text.as_str()), (Verdict::Decline, "2 payments in 60 minutes"));
    assert_eq!((replayed(&engine, "e1").await, replayed(&engine, "e2").await), (vec![], vec![]));
    engine.stop().await.expect("stopped");
    drop((engine, log));

    // A start with a file without the list, and a reload that has it once more.
    let (engine, _log) = start(folder.path(), &Arc::new(parse(PIPELINE)));
    assert_eq!((replayed(&engine, "e1").await, replayed(&engine, "e2").await), (vec![], vec![]));
    let free = engine.score(event("e3", 1, 100), NOW, wanted).await.expect("scored").decision;
    assert_eq!(free.decision, Verdict::Approve);
    assert_eq!(engine.reload(parse(&format!("{PIPELINE}{WATCHED}"))).await.expect("taken"), 1);
    assert_eq!(replayed(&engine, "e3").await, vec![]);
}
