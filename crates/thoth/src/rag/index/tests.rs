use super::*;
use crate::rag::samples::{content, open, paper, recipe, sample, three};

fn count(index: &Index, sql: &str) -> i64 {
    index.database.read(|connection| connection.query_row(sql, [], |row| row.get(0))).expect("reads")
}

#[test]
fn a_document_comes_back_as_it_was_put() {
    let sample = sample();
    for (number, paper) in three().iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    let reopened = open(&sample.folder);
    for (number, paper) in three().iter().enumerate() {
        assert_eq!(reopened.paper(&content(number)).expect("reads").as_ref(), Some(paper));
    }
    assert_eq!(reopened.paper("absent").expect("reads"), None);
}

#[test]
fn putting_again_replaces_and_removing_leaves_nothing() {
    let (sample, small) = (sample(), recipe(100, 20));
    sample.index.register(&small).expect("registers");
    let chunks_sql = format!("SELECT count(*) FROM {}", small.chunks_table());
    let terms_sql = format!("SELECT count(*) FROM {} WHERE term IN ('first', 'second')", small.terms_table());
    for text in ["The first version.", "The second version."] {
        sample.index.put("aa", &paper("Title", "Author", &[("Body", &[(1, text)])])).expect("puts");
        assert_eq!(count(&sample.index, &chunks_sql), 1);
        assert_eq!(count(&sample.index, &terms_sql), 1);
        assert_eq!(count(&sample.index, "SELECT count(*) FROM titles"), 1);
    }
    sample.index.remove("aa").expect("removes");
    sample.index.remove("aa").expect("removing what is not there is fine");
    for table in ["documents", "titles", "chunked", &small.chunks_table()] {
        assert_eq!(count(&sample.index, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

#[test]
fn removing_one_document_keeps_its_neighbours() {
    let (sample, small) = (sample(), recipe(100, 20));
    sample.index.register(&small).expect("registers");
    for (number, paper) in three().iter().enumerate() {
        sample.index.put(&content(number), paper).expect("puts");
    }
    let per_document =
        format!("SELECT count(DISTINCT rowid >> {ROW_BITS}) * 100 + count(*) FROM {}", small.chunks_table());
    assert_eq!(count(&sample.index, &per_document), 306);
    sample.index.remove(&content(1)).expect("removes");
    assert_eq!(count(&sample.index, &per_document), 204);
}

#[test]
fn a_ready_recipe_lacks_no_document_whatever_comes_first() {
    let (sample, old, new) = (sample(), recipe(100, 20), recipe(200, 20));
    let papers = three();
    sample.index.register(&old).expect("registers");
    assert!(sample.index.is_ready(&old).expect("reads"), "without documents a recipe is ready at once");
    sample.index.put(&content(0), &papers[0]).expect("puts");

    assert_eq!(sample.index.readable_recipe(&new).expect("reads"), old);
    sample.index.register(&new).expect("registers");
    assert!(!sample.index.take_over(&new).expect("asks"), "a document lacks it");
    sample.index.put(&content(1), &papers[1]).expect("puts");
    assert!(!sample.index.take_over(&new).expect("asks"), "the first document still lacks it");
    let built = sample.index.build_next(&new).expect("builds").expect("one is lacking");
    assert_eq!((built.done, built.total), (2, 2));
    assert_eq!(sample.index.build_next(&new).expect("asks"), None);
    assert_eq!(sample.index.readable_recipe(&new).expect("reads"), old, "built, not taken over");
    assert!(sample.index.take_over(&new).expect("takes over"));
    assert_eq!(sample.index.readable_recipe(&new).expect("reads"), new);

    sample.index.put(&content(2), &papers[2]).expect("puts");
    for recipe in [&old, &new] {
        let built = sample.index.built(recipe).expect("reads");
        assert_eq!((built.done, built.total), (3, 3));
    }
}

#[test]
fn a_recipe_that_is_read_outlives_its_successor() {
    let (sample, old, new) = (sample(), recipe(100, 20), recipe(200, 20));
    let index = &sample.index;
    index.register(&old).expect("registers");
    let lease = index.lease(&old).expect("reads").expect("stands");
    index.put(&content(0), &three()[0]).expect("puts");
    index.register(&new).expect("registers");
    assert_eq!(index.sweep(&new).expect("sweeps").dropped, [], "the new one is not ready");
    index.build_next(&new).expect("builds");
    index.take_over(&new).expect("takes over");
    assert_eq!(index.sweep(&new).expect("sweeps").dropped, [], "the old one is read");
    drop(lease);
    assert_eq!(index.sweep(&new).expect("sweeps").dropped, std::slice::from_ref(&old));
    assert!(index.lease(&old).expect("reads").is_none(), "what was dropped cannot be read");
    let tables = format!("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%{}%'", old.id());
    assert_eq!(count(index, &tables), 0);
    assert_eq!(count(index, "SELECT count(DISTINCT recipe) FROM chunked"), 1);
}

#[test]
fn a_recipe_that_is_just_being_dropped_is_waited_for_and_read_all_the_same() {
    let (sample, wanted) = (sample(), recipe(100, 20));
    let index = &sample.index;
    let claim = index.leases.claim(&wanted).expect("nobody reads it");
    assert!(index.lease(&wanted).expect("asks").is_none(), "it is being dropped");
    let (sender, answers) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(index.lease_readable(&wanted, None).map(|lease| lease.recipe().clone())));
        let early = answers.recv_timeout(std::time::Duration::from_millis(100));
        assert!(early.is_err(), "{early:?}");
        drop(claim);
        assert_eq!(answers.recv().expect("an answer").expect("a lease"), wanted);
    });
}

#[test]
fn a_recipe_can_be_read_again_at_any_moment_of_being_dropped() {
    let (sample, one, other) = (sample(), recipe(100, 20), recipe(200, 20));
    let index = &sample.index;
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            for wanted in [&one, &other].into_iter().cycle().take(400) {
                index.register(wanted).expect("registers");
                index.sweep(wanted).expect("sweeps");
            }
        });
        let mut wanted = [&one, &other].into_iter().cycle();
        while let Some(wanted) = wanted.next().filter(|_| !sweeper.is_finished()) {
            let lease = index.lease_readable(wanted, None).expect("a lease");
            assert_eq!(lease.recipe(), wanted);
        }
        sweeper.join().expect("the sweeper ends");
    });
}

#[test]
fn while_the_wanted_recipe_is_built_the_one_that_is_read_serves() {
    let (sample, first, second) = (sample(), recipe(100, 20), recipe(200, 20));
    sample.index.register(&first).expect("registers");
    sample.index.register(&second).expect("registers");
    sample.index.put(&content(0), &three()[0]).expect("puts");
    let _older = sample.index.lease(&second).expect("reads");
    let _newer = sample.index.lease(&first).expect("reads");
    assert_eq!(sample.index.readable_recipe(&recipe(300, 20)).expect("reads"), first);
}

#[test]
fn documents_that_were_put_before_any_recipe_are_found_once_one_is_built() {
    let (sample, wanted) = (sample(), recipe(100, 20));
    sample.index.put(&content(0), &three()[0]).expect("puts");
    assert_eq!(sample.index.readable_recipe(&wanted).expect("reads"), wanted, "there is no other");
    assert!(sample.index.lease(&wanted).expect("reads").is_some());
    sample.index.build(&wanted).expect("builds");
    assert!(sample.index.is_ready(&wanted).expect("reads"));
}
