//! The protocol around the one pointer, in every interleaving that threads can have: `scripts/prove/loom.sh`.
//!
//! **What this proves.** `arc_swap` and tokio's channels cannot be seen by loom, so what stands here is a model: the
//! steps that `generation.rs`, `changeover.rs`, `follow.rs` and `retire.rs` take around the pointer, in their order, on
//! loom's types. In every interleaving of a few threads and switches (with at most [`PREEMPTIONS_MAX`] of them forced):
//!
//! - invariant 1: whoever takes a generation reads one that is whole, to the end of its unit of work;
//! - invariant 6: what one thread takes has numbers that only grow;
//! - invariant 11: an old generation is dropped once, after its last reader, and by the retirer. Its relaxed look at the
//!   number of references is enough for that: nobody can take a generation that has left the pointer;
//! - invariant 3: `applied` is said when a follower has followed, also one that joins while the pointer is swapped, and no
//!   wake-up is lost.
//!
//! **What it does not.** That the code takes these steps in this order: whoever changes the order there changes it here. That
//! `arc_swap` keeps its promise: `pointer.rs` has the plain form of what it does, with one slot for each reader. That
//! `watch` and `Notify` keep theirs: they are a lock and a condition here.
//!
//! A model that could not fail would prove nothing: each file has a test that leaves one step out, and must fail.

#![cfg(loom)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod followers;
mod pointer;

/// How often a thread is interrupted where it need not wait, at most. Most defects of this kind need two.
const PREEMPTIONS_MAX: usize = 3;

fn in_every_interleaving(story: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(story);
}
