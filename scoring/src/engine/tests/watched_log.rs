//! What the engine asks of its log: how often to write, and from where on to read it at a start.

use std::sync::atomic::AtomicUsize;

use ingest::log::file::SyncPolicy;

use super::*;

/// A log that knows from where it was read, and how often it was to write.
pub(super) struct Watched {
    log: Arc<dyn Log>,
    read_from: Mutex<Vec<u64>>,
    pushes: AtomicUsize,
    /// What is done before it takes a record.
    pub(super) before_put: Box<dyn Fn(Topic) + Send + Sync>,
}

impl Watched {
    pub(super) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, read_from: Mutex::default(), pushes: AtomicUsize::new(0), before_put: Box::new(|_| {}) }
    }
}

impl Log for Watched {
    fn put(&self, topic: Topic, payload: &[u8]) -> Result<Position, ingest::log::Error> {
        (self.before_put)(topic);
        self.log.put(topic, payload)
    }
    fn push(&self) {
        self.pushes.fetch_add(1, Ordering::Relaxed);
        self.log.push();
    }
    fn has_room(&self) -> bool {
        self.log.has_room()
    }
    fn durability(&self) -> watch::Receiver<Durability> {
        self.log.durability()
    }
    fn flush(&self) -> Result<Position, ingest::log::Error> {
        self.log.flush()
    }
    fn trouble(&self) -> Option<String> {
        self.log.trouble()
    }
}

impl Readable for Watched {
    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<ingest::log::Record, ingest::log::Error>> + Send + '_>, ingest::log::Error> {
        self.read_from.lock().expect("nobody panicked").push(from.0);
        self.log.read(from)
    }
    fn get(&self, position: Position) -> Result<Option<ingest::log::Record>, ingest::log::Error> {
        self.log.get(position)
    }
}

#[tokio::test]
async fn what_is_ready_together_is_written_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { sync: SyncPolicy::Async, ..Options::default() };
    let (log, _) = FileLog::open(&folder.path().join("log"), options).expect("a log");
    let log = Arc::new(Watched::new(Arc::new(log)));
    let engine = start_on(folder.path(), &pipeline("review"), log.clone());
    promote(&engine, folder.path()).await;
    let score = |id: &'static str| {
        let engine = Arc::clone(&engine);
        async move { engine.score(event(id, 1, 100), NOW, Terms::default()).await.map(|scored| scored.status) }
    };

    let before = log.pushes.load(Ordering::Relaxed);
    let answers = ["e1", "e2", "e3", "e4"].map(|id| tokio::spawn(score(id)));
    for answer in answers {
        assert_eq!(answer.await.expect("it ends").expect("scored"), Status::New);
    }
    assert_eq!(log.pushes.load(Ordering::Relaxed) - before, 1);

    // Who goes away while others go first leaves what it decided behind.
    tokio::select! {
        biased;
        _ = score("gone") => panic!("it lets others go first"),
        () = std::future::ready(()) => {}
    }
    let gone = engine.find(&[EventId::new("gone").expect("short")])[0].and_then(Entry::decision).expect("it is decided");
    timeout(PATIENCE, engine.durable(gone)).await.expect("without a push by another").expect("it is durable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_goes_on_from_the_newest_snapshot_that_can_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let (engine, log) = start(folder.path(), &pipeline);
    promote(&engine, folder.path()).await;
    let snapshots = Snapshots::open(&folder.path().join("snapshots")).expect("a folder");
    let mut taken = Vec::new();
    for number in 0..6 {
        engine.score(event(&format!("e{number}"), number, 100), NOW, Terms::default()).await.expect("scored");
        if number % 3 == 2 {
            taken.push(super::super::snapshotter::take(&pipeline, &log, &snapshots).expect("taken").0);
        }
    }
    // One that was accepted and is not decided is in the snapshot, too.
    let payload = ingest::log::record::encode_event(&event("e6", 6, 100), NOW, &pipeline.schema);
    log.append(Topic::Event, &payload).expect("appended");
    log.flush().expect("durable");
    taken.push(super::super::snapshotter::take(&pipeline, &log, &snapshots).expect("taken").0);

    let recover = |pipeline: &Arc<Pipeline>, snapshots: Option<&Snapshots>| {
        let watched = Arc::new(Watched::new(Arc::clone(&log)));
        let (core, recovered) = Core::recover(Arc::clone(pipeline), watched.clone(), snapshots, &mut |_| {}).expect("recovered");
        let from = watched.read_from.lock().expect("nobody panicked").clone();
        let ledger = core.ledger();
        let undecided: Vec<_> = recovered.undecided.values().map(|case| (case.position, case.vector.clone())).collect();
        let counts = (ledger.events(), ledger.decisions(), core.features().usage(), core.features().watermark());
        (from, (counts, undecided, recovered.control, recovered.position))
    };
    let (from, whole) = recover(&pipeline, None);
    assert_eq!(from, [0]);
    assert_eq!(whole.1.len(), 1, "one is not decided");
    assert_eq!(recover(&pipeline, Some(&snapshots)), (vec![taken[2]], whole.clone()));
    // The newest is cut short: the one before it is used, and then none is.
    for (damaged, expect) in [(0, taken[1]), (1, 0)] {
        let path = snapshots.list().expect("a folder").remove(damaged);
        let bytes = std::fs::read(&path).expect("it is there");
        std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("cut");
        assert_eq!(recover(&pipeline, Some(&snapshots)), (vec![expect], whole.clone()));
    }
    // Under other definitions the whole log is read: that is how a new feature is filled.
    super::super::snapshotter::take(&pipeline, &log, &snapshots).expect("taken");
    let changed = PIPELINE.replace("windows = [\"1h\"]\n    delay", "windows = [\"2h\"]\n    delay");
    let changed = Arc::new(Pipeline::parse(&changed, "tests.toml").expect("another window"));
    assert_eq!(recover(&changed, Some(&snapshots)).0, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_while_the_engine_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = pipeline("review");
    let (log, _) = FileLog::open(&folder.path().join("log"), Options::default()).expect("a log");
    let log: Arc<dyn Log> = Arc::new(log);
    let registry = Arc::new(FileRegistry::open(&folder.path().join("registry")).expect("a registry"));
    let snapshots = Snapshots::open(&folder.path().join("snapshots")).expect("a folder");
    let policy = SnapshotPolicy { snapshots: snapshots.clone(), every_records: 10 };
    let settings = Settings { queue: 16, patience: PATIENCE, snapshots: Some(policy) };
    let clock = Arc::new(ManualClock::at(NOW));
    let engine = Engine::start(pipeline, Arc::clone(&log), registry, clock, settings, &mut |_| {}).expect("an engine");
    let kept = || snapshots.list().expect("a folder").len();
    let mut number = 0;
    while kept() == 0 {
        engine.score(event(&format!("e{number}"), number, 100), NOW, Terms::default()).await.expect("scored");
        number += 1;
        assert!(number < 100_000, "no snapshot was taken");
    }
    engine.stop().await.expect("stopped");
    assert!((1..=2).contains(&kept()), "{} snapshots", kept());
}
