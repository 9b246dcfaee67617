//! The tries of a first preparation: each is as the first one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use changeover::{Blueprint, Engine, Preparation, Problem, StartError};

use crate::support::{Probes, Services, Settings, blueprint};

type First = dyn Fn(&Preparation<Settings, Services>, u64) -> Result<(), &'static str> + Send + Sync;

/// A blueprint whose preparations do this first. It is given the number of the try.
fn trying(
    folder: &std::path::Path,
    first: impl Fn(&Preparation<Settings, Services>, u64) -> Result<(), &'static str> + Send + Sync + 'static,
) -> (Blueprint<Settings, Services>, Arc<AtomicU64>) {
    let mut blueprint = blueprint(folder, &Probes::default());
    let (tries, first): (Arc<AtomicU64>, Arc<First>) = (Arc::default(), Arc::new(first));
    let (counted, prepare) = (Arc::clone(&tries), Arc::from(blueprint.prepare));
    blueprint.prepare = Box::new(move |preparation| {
        let prepare: Arc<changeover::Prepare<Settings, Services>> = Arc::clone(&prepare);
        let (first, number) = (Arc::clone(&first), counted.fetch_add(1, Ordering::SeqCst) + 1);
        Box::pin(async move {
            first(&preparation, number).map_err(|why| vec![Problem::new("", why)])?;
            prepare(preparation).await
        })
    });
    (blueprint, tries)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_try_leaves_no_scratch_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (blueprint, tries) = trying(folder.path(), |preparation, number| {
        let scratch = &preparation.scratch;
        assert!(!scratch.exists(), "not made until somebody makes it");
        std::fs::create_dir_all(scratch).unwrap();
        if number == 1 { Err("the port is taken") } else { Ok(()) }
    });
    let engine = Engine::start(blueprint).await.unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    assert_eq!(std::fs::read_dir(folder.path().join("state/candidates")).unwrap().count(), 0);
    engine.shutdown().await;
}

/// A port, which one at a time may have.
struct Port(Arc<AtomicBool>);

impl Port {
    fn bind(taken: &Arc<AtomicBool>) -> Result<Self, &'static str> {
        match taken.swap(true, Ordering::SeqCst) {
            true => Err("the port is taken"),
            false => Ok(Self(Arc::clone(taken))),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_try_lets_go_before_the_next_begins() -> Result<(), StartError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), r#"{"deadlineMs": 50}"#).unwrap();
    let taken = Arc::default();
    let (blueprint, tries) = trying(folder.path(), move |_, number| {
        let _port = Port::bind(&taken)?;
        if number == 1 {
            // For longer than the deadline and the pause after it.
            std::thread::sleep(Duration::from_millis(500));
            return Err("too late for anybody");
        }
        Ok(())
    });
    let engine = Engine::start(blueprint).await?;
    assert_eq!(tries.load(Ordering::SeqCst), 2, "its own port was not in its way");
    engine.shutdown().await;
    Ok(())
}
