//! Stories that once went otherwise, each with what was wrong then.

use crate::run::tell;
use crate::steps::{Fault, Said, Seen, Step, Text, Way};

const fn said(pair: u8, llm: u8, fault: Fault) -> Text {
    Text::Good(Said { pair, llm, fault, note: 0 })
}

/// It stayed in quarantine, although all of it was known to work: the next start refused the file that ran.
#[test]
fn what_is_kept_at_once_is_out_of_quarantine() {
    let taken_back = said(2, 2, Fault::None);
    let steps = vec![
        Step::Worked,
        Step::Save(taken_back, Way::Rename),
        Step::Failed,
        Step::Save(said(0, 2, Fault::None), Way::Rename),
        Step::Worked,
        Step::Save(taken_back, Way::Rename),
        Step::Restart(None),
    ];
    tell(&(Some(said(1, 1, Fault::None)), steps));
}

/// What the file said before a proposal was tried again, and went live although the file said something else.
#[test]
fn a_proposal_that_changes_no_setting_ends_what_waited_for_the_world() {
    let live = said(1, 0, Fault::None);
    let other_words = Text::Good(Said { pair: 1, llm: 0, fault: Fault::None, note: 1 });
    let steps = vec![
        Step::World { refuses: true },
        Step::Save(said(2, 0, Fault::AsksTheWorld), Way::Rename),
        Step::Propose(other_words, Seen::Present),
        Step::World { refuses: false },
    ];
    tell(&(Some(live), steps));
}

/// The trial of an earlier save of it ended well later, and let it out: the next start took what had just been taken back.
#[test]
fn what_worked_before_it_was_taken_back_is_no_proof() {
    let first = said(1, 1, Fault::None);
    let steps = vec![
        Step::Worked,
        Step::Save(said(2, 2, Fault::None), Way::Rename),
        Step::Worked,
        Step::Save(first, Way::Rename),
        Step::Failed,
        Step::Restart(None),
    ];
    tell(&(Some(first), steps));
}
