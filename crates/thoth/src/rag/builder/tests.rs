use super::*;
use crate::rag::samples::{content, open, recipe, sample, taken_over, three};
use crate::rag::{Rag, RagInputs, samples};

struct Running {
    builder: Builder,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn start(index: &Arc<Index>) -> Running {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let builder = Builder::start(Arc::clone(index), &tasks, stop.clone());
    tasks.close();
    Running { builder, tasks, stop }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Waits until the builder reports progress that fits.
async fn progress(builder: &Builder, fits: impl Fn(Option<&Progress>) -> bool) {
    let mut progress = builder.progress.clone();
    progress.wait_for(|progress| fits(progress.as_ref())).await.expect("the builder lives");
}

#[tokio::test]
async fn a_changed_chunk_size_is_built_beside_the_old_one_and_taken_over() {
    let sample = sample();
    let running = start(&sample.index);
    let inputs = RagInputs::new(&samples::settings(1_000, 200), &sample.index, None).expect("reads");
    assert_eq!(inputs.reads(), inputs.wanted(), "without documents the wanted recipe is read at once");
    running.builder.follow(inputs.wanted());
    taken_over(&running.builder, inputs.wanted()).await;
    let old = Rag::new(inputs.clone(), Arc::clone(&sample.index), samples::no_llm());
    for (number, paper) in three().iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    let before = old.search("boundary layer", 10).expect("searches");

    let next = RagInputs::new(&samples::settings(100, 20), &sample.index, None).expect("reads");
    assert_eq!(next.reads(), inputs.reads(), "the old recipe serves until the new one is built");
    let between = Rag::new(next.clone(), Arc::clone(&sample.index), samples::no_llm());
    running.builder.follow(next.wanted());
    taken_over(&running.builder, next.wanted()).await;
    assert_eq!(running.builder.progress(), None);
    assert_eq!(
        between.search("boundary layer", 10).expect("searches"),
        before,
        "a reader keeps what it reads"
    );

    let after = RagInputs::new(&samples::settings(100, 20), &sample.index, None).expect("reads");
    assert_eq!(after.reads(), after.wanted());
    let new = Rag::new(after, Arc::clone(&sample.index), samples::no_llm());
    assert_eq!(
        new.search("boundary layer", 10).expect("searches").first().map(|hit| &hit.paper),
        before.first().map(|hit| &hit.paper)
    );

    let stale = inputs.reads().clone();
    drop((old, between, inputs, next));
    let gone = || sample.index.lease(&stale).expect("asks").is_none();
    while !gone() {
        tokio::task::yield_now().await;
    }
    running.end().await;
}

#[tokio::test]
async fn a_builder_goes_on_where_the_last_one_ended() {
    let sample = sample();
    for (number, paper) in three().iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    let wanted = recipe(100, 20);
    sample.index.register(&wanted).expect("registers");
    sample.index.build_next(&wanted).expect("builds one");

    let index = open(&sample.folder);
    assert_eq!(index.built(&wanted).map(|built| built.done), Ok(1));
    let running = start(&index);
    running.builder.follow(&wanted);
    taken_over(&running.builder, &wanted).await;
    assert_eq!(index.built(&wanted).map(|built| (built.done, built.total)), Ok((3, 3)));
    running.end().await;
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_told_and_nothing_is_taken_over() {
    let sample = sample();
    sample.index.put(&content(0), &three()[0]).expect("puts");
    let spoil = "UPDATE documents SET paper = '{'";
    sample.index.database.write(|transaction| transaction.execute(spoil, [])).expect("writes");
    let wanted = recipe(100, 20);
    let running = start(&sample.index);
    running.builder.follow(&wanted);
    progress(&running.builder, |progress| progress.is_some_and(|progress| progress.problem.is_some())).await;
    assert!(!sample.index.is_ready(&wanted).expect("reads"));
    sample.index.remove(&content(0)).expect("removes");
    running.builder.follow(&recipe(200, 20));
    taken_over(&running.builder, &recipe(200, 20)).await;
    running.end().await;
}

#[tokio::test]
async fn the_last_order_wins() {
    let sample = sample();
    for (number, paper) in three().iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    let running = start(&sample.index);
    for size in [100, 200, 300, 400] {
        running.builder.follow(&recipe(size, 20));
    }
    taken_over(&running.builder, &recipe(400, 20)).await;
    running.end().await;
    assert!(sample.index.is_ready(&recipe(400, 20)).expect("reads"));
    let swept = sample.index.sweep(&recipe(400, 20)).expect("sweeps");
    assert_eq!((swept.dropped, swept.read), (Vec::new(), 0), "the others were swept or never begun");
}

#[tokio::test]
async fn papers_that_come_while_a_recipe_is_built_are_in_both() {
    let sample = sample();
    let old = recipe(1_000, 200);
    sample.index.register(&old).expect("registers");
    let running = start(&sample.index);
    let _reader = sample.index.lease(&old).expect("reads");
    let index = Arc::clone(&sample.index);
    let putting = std::thread::spawn(move || {
        for number in 0..60 {
            index.put(&content(number), &three()[number % 3]).expect("puts");
        }
    });
    running.builder.follow(&recipe(100, 20));
    taken_over(&running.builder, &recipe(100, 20)).await;
    putting.join().expect("puts all");
    for recipe in [old, recipe(100, 20)] {
        assert_eq!(sample.index.built(&recipe).map(|built| (built.done, built.total)), Ok((60, 60)));
    }
    running.end().await;
}
